"""IDX: what is written reads back, and nothing else does."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from benchbench.data import idx
from benchbench.errors import DataError

SHAPES = st.sampled_from([1, 3, 4]).flatmap(
    lambda rank: st.tuples(*[st.integers(0, 5) for _ in range(rank)])
)
ARRAYS = SHAPES.flatmap(lambda shape: hnp.arrays(np.uint8, shape))


@given(ARRAYS, st.booleans())
def test_what_is_encoded_decodes_to_the_same(array, gzipped):
    encoded = idx.encode(array)
    decoded = idx.decode(gzip.compress(encoded) if gzipped else encoded, source="x")
    assert decoded.shape == array.shape
    assert decoded.dtype == np.uint8
    assert (decoded == array).all()
    assert not decoded.flags.writeable


def test_the_bytes_are_those_of_the_format():
    array = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    header = bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3])
    assert idx.encode(array) == header + bytes([1, 2, 3, 4, 5, 6])


@given(ARRAYS)
def test_the_hash_is_that_of_the_encoded_bytes(array):
    import hashlib

    assert idx.sha256(array) == hashlib.sha256(idx.encode(array)).hexdigest()
    backwards = array[::-1]
    assert idx.sha256(backwards) == hashlib.sha256(idx.encode(backwards)).hexdigest()


@given(ARRAYS, st.data(), st.booleans())
def test_every_truncation_is_refused(array, data, gzipped):
    encoded = idx.encode(array)
    if gzipped:
        encoded = gzip.compress(encoded)
    end = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(DataError):
        idx.decode(encoded[:end], source="x")


@given(ARRAYS, st.binary(min_size=1), st.booleans())
def test_trailing_bytes_are_refused(array, extra, gzipped):
    encoded = idx.encode(array) + extra
    with pytest.raises(DataError, match="more bytes follow"):
        idx.decode(gzip.compress(encoded) if gzipped else encoded, source="x")


@given(st.binary(max_size=200), st.tuples(*[st.integers(0, 3)] * 3))
def test_garbage_is_a_data_error_or_what_an_array_is_encoded_as(content, shape):
    for start in (b"", b"\x1f\x8b\x08", struct.pack(">xxBB3I", 8, 3, *shape)):
        decoded = _decode_or_refuse(start + content)
        assert decoded is None or idx.encode(decoded) == start + content


@given(ARRAYS, st.data())
def test_damaged_gzip_is_a_data_error_or_the_array(array, data):
    encoded = bytearray(gzip.compress(idx.encode(array)))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    decoded = _decode_or_refuse(bytes(encoded))
    # The checksum covers the content, not the header's date and system.
    assert decoded is None or (decoded == array).all()


def test_a_gzip_header_that_promises_the_moon_is_refused_before_memory_is_taken():
    lying = struct.pack(">xxBB3I", 8, 3, 2**31, 2**31, 2**31)
    with pytest.raises(DataError, match="truncated"):
        idx.decode(gzip.compress(lying), source="x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>busy</html>", "begins with b'<htm'"),
        (bytes([0, 0, 0x0D, 1, 0, 0, 0, 0]), "IDX type 0x0d"),
        (bytes([0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 0]), "but the file has 2"),
        (bytes([0, 0, 8, 3, 0, 0]), "inside its header"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 9, 1]), "expected 9 bytes for the shape"),
    ],
)
def test_the_message_names_source_and_fault(content, message):
    with pytest.raises(DataError, match=message) as caught:
        idx.decode(content, source="the/file")
    assert "the/file" in str(caught.value)


def test_labels_in_the_place_of_images_are_refused():
    labels = idx.encode(np.zeros(5, np.uint8))
    with pytest.raises(DataError, match="expected 3 or 4 dimensions, but the file has 1"):
        idx.decode(labels, source="x", dimensions=(3, 4))


def _decode_or_refuse(content: bytes) -> np.ndarray | None:
    try:
        return idx.decode(content, source="x")
    except DataError:
        return None
