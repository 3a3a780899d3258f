"""Files, with care: only what is a file is read, and what is written is whole or not there."""

from __future__ import annotations

import codecs
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def is_there(path: Path) -> bool:
    """Say whether there is anything; nothing is under a name that no file system takes."""
    try:
        return path.exists()
    except OSError:
        return False


def expanded(path: str | Path) -> Path:
    """Return a path with a home folder in the place of its tilde, where there is such a user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def must_have_a_current_folder() -> None:
    """Raise OSError, with what to do, where the folder that the process works in is gone."""
    try:
        Path.cwd()
    except OSError as error:
        raise OSError(
            error.errno, "the current folder was removed or replaced: change to another with cd"
        ) from None


def make_folder(path: Path) -> None:
    """Make a folder and those above it, unless they are there. Raises OSError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except RecursionError:
        raise OSError(errno.ENAMETOOLONG, "it lies in too many folders", str(path)) from None


def open_file(path: Path) -> BinaryIO:
    """Open a regular file to read it; never wait for one that is none.

    Raises OSError: for a FIFO, a socket, a device or a folder `strerror` says what it is.
    """
    # Before it is opened: to open a device may set it in motion.
    _must_be_regular(path, path.stat())
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        _must_be_regular(path, os.fstat(file.fileno()))
    except BaseException:
        file.close()
        raise
    return file


def read_file(path: Path, *, limit: int | None = None) -> bytes:
    """Return what a regular file holds, at most `limit` bytes.

    Raises OSError as `open_file` does, and for a file of more.
    """
    with open_file(path) as file:
        if limit is None:
            return file.read()
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit:,} bytes", str(path))
    return content


def read_text(path: Path, *, limit: int) -> str:
    """Return the text in UTF-8 that a regular file holds, without a byte order mark.

    Raises OSError as `read_file` does, and for what is no UTF-8; `strerror` says what to do.
    """
    content = read_file(path, limit=limit)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        wide = content.startswith(_UTF16_MARKS)
        came = "it begins as UTF-16 does" if wide else f"the byte at {error.start:,} is none of it"
        raise OSError(
            errno.EILSEQ, f"expected text in UTF-8, but {came}: save it as UTF-8", str(path)
        ) from None


def write_new(path: Path, content: bytes) -> None:
    """Write a new file; it has the mode that the umask leaves. Raises OSError, also if it exists.

    Where the file system has no hard links, a power cut may leave an empty file behind.
    """
    with _partial(path, content) as partial:
        try:
            os.link(partial, path)
        except FileExistsError:
            raise
        # A file system without hard links, FAT or a network's, says so by one of many errors.
        except OSError:
            _claim(path, partial)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file, in the place of what has its name. Raises OSError."""
    with _partial(path, content) as partial:
        partial.replace(path)


def output_trouble(path: Path) -> str | None:
    """Return why nothing can be written there, as far as that shows beforehand."""
    try:
        if path.is_dir():
            return "it is a folder"
        if not path.parent.is_dir():
            return f"there is no folder {path.parent}"
        there = path if path.exists() else path.parent
        if not os.access(there, os.W_OK):
            return f"{there} may not be written to"
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    return None


def folder_trouble(path: Path) -> str | None:
    """Return why no file can be written into a folder, which may have to be made first."""
    there = next((one for one in (path, *path.absolute().parents) if is_there(one)), path)
    if not there.is_dir():
        return f"{there} is no folder"
    return None if os.access(there, os.W_OK) else f"the folder {there} may not be written to"


def write_output(path: Path, content: bytes) -> None:
    """Write the file that a user named. Raises OSError.

    It is whole or as it was; but a device, a FIFO and what a link leads to are written into, so
    that `/dev/stdout` is no file afterwards.
    """
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "it may not be written to", str(path))
    if path.is_symlink() or (path.exists() and not path.is_file()):
        path.write_bytes(content)
    else:
        replace_file(path, content)


def _must_be_regular(path: Path, status: os.stat_result) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        what = _KINDS.get(kind, "something else")
        number = errno.EISDIR if kind == stat.S_IFDIR else errno.EINVAL
        raise OSError(number, f"expected a file, but it is {what}", str(path))


def _claim(path: Path, partial: Path) -> None:
    """Take a name by an empty file, so that no other writer does; move the content there."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
    try:
        partial.replace(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def _partial(path: Path, content: bytes) -> Iterator[Path]:
    """Write the content beside `path`, under another name that is gone afterwards."""
    partial = path.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield partial
    finally:
        partial.unlink(missing_ok=True)
    # The file is whole; that its name outlives a power cut too is more than some folders grant.
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
