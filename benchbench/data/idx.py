"""IDX, the format MNIST is published in: bytes to arrays and back.

A header of big-endian numbers, then the values, row-major: two zero bytes, one byte for the type
(8: unsigned bytes, the only type image data sets use), one for the number of dimensions, four for
the length of each. Source: http://yann.lecun.com/exdb/mnist/ (archived), "the IDX file format".
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import struct
import zlib
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, TypeAlias

from benchbench.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Bytes: TypeAlias = "npt.NDArray[np.uint8]"

_UNSIGNED_BYTE = 8
_GZIP_MAGIC = b"\x1f\x8b"
# Deflate cannot do better than 1,032 to 1, so a header that promises more is not true.
_GZIP_LIMIT = 1032


def decode(content: bytes, *, source: str, dimensions: Collection[int] = (1, 3, 4)) -> Bytes:
    """Return the array in IDX bytes, gzipped or not: uint8, C-contiguous, read-only.

    `source` names the bytes in errors; `dimensions` are the numbers of dimensions that will do.

    Raises DataError for bytes that are not exactly one such array: another magic, type or number of
    dimensions, too few bytes or too many, damaged gzip.
    """
    try:
        if content[:2] == _GZIP_MAGIC:
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
                return _read(stream, len(content) * _GZIP_LIMIT, source, dimensions)
        return _read(io.BytesIO(content), len(content), source, dimensions)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{source}: expected a whole gzip file, but it is damaged ({error}); get it again"
        ) from None


def encode(array: Bytes) -> bytes:
    """Return the IDX bytes of a uint8 array of any shape."""
    return _header(array.shape) + array.tobytes()


def sha256(array: Bytes) -> str:
    """Return the SHA-256 of `encode(array)`, in hexadecimal, without making those bytes."""
    import numpy as np

    digest = hashlib.sha256(_header(array.shape))
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _header(shape: tuple[int, ...]) -> bytes:
    return struct.pack(f">xxBB{len(shape)}I", _UNSIGNED_BYTE, len(shape), *shape)


def _read(stream: Any, limit: int, source: str, dimensions: Collection[int]) -> Bytes:
    """Read one array; `limit` is the largest number of bytes that the stream can hold."""
    import numpy as np

    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise DataError(
            f"{source}: expected an IDX file, which begins with two zero bytes, but it begins with "
            f"{magic!r}; is it another format, or an error page that was saved under this name?"
        )
    kind, rank = magic[2], magic[3]
    if kind != _UNSIGNED_BYTE:
        raise DataError(
            f"{source}: expected unsigned bytes (IDX type {_UNSIGNED_BYTE:#04x}), but the file "
            f"holds IDX type {kind:#04x}; convert it to bytes"
        )
    if rank not in dimensions:
        wanted = " or ".join(str(number) for number in dimensions)
        raise DataError(
            f"{source}: expected {wanted} dimensions, but the file has {rank}; labels have 1, grey "
            f"images 3, coloured images 4: were two files swapped?"
        )
    lengths = stream.read(4 * rank)
    if len(lengths) < 4 * rank:
        raise DataError(f"{source}: the file ends inside its header; get it again")
    shape = struct.unpack(f">{rank}I", lengths)
    size = math.prod(shape)
    if size > limit:
        raise _truncated(source, shape, f"it can hold {limit:,} at most")
    values = bytearray(size)
    filled = 0
    while filled < size:
        count = stream.readinto(memoryview(values)[filled:])
        if not count:
            raise _truncated(source, shape, f"it ends after {filled:,}")
        filled += count
    if stream.read(1):
        raise DataError(
            f"{source}: expected {size:,} bytes for the shape {shape} and then the end, but more "
            f"bytes follow; get it again"
        )
    array = np.frombuffer(values, np.uint8).reshape(shape)
    array.flags.writeable = False
    return array


def _truncated(source: str, shape: tuple[int, ...], what_came: str) -> DataError:
    return DataError(
        f"{source}: expected {math.prod(shape):,} bytes for the shape {shape}, but the file is "
        f"truncated: {what_came}; get it again"
    )
