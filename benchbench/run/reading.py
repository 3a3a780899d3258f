"""Bytes to records: what is no record, or states what cannot be true, is refused by its reason."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec

from benchbench.errors import SpecError, StoreError
from benchbench.files import read_file
from benchbench.printable import one_line
from benchbench.records import SCHEMA, RunRecord
from benchbench.run.plausibility import implausible

# One record takes some ten thousand bytes; what is larger than this is not one.
_LARGEST_RECORD_BYTES = 64 << 20
_LONGEST_REASON = 300


class _Version(msgspec.Struct):
    schema: int


def read_record(path: Path) -> RunRecord:
    """Return the record in a file. Raises StoreError, whatever is there."""
    try:
        content = read_file(path, limit=_LARGEST_RECORD_BYTES)
    except OSError as error:
        raise StoreError(error.strerror or str(error)) from None
    return decode(content)


def decode(content: bytes) -> RunRecord:
    """Return the record in the bytes of a file.

    Raises StoreError, whatever they are: no record, one of another schema, or one that states what
    cannot be true.
    """
    try:
        record = _decode(content)
        faults = list(itertools.islice(implausible(record), 3))
    # A spec raises SpecError; a number may be more than Python or the format takes.
    except (ValueError, ArithmeticError, SpecError) as error:
        raise StoreError(_short(str(error))) from None
    except RecursionError:
        raise StoreError("it is nested too deeply to be a record") from None
    if faults:
        raise StoreError(_short(f"it states what cannot be true: {'; '.join(faults)}"))
    return record


def _decode(content: bytes) -> RunRecord:
    version = msgspec.json.decode(content, type=_Version).schema
    if not 1 <= version <= SCHEMA:
        newer = ": upgrade benchbench" if version > SCHEMA else ""
        raise StoreError(
            _short(f"it has schema {version}, this benchbench reads 1 to {SCHEMA}{newer}")
        )
    return msgspec.json.decode(content, type=RunRecord)


def _short(reason: str) -> str:
    line = one_line(reason)
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}..."
