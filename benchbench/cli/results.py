"""`benchbench results`: a results folder as one archive, and back; is what it holds whole?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchbench.errors import UsageError
from benchbench.printable import one_line

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

_Folder = Annotated[Path, typer.Argument(help="A results folder.")]


@app.command(short_help="Pack the records of a folder into one archive.")
def pack(
    folder: _Folder,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The file to write; without it FOLDER/records.jsonl.gz."
        ),
    ] = None,
) -> None:
    """Pack the records of a folder into one archive, which every command reads in its place."""
    from benchbench.run import store

    archive, count = store.pack(folder, output)
    typer.echo(f"packed {count} records into {archive} ({archive.stat().st_size:,} bytes)")
    typer.echo(f"{folder / 'runs'} is as it was; it may be removed", err=True)


@app.command(short_help="Write the records of an archive as files again.")
def unpack(
    archive: Annotated[Path, typer.Argument(help="An archive, *.jsonl.gz.")],
    into: Annotated[
        Path, typer.Option(help="The folder to write into: its runs/ is made or added to.")
    ],
) -> None:
    """Write the records of an archive as files again, each as it was saved."""
    from benchbench.run import store

    typer.echo(f"unpacked {store.unpack(archive, into)} files into {into / 'runs'}")


@app.command(short_help="Read everything, and test hashes and seals.")
def verify(
    places: Annotated[list[Path], typer.Argument(help="Folders of results, and archives.")],
) -> None:
    """Read everything: hashes, records, the seals of certificates; exit with 1 if one is off.

    A seal is an integrity check, no signature: who edits can seal again.
    """
    from benchbench.run import store

    records, unreadable = store.read(*places)
    if not records and not unreadable:
        raise UsageError(store.nothing_in(*places))
    edited = [one for one in records if one.certificate and not one.certificate.genuine]
    for problem in unreadable:
        typer.echo(f"unreadable: {problem}")
    for record in edited:
        typer.echo(f"edited: {one_line(record.run_id)}: the hash of its certificate no longer fits")
    certified = sum(one.certificate is not None for one in records)
    typer.echo(
        f"{len(records)} records, {certified} of them with a certificate; {len(unreadable)} "
        f"unreadable, {len(edited)} edited"
    )
    typer.echo(
        "A seal is a hash, no signature: it shows damage, and not who made or altered what and "
        "sealed it again (SECURITY.md)."
    )
    raise typer.Exit(1 if unreadable or edited else 0)
