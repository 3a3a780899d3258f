"""IDX, the format MNIST is published in: bytes to arrays and back.

A header of big-endian numbers, then the values, row-major: two zero bytes, one byte for the type
(8: unsigned bytes, the type of MNIST; 12: whole numbers of 32 bits, QMNIST's labels), one for the
number of dimensions, four for the length of each. Source: http://yann.lecun.com/exdb/mnist/
(archived), "the IDX file format".
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import os
import struct
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from benchbench.errors import DataError
from benchbench.files import open_file

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Bytes: TypeAlias = "npt.NDArray[np.uint8]"

_UNSIGNED_BYTE = 8
_INT32 = 12
# QMNIST's labels have 8 columns, the first of which is the class. Source: Yadav and Bottou, "Cold
# Case: The Lost MNIST Digits", https://github.com/facebookresearch/qmnist.
_QMNIST_COLUMNS = 8
_GZIP_MAGIC = b"\x1f\x8b"
# Deflate cannot do better than 1,032 to 1, so a header that promises more is not true.
_GZIP_LIMIT = 1032
_PIECE_BYTES = 1 << 20


def decode(content: bytes, *, source: str, dimensions: Collection[int] = (1, 3, 4)) -> Bytes:
    """Return the array in IDX bytes, gzipped or not: uint8, C-contiguous, read-only.

    `source` names the bytes in errors; `dimensions` are the numbers of dimensions that will do.

    Raises DataError for bytes that are not exactly one such array: another magic, type or number of
    dimensions, too few bytes or too many, damaged gzip.
    """
    return _decode(io.BytesIO(content), len(content), source, dimensions)


def load(path: Path, *, dimensions: Collection[int]) -> Bytes:
    """Return the array in an IDX file, as `decode` does; no more is read than its header says.

    Raises DataError likewise, and OSError where it cannot be read.
    """
    with open_file(path) as file:
        return _decode(file, os.fstat(file.fileno()).st_size, str(path), dimensions)


def _decode(file: BinaryIO, size: int, source: str, dimensions: Collection[int]) -> Bytes:
    """Decode a file of so many bytes, gzipped or not."""
    magic = file.read(2)
    file.seek(0)
    if magic != _GZIP_MAGIC:
        return _read(file, size, source, dimensions)
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            return _read(stream, size * _GZIP_LIMIT, source, dimensions)
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
    if kind == _INT32 and rank in {1, 2} and 1 in dimensions:
        return _read_numbers(stream, limit, source, rank)
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
    shape, values = _read_values(stream, limit, source, rank, value_bytes=1)
    try:
        array = np.frombuffer(values, np.uint8).reshape(shape)
    except ValueError:
        raise DataError(
            f"{source}: expected a shape that an array can have, but the file says {shape}; get it "
            f"again"
        ) from None
    array.flags.writeable = False
    return array


def _read_numbers(stream: Any, limit: int, source: str, rank: int) -> Bytes:
    """Read labels of 32 bits: (n,), or QMNIST's (n, 8), whose first column is the class."""
    import numpy as np

    shape, values = _read_values(stream, limit, source, rank, value_bytes=4)
    if rank == 2 and shape[1] != _QMNIST_COLUMNS:
        raise DataError(
            f"{source}: expected labels, (n,), or QMNIST's, (n, {_QMNIST_COLUMNS}), but its shape "
            f"is {shape}"
        )
    numbers = np.frombuffer(values, ">i4").reshape(shape)
    labels = numbers[:, 0] if rank == 2 else numbers
    if labels.size and not 0 <= labels.min() <= labels.max() <= 255:
        raise DataError(
            f"{source}: expected labels from 0 to 255, but they run from {labels.min()} to "
            f"{labels.max()}"
        )
    return labels.astype(np.uint8)


def _read_values(
    stream: Any, limit: int, source: str, rank: int, *, value_bytes: int
) -> tuple[tuple[int, ...], bytearray]:
    """Read the lengths and what they promise, and that it is the end."""
    lengths = stream.read(4 * rank)
    if len(lengths) < 4 * rank:
        raise DataError(f"{source}: the file ends inside its header; get it again")
    shape = struct.unpack(f">{rank}I", lengths)
    size = math.prod(shape) * value_bytes
    if size > limit:
        raise _truncated(source, shape, size, f"it can hold {limit:,} at most")
    # Piece by piece: memory is taken for what is there, not for what the header says.
    values = bytearray()
    while len(values) < size:
        piece = stream.read(min(size - len(values), _PIECE_BYTES))
        if not piece:
            raise _truncated(source, shape, size, f"it ends after {len(values):,}")
        values += piece
    if stream.read(1):
        raise DataError(
            f"{source}: expected {size:,} bytes for the shape {shape} and then the end, but more "
            f"bytes follow; get it again"
        )
    return shape, values


def _truncated(source: str, shape: tuple[int, ...], size: int, what_came: str) -> DataError:
    return DataError(
        f"{source}: expected {size:,} bytes for the shape {shape}, but the file is "
        f"truncated: {what_came}; get it again"
    )
