"""Records on disk: one immutable JSON file a run, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchbench.errors import StoreError
from benchbench.records import SCHEMA, RunRecord
from benchbench.spec.identity import canonical

RESULTS_VARIABLE = "BENCHBENCH_RESULTS"


class _Version(msgspec.Struct):
    schema: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that should be a record and cannot be read as one, and why."""

    path: Path
    reason: str


def results_folder(given: Path | None) -> Path:
    """Return the folder for results: as given, else `BENCHBENCH_RESULTS`, else ./results."""
    return given or Path(os.environ.get(RESULTS_VARIABLE) or "results")


class Store:
    """The records under a results folder, in `runs/`."""

    def __init__(self, results: Path) -> None:
        self.folder = results / "runs"

    def prepare(self) -> None:
        """Make the folder and try to write in it. Raises StoreError: before training, not after."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder) as file:
                file.write(b"x")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(
                f"the results folder {self.folder} cannot be written: {error.strerror or error}; "
                f"name another with --results or {RESULTS_VARIABLE}"
            ) from None

    def path(self, run_id: str) -> Path:
        """Return where the record of a run stands."""
        return self.folder / f"{run_id}.json"

    def log_path(self, run_id: str) -> Path:
        """Return where the log of a run stands, if it was kept."""
        return self.folder / f"{run_id}.log"

    def save(self, record: RunRecord) -> Path:
        """Write one record; where that fails, write it to the temporary folder.

        Raises StoreError, which names where the record is now.
        """
        text = msgspec.json.format(msgspec.json.encode(canonical(record)), indent=1) + b"\n"
        path = self.path(record.run_id)
        try:
            _write_once(path, text)
        except OSError as error:
            refuge = Path(tempfile.gettempdir()) / path.name
            try:
                _write_once(refuge, text)
                where = f"it is kept as {refuge}: move it there when there is room"
            except OSError as second:
                where = f"nor to {refuge} ({second.strerror}); it follows:\n{text.decode()}"
            raise StoreError(
                f"the record {path} cannot be written ({error.strerror or error}); {where}. "
                f"Records saved before are whole"
            ) from None
        return path


def read(results: Path) -> tuple[list[RunRecord], list[Unreadable]]:
    """Read every record under a results folder, oldest first, and tell what could not be read."""
    records, unreadable = [], []
    for path in sorted((results / "runs").glob("*.json")):
        try:
            records.append(_decode(path.read_bytes()))
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, StoreError) as error:
            unreadable.append(Unreadable(path, str(error)))
    records.sort(key=lambda record: (record.started, record.run_id))
    return records, unreadable


def _decode(data: bytes) -> RunRecord:
    version = msgspec.json.decode(data, type=_Version).schema
    if version > SCHEMA:
        raise StoreError(
            f"it has schema {version}, this benchbench reads up to {SCHEMA}: upgrade benchbench"
        )
    return msgspec.json.decode(data, type=RunRecord)


def _write_once(path: Path, data: bytes) -> None:
    """Write a new file whole, or not at all; refuse to overwrite. Raises OSError."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".partial")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        os.link(temporary, path)
    finally:
        Path(temporary).unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
