"""Records on disk: one immutable JSON file a run, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchbench.errors import StoreError
from benchbench.files import is_there, make_folder, read_file, write_new
from benchbench.printable import one_line
from benchbench.records import RunRecord
from benchbench.run.archive import (
    SUFFIX,
    JsonEntry,
    file_entry,
    is_archive,
    read_archive,
    write_archive,
)
from benchbench.run.encoding import to_json
from benchbench.run.reading import decode, read_record

RESULTS_VARIABLE = "BENCHBENCH_RESULTS"
# Records of a results folder that were packed; those of later runs stand beside it, in `runs/`.
ARCHIVE = f"records{SUFFIX}"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that should be a record and cannot be read as one, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{one_line(str(self.path))}: {self.reason}"


def results_folder(given: Path | None) -> Path:
    """Return the folder for results: as given, else `BENCHBENCH_RESULTS`, else ./results."""
    return given or Path(os.environ.get(RESULTS_VARIABLE) or "results")


class Store:
    """The records under a results folder, in `runs/`; what was planned is in `sessions/`."""

    def __init__(self, results: Path) -> None:
        self.folder = results / "runs"
        self.plans = results / "sessions"

    def prepare(self) -> None:
        """Make the folder and write a file as `save` will. Raises StoreError: before training."""
        if is_archive(self.folder.parent):
            raise StoreError(
                f"records cannot be written into {self.folder.parent}: by its name "
                f"(*{SUFFIX}) it is an archive, which is only read; name a folder with --results"
            )
        try:
            make_folder(self.folder)
            proof = self.folder / f".{secrets.token_hex(8)}.proof"
            write_new(proof, b"x")
            proof.unlink()
        except OSError as error:
            raise StoreError(
                f"the results folder {self.folder} cannot be written: {error.strerror or error}; "
                f"name another with --results or {RESULTS_VARIABLE}"
            ) from None

    def path(self, run_id: str) -> Path:
        """Return where the record of a run stands."""
        return self.folder / f"{_file_name(run_id)}.json"

    def log_path(self, run_id: str) -> Path:
        """Return where the log of a run stands, if it was kept."""
        return self.folder / f"{_file_name(run_id)}.log"

    def session(self, session_id: str) -> list[RunRecord]:
        """Return the records of one session that can be read, in the order of their start.

        Those that were packed are among them. Raises StoreError for an archive that is damaged.
        """
        found = {}
        for path, data in _files(self.folder.parent):
            if path.name.startswith(session_id):
                with suppress(StoreError):
                    record = _read(data)
                    found[record.run_id] = record
        own = [record for record in found.values() if record.session_id == session_id]
        return sorted(own, key=lambda record: (record.started, record.run_id))

    def save(self, record: RunRecord) -> Path:
        """Write one record; where that fails, write it to the temporary folder.

        Raises StoreError, which names where the record is now.
        """
        text = msgspec.json.format(to_json(record), indent=1) + b"\n"
        path = self.path(record.run_id)
        try:
            write_new(path, text)
        except OSError as error:
            raise StoreError(
                f"the record {path} cannot be written ({error.strerror or error}); "
                f"{_save_elsewhere(path, text)}. Records saved before are whole"
            ) from None
        return path


def _file_name(run_id: str) -> str:
    """Return the id, or, where it is not fit for the name of a file, what is fit of it and a hash.

    A plugin's names are part of an id; one that no file system takes must not lose the run.
    """
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}", run_id):
        return run_id
    fit = re.sub(r"[^A-Za-z0-9._+-]+", "_", run_id)[:150].lstrip(".")
    return f"{fit}-{hashlib.sha256(run_id.encode(errors='backslashreplace')).hexdigest()[:12]}"


def _save_elsewhere(path: Path, text: bytes) -> str:
    """Write a record to the temporary folder; return where it is, or the record itself."""
    # What has that name already may be the record of another results folder.
    for name in (path.name, f"{path.stem}-{secrets.token_hex(4)}.json"):
        try:
            refuge = Path(tempfile.gettempdir()) / name
            write_new(refuge, text)
        except OSError as error:
            reason = f"nor as {error.filename or name} ({error.strerror or error})"
        else:
            return f"it is kept as {refuge}: move it there when there is room"
    # In ASCII, so that every terminal shows it as it is.
    return f"{reason}; it follows:\n{json.dumps(json.loads(text), indent=1)}"


def read(*places: Path) -> tuple[list[RunRecord], list[Unreadable]]:
    """Read every record of results folders and archives, oldest first; tell what was unreadable.

    A folder has its records in `runs/`, in the archive `records.jsonl.gz`, or in both. A run counts
    once by its id, wherever it stands. Raises StoreError for an archive that is not whole, and
    where two places hold different records of one run.
    """
    records: dict[str, tuple[RunRecord, Path]] = {}
    unreadable = []
    # Each place as a whole: that an archive was altered is known at its end.
    for path, data in (file for place in places for file in list(_files(place))):
        try:
            record = _read(data)
        except StoreError as error:
            unreadable.append(Unreadable(path, str(error)))
            continue
        known, where = records.setdefault(record.run_id, (record, path))
        if known != record:
            raise StoreError(
                f"{where} and {path} hold different records of the run {record.run_id}: expected "
                f"one; take away the one that is not the original"
            )
    found = [record for record, _ in records.values()]
    return sorted(found, key=lambda record: (record.started, record.run_id)), unreadable


def folders_below(folder: Path) -> list[Path]:
    """Return the results folders in this folder, of which it may be one itself, by name."""
    places = _listed(folder)
    return [place for place in places if _listed(place / "runs", ".json") or _packed(place)]


def nothing_in(*places: Path) -> str:
    """Say that places hold no records, why, and which folders in them do."""
    told = f"there are no records in {', '.join(map(_described, places))}"
    below = [str(folder) for place in places for folder in folders_below(place)]
    if not below:
        return told
    more = f" and {len(below) - 5} more" if len(below) > 5 else ""
    return f"{told}, but there are in {', '.join(below[:5])}{more}: name one of these"


def _described(place: Path) -> str:
    """Name a place that holds no records, with what it is where that is no results folder."""
    whole = place.absolute()
    if not is_there(place):
        return f"{place}, which does not exist"
    if not place.is_dir():
        return f"{place}, which is neither a results folder nor an archive (*{SUFFIX})"
    if not _listed(place, ".json"):
        return str(place)
    if whole.name == "runs":
        return f"{place}, which is the inside of a results folder: name {whole.parent}"
    return f"{place}, which has .json files, but no folder runs/ with them"


def _files(place: Path) -> Iterator[tuple[Path, bytes | Path]]:
    """Yield the records of a folder or an archive: where each stands, and its bytes or its file."""
    if is_archive(place):
        for entry in read_archive(place):
            if not entry.name.startswith("runs/"):
                raise StoreError(
                    f"{place} is no archive of records: it holds {entry.name}; certificates are "
                    f"read by studies/tolerances.py"
                )
            if isinstance(entry, JsonEntry):
                yield place / entry.name, bytes(entry.json)
        return
    if _packed(place):
        yield from _files(place / ARCHIVE)
    for path in _listed(place / "runs", ".json"):
        yield path, path


def _read(data: bytes | Path) -> RunRecord:
    return decode(data) if isinstance(data, bytes) else read_record(data)


def _packed(folder: Path) -> bool:
    return folder / ARCHIVE in _listed(folder)


def _listed(folder: Path, suffix: str = "") -> list[Path]:
    """Return what is in a folder, by name; nothing where there is no folder. Raises StoreError."""
    try:
        return sorted(path for path in folder.iterdir() if path.name.endswith(suffix))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(f"cannot read the folder {folder}: {error.strerror or error}") from None


def pack(folder: Path, archive: Path | None = None) -> tuple[Path, int]:
    """Pack the records of a folder, with their logs; return the archive and how many records.

    The archive is `records.jsonl.gz` in the folder, unless another is named. The folder stays as it
    is. Raises StoreError where there is nothing to pack, or a record cannot be read.
    """
    if is_archive(folder):
        raise StoreError(f"{folder} is an archive already: expected a results folder to pack")
    target = archive or folder / ARCHIVE
    if not is_archive(target):
        raise StoreError(f"an archive's name ends in {SUFFIX}, but {target} does not")
    records, unreadable = read(folder)
    if unreadable:
        named = "; ".join(f"{one.path} cannot be read: {one.reason}" for one in unreadable[:5])
        raise StoreError(f"{len(unreadable)} of the records cannot be packed: {named}")
    runs = folder / "runs"
    paths = [*_listed(runs, ".json"), *_listed(runs, ".log")]
    entries = {path.name: file_entry(f"runs/{path.name}", _content(path)) for path in paths}
    if _packed(folder) and target != folder / ARCHIVE:
        for entry in read_archive(folder / ARCHIVE):
            entries.setdefault(Path(entry.name).name, entry)
    if not entries:
        raise StoreError(f"{nothing_in(folder)}; there is nothing to pack")
    write_archive(target, list(entries.values()))
    return target, len(records)


def unpack(archive: Path, folder: Path) -> int:
    """Write the files of an archive into a folder, each as it was saved; return how many.

    Raises StoreError for an archive that is not whole, before anything is written, and for a file
    that is there already with another content.
    """
    entries = list(read_archive(archive))
    for entry in entries:
        if not re.fullmatch(r"runs/[^/\0]{1,250}\.(json|log)", entry.name):
            raise StoreError(
                f"{archive} names a file {entry.name!r}: expected runs/ID.json or runs/ID.log"
            )
        path = folder / entry.name
        if os.path.lexists(path) and _content(path) != entry.content:
            raise StoreError(
                f"{path} is there already and differs from that in {archive}: unpack into another "
                f"folder"
            )
    try:
        make_folder(folder / "runs")
        for entry in entries:
            if not (folder / entry.name).exists():
                write_new(folder / entry.name, entry.content)
    except OSError as error:
        raise StoreError(f"cannot unpack into {folder}: {error.strerror or error}") from None
    return len(entries)


def _content(path: Path) -> bytes:
    try:
        return read_file(path)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from None
