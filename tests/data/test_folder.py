"""A folder of one's own: what is read from it, what it is called, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from benchbench.data import container, folder, idx, mnist, splits
from benchbench.errors import DataError


def test_shape_and_classes_are_read_from_the_files(arrays, write, tmp_path):
    place = write(tmp_path / "mine", arrays(53, 20, (9, 12, 3), classes=4))
    dataset = folder.load(place, "mine")
    assert dataset.name == "mine"
    assert dataset.classes == 4
    # Keras: floor(53 * 0.8) = 42 train.
    assert dataset.train.inputs.shape == (42, 9, 12, 3)
    assert len(dataset.validation) == 11
    assert len(dataset.test) == 20


def test_small_mnist_is_a_data_set_of_its_own(small_mnist):
    dataset = folder.load(small_mnist, folder.name_of(small_mnist, ()))
    assert dataset.name == "small-mnist"
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (1_600, 400, 500)
    assert dataset.classes == 10


def test_mnist_is_told_by_its_hashes(tiny, arrays, write, tmp_path):
    assert folder.is_mnist(folder.read(write(tmp_path / "a", tiny, "gz")))
    assert not folder.is_mnist(folder.read(write(tmp_path / "mnist", arrays(61, 21))))


def test_three_parts_of_mnist_and_a_fourth_are_a_damaged_mnist(tiny, write, tmp_path):
    damaged = {part: array.copy() for part, array in tiny.items()}
    damaged["train-images"][0, 0, 0] ^= 1
    with pytest.raises(DataError) as caught:
        folder.read(write(tmp_path / "mine", damaged))
    message = str(caught.value)
    assert str(tmp_path / "mine" / "train-images-idx3-ubyte") in message
    assert mnist.HASHES["train-images"] in message
    assert idx.sha256(damaged["train-images"]) in message


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Kuzushiji MNIST!", "kuzushiji-mnist"),
        ("FashionMNIST/raw", "fashionmnist"),
        ("mnist", "mnist-folder"),
        ("MNIST/raw", "mnist-folder"),
        ("digits", "digits-folder"),
        ("auto", "auto-folder"),
        ("theirs", "theirs-folder"),
        ("mnist-quick", "mnist-quick-folder"),
        ("日本", "folder"),
    ],
)
def test_the_name_is_the_folder_s_but_never_a_taken_one(path, name, tmp_path):
    (tmp_path / path).mkdir(parents=True)
    taken = ("auto", "mnist", "digits", "theirs")
    assert folder.name_of(tmp_path / path, taken) == name


def test_an_npz_has_its_file_s_name(arrays, write, tmp_path):
    path = write(tmp_path / "Mine.npz", arrays(), "npz")
    assert folder.name_of(path, ()) == "mine"


def test_a_folder_without_the_files_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.* there are none"):
        folder.locate(tmp_path)


def _labels(*numbers: int, count: int) -> np.ndarray:
    return np.resize(np.array(numbers, np.uint8), count)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"train-labels": _labels(0, 1, 3, count=60)}, "without gaps"),
        ({"train-labels": _labels(1, 2, 3, count=60)}, "have 1, 2, 3; number"),
        ({"train-labels": _labels(0, count=60)}, "at least two"),
        ({"t10k-labels": _labels(0, 11, count=20)}, "no training image has: 11"),
        ({"t10k-images": np.zeros((20, 5, 5), np.uint8)}, "of one shape"),
        (
            {"t10k-images": np.zeros((9, 28, 28), np.uint8), "t10k-labels": _labels(0, count=9)},
            "at least 10 images",
        ),
        (
            {
                "train-images": np.zeros((60, 0, 28), np.uint8),
                "t10k-images": np.zeros((20, 0, 28), np.uint8),
            },
            "at least one pixel",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_refused(other, message, arrays, write, tmp_path):
    place = write(tmp_path / "mine", {**arrays(), **other})
    with pytest.raises(DataError, match=message):
        folder.read(place)


@pytest.mark.parametrize("count", [10, 11, 52, 53, 60_000])
def test_validation_is_what_keras_s_validation_split_takes(count):
    labels = np.zeros(count, np.uint8)
    content = container.Content({"train-images": labels}, {})
    assert splits.validation_count(content) == count - int(count * (1.0 - 0.2))
