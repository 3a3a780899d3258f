"""Folders and npz files: one content, whatever the container; damage is named."""

from __future__ import annotations

import hashlib
import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.data import container, idx
from benchbench.errors import DataError


@pytest.mark.parametrize("how", ["idx", "gz", "npz"])
def test_every_container_gives_the_same_content(how, arrays, write, tmp_path):
    wanted = arrays()
    content = container.read(write(tmp_path / "set.npz", wanted, how))
    assert list(content.arrays) == list(container.PARTS)
    for part, array in wanted.items():
        assert content.arrays[part].dtype == np.uint8
        assert (content.arrays[part] == array).all()
        assert content.sha256[part] == hashlib.sha256(idx.encode(array)).hexdigest()


def test_an_npz_may_hold_its_numbers_in_a_wider_type(arrays, write, tmp_path):
    wanted = arrays()
    wide = {part: array.astype(np.int64) for part, array in wanted.items()}
    content = container.read(write(tmp_path / "set.npz", wide, "npz"))
    assert (content.arrays["train-images"] == wanted["train-images"]).all()


@pytest.mark.parametrize("below", [".", "mnist", "MNIST/raw"])
def test_files_are_located_at_or_below_the_folder_named(below, arrays, write, tmp_path):
    folder = write(tmp_path / below, arrays())
    assert container.locate(tmp_path) == folder


def test_an_npz_is_located_in_the_folder_named(arrays, write, tmp_path):
    path = write(tmp_path / "mnist.npz", arrays(), "npz")
    assert container.locate(tmp_path) == path
    assert container.locate(path) == path


def test_nothing_is_located_in_other_folders(tmp_path):
    (tmp_path / "train-images.txt").write_text("no")
    assert container.locate(tmp_path) is None
    assert container.locate(tmp_path / "absent") is None


def test_dotted_names_are_read_and_unpacked_files_come_first(arrays, write, tmp_path):
    wanted = arrays()
    folder = write(tmp_path, wanted)
    (folder / "train-images-idx3-ubyte").rename(folder / "train-images.idx3-ubyte")
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(b"not read")
    content = container.read(folder)
    assert (content.arrays["train-images"] == wanted["train-images"]).all()


def test_missing_files_are_all_named(arrays, write, tmp_path):
    folder = write(tmp_path, arrays())
    (folder / "train-labels-idx1-ubyte").unlink()
    (folder / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(DataError, match="train-labels-idx1-ubyte, t10k-images-idx3-ubyte"):
        container.read(folder)


def test_counts_that_differ_are_refused(arrays, write, tmp_path):
    wanted = arrays()
    wanted["t10k-labels"] = wanted["t10k-labels"][:-1]
    with pytest.raises(DataError, match=r"has 20 images and .* 19 labels"):
        container.read(write(tmp_path, wanted))


def test_verify_names_path_and_both_hashes(arrays, write, tmp_path):
    wanted = arrays()
    true = container.read(write(tmp_path / "true", wanted))
    wanted["t10k-images"][3, 4, 5] ^= 1
    content = container.read(write(tmp_path / "false", wanted, "gz"))
    with pytest.raises(DataError) as caught:
        container.verify(content, true.sha256, "the set")
    message = str(caught.value)
    assert str(tmp_path / "false" / "t10k-images-idx3-ubyte.gz") in message
    assert true.sha256["t10k-images"] in message
    assert content.sha256["t10k-images"] in message
    container.verify(true, true.sha256, "the set")


def test_an_unreadable_file_is_named(arrays, write, tmp_path, monkeypatch):
    folder = write(tmp_path, arrays())

    def denied(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("benchbench.data.idx.open_file", denied)
    with pytest.raises(DataError, match=r"cannot read .*train-images.*: Permission denied"):
        container.read(folder)


class _Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_pickle_disguised_as_npz_is_refused_and_not_run(tmp_path):
    trap = tmp_path / "sprung"
    path = tmp_path / "mnist.npz"
    path.write_bytes(pickle.dumps(_Trap(str(trap))))
    with pytest.raises(DataError, match="pickles are never read"):
        container.read(path)
    assert not trap.exists()
    pickle.loads(path.read_bytes())  # noqa: S301 - the trap is a real one
    assert trap.exists()


def test_an_array_of_objects_in_an_npz_is_refused_and_not_run(arrays, write, tmp_path):
    trap = tmp_path / "sprung"
    hostile = arrays()
    hostile["train-labels"] = np.array([_Trap(str(trap))], dtype=object)
    path = write(tmp_path / "mnist.npz", hostile, "npz")
    with pytest.raises(DataError, match="cannot read its arrays: Object arrays"):
        container.read(path)
    assert not trap.exists()
    np.load(path, allow_pickle=True)["y_train"]
    assert trap.exists()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"train-labels": np.full(60, 0.5)}, "expected the number of a class for each image"),
        ({"train-images": np.zeros((60, 784), np.uint8)}, r"x = x.reshape\(-1, HEIGHT, WIDTH\)"),
        ({"t10k-labels": np.full(20, 300)}, "from 0 to 255 at most, but they run from"),
        ({"t10k-labels": np.full(20, -1)}, "from 0 to 255 at most, but they run from"),
    ],
)
def test_an_npz_of_other_numbers_is_refused(other, message, arrays, write, tmp_path):
    with pytest.raises(DataError, match=message):
        container.read(write(tmp_path / "x.npz", {**arrays(), **other}, "npz"))


def test_an_npz_without_the_arrays_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", x_train=np.zeros(3))
    with pytest.raises(DataError, match="y_train, x_test, y_test is missing"):
        container.read(tmp_path / "x.npz")


@pytest.fixture(scope="module")
def npz_bytes(arrays, write, tmp_path_factory) -> bytes:
    place = tmp_path_factory.mktemp("npz") / "x.npz"
    return write(place, arrays(12, 10, (2, 2)), "npz").read_bytes()


@given(data=st.data())
def test_a_damaged_npz_is_a_data_error_or_read(npz_bytes, data, tmp_path_factory):
    damaged = bytearray(npz_bytes)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    del damaged[data.draw(st.integers(len(damaged) // 2, len(damaged))) :]
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(damaged)
    try:
        content = container.read(path)
    except DataError:
        return
    assert set(content.arrays) == set(container.PARTS)


def test_the_identity_of_a_data_set_is_the_hash_of_five_lines():
    parts = {part: str(number) * 64 for number, part in enumerate(container.PARTS)}
    lines = (
        f"train-images {'0' * 64}\ntrain-labels {'1' * 64}\n"
        f"t10k-images {'2' * 64}\nt10k-labels {'3' * 64}\nvalidation 12\n"
    )
    assert container.dataset_sha256(parts, 12) == hashlib.sha256(lines.encode()).hexdigest()
