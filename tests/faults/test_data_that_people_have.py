"""Data as people save it is taken for what it is, or refused with the line that cures it."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from benchbench.data import catalog, container, folder, idx, splits
from benchbench.errors import DataError, Unavailable

RANDOM = np.random.default_rng(3)
IMAGES = {
    "x_train": RANDOM.integers(0, 256, (60, 4, 5), np.uint8),
    "x_test": RANDOM.integers(0, 256, (20, 4, 5), np.uint8),
}
LABELS = {"y_train": np.arange(60) % 3, "y_test": np.arange(20) % 3}
WORDS = np.array(["ant", "bee", "cat"])


@pytest.fixture
def read(tmp_path):
    """Save arrays as an npz and read them as a data set of their own."""

    def _read(**arrays):
        path = tmp_path / "mine.npz"
        np.savez(path, **{**IMAGES, **LABELS, **arrays})
        return folder.read(folder.locate(path))

    return _read


def both(change, arrays):
    return {key: change(array) for key, array in arrays.items()}


SAME = {
    "labels (n, 1)": (both(lambda y: y[:, None], LABELS), ()),
    "labels as floats": (both(lambda y: y.astype(np.float32), LABELS), ()),
    "labels from 1": (both(lambda y: y + 1, LABELS), ("labels were counted from 1",)),
    "one-hot": (both(lambda y: np.eye(3)[y], LABELS), ("labels were one-hot",)),
    "one-hot bools": (both(lambda y: np.eye(3, dtype=bool)[y], LABELS), ("labels were one-hot",)),
    "names": (both(lambda y: WORDS[y], LABELS), ("the names of classes were sorted",)),
    "a column of names": (
        both(lambda y: WORDS[y][:, None], LABELS),
        ("the names of classes were sorted",),
    ),
    "float32 in [0, 1]": (both(lambda x: (x / 255).astype(np.float32), IMAGES), ()),
    "float64 in [0, 1]": (both(lambda x: x / 255, IMAGES), ()),
    "float16 in [0, 1]": (both(lambda x: (x / 255).astype(np.float16), IMAGES), ()),
    "float32 to 255": (both(lambda x: x.astype(np.float32), IMAGES), ()),
    "int64": (both(lambda x: x.astype(np.int64), IMAGES), ()),
}


@pytest.mark.parametrize("how", SAME)
def test_another_form_of_the_same_data_is_the_same_data(read, how):
    changed, remarks = SAME[how]
    content = read(**changed)
    assert content.sha256 == read().sha256
    assert content.remarks == remarks


def test_images_have_a_channel_axis_or_not_and_bools_are_black_and_white(read):
    assert splits.image_shape(read(**both(lambda x: x[..., None], IMAGES))) == (4, 5, 1)
    assert splits.image_shape(read()) == (4, 5, 1)
    train = read(**both(lambda x: x > 99, IMAGES)).arrays["train-images"]
    assert (train == 255 * (IMAGES["x_train"] > 99)).all()


CURED = {
    "rows": (both(lambda x: x.reshape(len(x), -1), IMAGES), r"x = x.reshape\(-1, HEIGHT, WIDTH\)"),
    "channels first": (both(lambda x: x[:, None], IMAGES), r"x = np.moveaxis\(x, 1, -1\)"),
    "between the steps": (both(lambda x: (x + 0.4) / 256, IMAGES), r"x = np.round\(255 \* x\)"),
    "standardised": (
        both(lambda x: (x - 128.0) / 64, IMAGES),
        r"run from -2\.\d+ to 1\.",
    ),
    "not a number": (both(lambda x: x * np.nan, IMAGES), r"run from nan to nan"),
    "several labels": (both(lambda y: np.eye(3)[y] + np.eye(3)[0], LABELS), "one label a sample"),
    "large numbers": (both(lambda y: y * 1000, LABELS), r"np.unique\(y, return_inverse=True\)"),
    "a gap": (both(lambda y: y * 2, LABELS), "number the classes from 0"),
    "another name": (
        {**both(lambda y: WORDS[y], LABELS), "y_test": np.full(20, "dog")},
        "have dog",
    ),
    "a class of the test set that nobody trained": (
        {"y_test": np.arange(20) % 4},
        "no training image has: 3; take these images out of the test set, or add",
    ),
    "halves": (both(lambda y: y + 0.5, LABELS), "the number of a class for each image"),
    "infinite": (both(lambda y: -np.inf * (y + 1.0), LABELS), "the number of a class for each"),
    "complex": (both(lambda x: x * 1j, IMAGES), "expected whole numbers in 3 or 4"),
}


@pytest.mark.parametrize("how", CURED)
def test_what_cannot_be_taken_is_refused_with_its_cure(read, how):
    arrays, cure = CURED[how]
    with pytest.raises(DataError, match=cure):
        read(**arrays)


def test_pickled_labels_are_refused_with_their_cure(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, **IMAGES, **both(lambda y: WORDS[y].astype(object), LABELS))
    with pytest.raises(DataError, match=r"y = y.astype\(str\)"):
        folder.read(path)


def test_two_arrays_of_one_part_are_refused(read):
    with pytest.raises(DataError, match="'x_train' and 'train_images' are of one: leave one"):
        read(train_images=IMAGES["x_train"])


def test_pictures_are_told_to_be_saved_as_arrays(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.PNG").touch()
    with pytest.raises(DataError, match=r"pictures \(cat/1.PNG\): .*np.savez\(file, x_train"):
        catalog.choose(str(tmp_path), {})


OF_ANOTHER_KIND = {
    "x.csv.gz": (gzip.compress(b"a,b\n1,2\n"), "it is neither; unpack it first; a table is"),
    "x.tsv": (b"a\tb\n", "a table is a file named .csv"),
    "novel.txt": (b"It was a dark night", "a text is named text:FILE"),
    "x.pkl": (b"\x80\x04", r"save arrays with `np.savez\(file, x_train="),
}


@pytest.mark.parametrize("name", OF_ANOTHER_KIND)  # a packed file holds the time: no test's name
def test_a_file_of_another_kind_is_refused_with_what_there_is(tmp_path, name):
    content, cure = OF_ANOTHER_KIND[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=cure):
        catalog.choose(str(tmp_path / name), {})


def test_a_link_to_itself_is_told_as_such(tmp_path):
    (tmp_path / "x.npz").symlink_to("x.npz")
    with pytest.raises(DataError, match=r"cannot read .*: Too many levels of symbolic links"):
        catalog.choose(str(tmp_path / "x.npz"), {})


def test_images_nearly_black_are_told(read):
    (remark,) = read(**both(lambda x: (x > 99).astype(np.uint8), IMAGES)).remarks
    assert "no pixel is brighter than 1 of 255" in remark


@pytest.mark.parametrize("spelt", [str.upper, str.capitalize, str])
def test_keys_are_known_in_several_spellings(tmp_path, spelt):
    names = {"x_train": "train_x", "y_train": "train_y", "x_test": "test_x", "y_test": "test_y"}
    for n, keys in enumerate([{name: name for name in names}, names]):
        np.savez(
            tmp_path / f"{n}.npz",
            **{spelt(keys[name]): array for name, array in (IMAGES | LABELS).items()},
        )
        assert len(folder.read(tmp_path / f"{n}.npz").arrays["train-labels"]) == 60


def test_medmnist_brings_its_own_split_for_validation(tmp_path):
    """Its keys, its labels (n, 1), and its three splits, the middle one for validation."""
    parts = {"train": slice(0, 40), "val": slice(40, 47), "test": slice(47, 60)}
    held = {}
    for name, part in parts.items():
        held[f"{name}_images"] = IMAGES["x_train"][part]
        held[f"{name}_labels"] = LABELS["y_train"][part, None].astype(np.uint8)
    np.savez(tmp_path / "pathmnist.npz", **held)
    chosen = catalog.choose(str(tmp_path / "pathmnist.npz"), {})
    assert (chosen.name, chosen.targets.classes) == ("pathmnist", 3)
    dataset = catalog.load(chosen, {})
    assert [len(one) for one in (dataset.train, dataset.validation, dataset.test)] == [40, 7, 13]
    assert (dataset.validation.targets == LABELS["y_train"][40:47]).all()


def write_idx(place, name, array):
    place.mkdir(exist_ok=True)
    (place / name).write_bytes(gzip.compress(idx.encode(array.astype(np.uint8))))


def test_emnist_s_names_are_known_and_of_several_sets_one_is_named(tmp_path):
    place = tmp_path / "gzip"
    for name, first in (("emnist-digits", 0), ("emnist-letters", 1)):
        for half, key in (("train", "train"), ("test", "test")):
            write_idx(place, f"{name}-{half}-images-idx3-ubyte.gz", IMAGES[f"x_{key}"])
            write_idx(place, f"{name}-{half}-labels-idx1-ubyte.gz", LABELS[f"y_{key}"] + first)
    with pytest.raises(DataError, match=r"there are emnist-digits, emnist-letters; name one"):
        catalog.choose(str(place), {})
    letters = catalog.choose(str(place / "emnist-letters"), {})
    digits = catalog.choose(str(place / "emnist-digits"), {})
    # The plain names are those of the sets as they are published, verified.
    assert (letters.name, digits.name) == ("emnist-letters-folder", "emnist-digits-folder")
    assert letters.remarks == ("labels were counted from 1",)
    assert letters.sha256 == digits.sha256
    assert catalog.load(letters, {}).classes == 3
    # What searches for MNIST takes neither of them, and does not end there.
    assert container.locate(place) == place


@pytest.mark.parametrize("named", ["data", "data/MNIST", "data/MNIST/raw"])
def test_torchvision_s_folder_is_found_from_each_of_its_levels(tmp_path, named):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for half, key in (("train", "train"), ("t10k", "test")):
        write_idx(raw, f"{half}-images-idx3-ubyte.gz", IMAGES[f"x_{key}"])
        write_idx(raw, f"{half}-labels-idx1-ubyte.gz", LABELS[f"y_{key}"])
    assert folder.locate(tmp_path / named) == raw


def test_a_folder_by_a_known_name_is_named_by_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qmnist").mkdir()

    def refuse(*_):
        raise Unavailable("QMNIST could not be downloaded")

    monkeypatch.setattr(catalog.known, "choose", refuse)
    with pytest.raises(Unavailable, match=r"not be downloaded\n.*with a path: --dataset \./qmnist"):
        catalog.choose("qmnist", {})
    with pytest.raises(Unavailable, match=r"not be downloaded$"):
        catalog.choose("kmnist", {})


def test_qmnist_s_labels_of_eight_columns_are_read(tmp_path):
    place = tmp_path / "qmnist"
    for half in ("train", "test"):
        write_idx(place, f"qmnist-{half}-images-idx3-ubyte.gz", IMAGES[f"x_{half}"])
        labels = LABELS[f"y_{half}"]
        rows = np.zeros((len(labels), 8), ">i4")
        rows[:, 0], rows[:, 1:] = labels, 70_000
        header = struct.pack(">xxBBII", 12, 2, *rows.shape)
        (place / f"qmnist-{half}-labels-idx2-int.gz").write_bytes(
            gzip.compress(header + rows.tobytes())
        )
    assert (catalog.load(catalog.choose(str(place), {}), {}).test.targets == LABELS["y_test"]).all()
    path = place / "qmnist-test-labels-idx2-int.gz"
    whole = gzip.decompress(path.read_bytes())
    for bad, why in [
        (whole[:-4], "expected 640 bytes .* truncated"),
        (whole[:12] + struct.pack(">i", -1) + whole[16:], "from 0 to 255, but they run from -1"),
        (
            struct.pack(">xxBBII", 12, 2, 20, 7) + whole[12:-80],
            r"QMNIST's, \(n, 8\), but its",
        ),
    ]:
        path.write_bytes(gzip.compress(bad))
        with pytest.raises(DataError, match=why):
            folder.read(place)


def test_two_folders_of_one_name_are_two_data_sets(tmp_path):
    found = []
    for place, shift in (("a", 0), ("b", 1)):
        (tmp_path / place).mkdir()
        images = both(lambda x, shift=shift: np.roll(x, shift), IMAGES)
        np.savez(tmp_path / place / "same.npz", **images, **LABELS)
        found.append(catalog.choose(str(tmp_path / place / "same.npz"), {}))
    assert found[0].name == found[1].name == "same"
    assert found[0].sha256 != found[1].sha256


# Sorted labels.
