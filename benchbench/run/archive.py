"""Many small files as one: a header, then a file a line, compressed by gzip.

Line 1 is the header: the format's name and version, how many lines follow, and the SHA-256 of them.
Each further line is one file, a record as it was saved or a log, in the order of their names; so
packing the same files twice gives the same bytes, and an archive that was cut or altered is told.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec

from benchbench.errors import StoreError
from benchbench.files import open_file, read_file

SUFFIX = ".jsonl.gz"
FORMAT = "benchbench-results"
# 1: the first.
VERSION = 1

# One record takes some ten thousand bytes; a line of more than this is not one.
_LONGEST_LINE_BYTES = 64 << 20


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line: what the file is, and the SHA-256 of all lines that follow."""

    format: str = FORMAT
    version: int = VERSION
    entries: int
    sha256: str


class JsonEntry(msgspec.Struct, frozen=True, tag="json"):
    """A file of JSON: its name within the folder, and what it holds, in compact form."""

    name: str
    json: msgspec.Raw

    @property
    def content(self) -> bytes:
        """The file's bytes, laid out as `run.store` saves them. Raises StoreError if too deep."""
        try:
            return msgspec.json.format(bytes(self.json), indent=1) + b"\n"
        except RecursionError:
            raise StoreError(f"{self.name} is nested too deeply to be a record") from None


class TextEntry(msgspec.Struct, frozen=True, tag="text"):
    """Another file, a log."""

    name: str
    text: str

    @property
    def content(self) -> bytes:
        """The file's bytes."""
        return self.text.encode()


Entry: TypeAlias = JsonEntry | TextEntry


def is_archive(path: Path) -> bool:
    """Say whether a path is named like an archive."""
    return path.name.endswith(SUFFIX)


def file_entry(name: str, content: bytes) -> Entry:
    """Return the entry of a file. Raises StoreError for a .json file that is none."""
    if not name.endswith(".json"):
        return TextEntry(name, content.decode(errors="replace"))
    try:
        compact = msgspec.json.format(content, indent=-1)
        msgspec.json.decode(compact)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise StoreError(
            f"{name} cannot be packed: it is no JSON ({error}); mend it or take it away"
        ) from None
    return JsonEntry(name, msgspec.Raw(compact))


def write_archive(path: Path, entries: Sequence[Entry]) -> None:
    """Write a new archive, or leave one alone that says the same. Raises StoreError."""
    lines = [msgspec.json.encode(entry) + b"\n" for entry in sorted(entries, key=_name)]
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    header = Header(entries=len(lines), sha256=digest.hexdigest())
    buffer = io.BytesIO()
    # No time and no name in it: the same records give the same bytes.
    with gzip.GzipFile(filename="", fileobj=buffer, mode="wb", compresslevel=9, mtime=0) as file:
        file.write(msgspec.json.encode(header) + b"\n")
        file.writelines(lines)
    content = buffer.getvalue()
    partial = path.with_name(f".{path.name}.partial{SUFFIX}")
    try:
        if path.exists():
            if read_file(path) == content:
                return
            raise StoreError(
                f"{path} is there already and holds something else: name another file with "
                f"--output, or take it away first"
            )
        try:
            partial.write_bytes(content)
            for _ in read_archive(partial):  # what was written reads back, hash and all
                pass
            partial.rename(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from None


def read_archive(path: Path) -> Iterator[Entry]:
    """Yield the entries of an archive; the last one comes only if the whole file is as written.

    Raises StoreError for what is no archive, is cut short or altered, or of another version.
    """
    try:
        with open_file(path) as compressed, gzip.GzipFile(fileobj=compressed) as file:
            header = _header(path, file)
            digest, count = hashlib.sha256(), 0
            pending: Entry | None = None
            while line := _line(path, file):
                digest.update(line)
                count += 1
                if pending:
                    yield pending
                pending = _entry(path, line, count)
            if count != header.entries:
                raise StoreError(
                    f"{path} was cut short or altered: expected {header.entries} entries, found "
                    f"{count}; {_ADVICE}"
                )
            if digest.hexdigest() != header.sha256:
                raise StoreError(
                    f"{path} was altered: the SHA-256 of its entries is {digest.hexdigest()}, its "
                    f"header says {header.sha256}; {_ADVICE}"
                )
            if pending:
                yield pending
    except (EOFError, zlib.error):
        raise StoreError(f"{path} was cut short or is damaged; {_ADVICE}") from None
    except gzip.BadGzipFile:
        raise StoreError(
            f"{path} is no archive of results: it is not compressed by gzip (or its end is "
            f"damaged); {_ADVICE}"
        ) from None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from None


_ADVICE = "get it again, or pack it anew with `benchbench results pack`"


def _header(path: Path, file: gzip.GzipFile) -> Header:
    line = _line(path, file)
    try:
        header = msgspec.json.decode(line, type=Header)
    except msgspec.MsgspecError as error:
        raise StoreError(
            f"{path} is no archive of results: its first line is no header ({error}); {_ADVICE}"
        ) from None
    if header.format != FORMAT:
        raise StoreError(f"{path} is an archive of '{header.format}', not of {FORMAT}")
    if header.version != VERSION:
        raise StoreError(
            f"{path} has version {header.version} of the format, this benchbench reads version "
            f"{VERSION}: use the benchbench that wrote it, or a newer one"
        )
    return header


def _line(path: Path, file: gzip.GzipFile) -> bytes:
    line = file.readline(_LONGEST_LINE_BYTES + 1)
    if len(line) > _LONGEST_LINE_BYTES:
        raise StoreError(
            f"{path} has a line of more than {_LONGEST_LINE_BYTES >> 20} MiB, which is no record"
        )
    return line


def _entry(path: Path, line: bytes, number: int) -> Entry:
    try:
        entry: Entry = msgspec.json.decode(line, type=Entry)
    except msgspec.MsgspecError as error:
        raise StoreError(
            f"{path} was cut short or altered: entry {number} is none ({error}); {_ADVICE}"
        ) from None
    except RecursionError:
        # One file of many, and no record: whoever reads it as one meets the same again.
        entry = JsonEntry(f"runs/entry-{number}.json", msgspec.Raw(line))
    return entry


def _name(entry: Entry) -> str:
    return entry.name
