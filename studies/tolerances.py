"""Derive the ladder's tolerances from saved certificates: `python studies/tolerances.py DIR`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.errors import BenchbenchError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchbench.certificates import Certificate


def tolerances(
    certificates: Annotated[
        list[Path],
        typer.Argument(help="Folders of certificates, from `certify --save` or `--json`."),
    ],
    as_table: Annotated[
        bool, typer.Option("--table", help="Print a Markdown table by rung and backend instead.")
    ] = False,
    as_cells: Annotated[
        bool, typer.Option("--cells", help="Print one by model, backend and division instead.")
    ] = False,
) -> None:
    """Print the tolerances that certificates of correct implementations give."""
    import msgspec

    from benchbench.certify.tolerances import derive
    from benchbench.report import ladder
    from benchbench.report.renderers import markdown

    if as_table and as_cells:
        raise UsageError("--table and --cells print a table each: give one of them")
    found = [one for folder in certificates for one in _read(folder)]
    if as_cells:
        print(markdown.render(ladder.cells(found)))
    elif as_table:
        print(markdown.render(ladder.spread(found)))
    else:
        print(msgspec.toml.encode({"tolerance": derive(found)}).decode(), end="")


def _files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield the JSON files of a folder, and those in its archive `certificates.jsonl.gz`."""
    from benchbench.run.archive import SUFFIX, read_archive

    archive = folder / f"certificates{SUFFIX}"
    if archive.is_file():
        yield from ((archive / entry.name, entry.content) for entry in read_archive(archive))
    yield from ((path, path.read_bytes()) for path in sorted(folder.glob("*.json")))


def _read(folder: Path) -> list[Certificate]:
    """Return the certificates of a folder: files of one, or lists of many (`certify --json`).

    Raises UsageError for one that is not as it was made.
    """
    import msgspec

    from benchbench.certificates import Certificate

    found: list[Certificate] = []
    for path, content in _files(folder):
        try:
            certificates = msgspec.json.decode(content, type=Certificate | list[Certificate])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} holds no certificates: {error}") from None
        found += certificates if isinstance(certificates, list) else [certificates]
        if not all(one.genuine for one in found):
            raise UsageError(f"{path} was edited: a hash no longer fits; make it again")
    if not found:
        raise UsageError(
            f"there are no certificates in {folder}; make some with "
            f"`benchbench certify --backend all --model all --seeds 20 --save {folder}`"
        )
    return found


if __name__ == "__main__":
    try:
        typer.run(tolerances)
    except BenchbenchError as error:
        sys.exit(f"error: {error}")
