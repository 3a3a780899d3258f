"""digits: the same bytes everywhere, sources kept apart, classes in balance."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.datasets

from benchbench.data import container, digits
from benchbench.errors import DataError


@pytest.fixture(scope="module")
def made() -> container.Content:
    return digits.make()


def test_the_content_is_the_one_that_is_pinned(made):
    assert made.sha256 == digits.HASHES


def test_it_has_mnist_s_size_and_balanced_labels(made):
    assert made.arrays["train-images"].shape == (60_000, 28, 28)
    assert made.arrays["t10k-images"].shape == (10_000, 28, 28)
    labels = made.arrays["train-labels"]
    for part in (labels[:48_000], labels[48_000:], made.arrays["t10k-labels"]):
        shares = np.bincount(part, minlength=10) / len(part)
        assert shares.min() > 0.09
        assert shares.max() < 0.11


def test_sources_are_split_first_and_in_equal_shares():
    targets = sklearn.datasets.load_digits().target
    train, validation, test = digits.split_sources(targets)
    assert (len(train), len(validation), len(test)) == (1_150, 287, 360)
    assert sorted([*train, *validation, *test]) == list(range(1_797))
    whole = np.bincount(targets)
    for part in (train, validation, test):
        expected = whole * len(part) / 1_797
        assert np.abs(np.bincount(targets[part]) - expected).max() <= 2


def test_no_image_of_one_split_has_a_relative_in_another(monkeypatch):
    # Sources that are blank but for one brightness a split show whose they are.
    real = sklearn.datasets.load_digits()
    images = np.zeros_like(real.images)
    parts = digits.split_sources(real.target)
    for brightness, chosen in zip((2, 6, 16), parts, strict=True):
        images[chosen] = brightness
    marked = SimpleNamespace(images=images, target=real.target)
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: marked)
    for name, count in (("TRAIN_COUNT", 3_000), ("VALIDATION_COUNT", 800), ("TEST_COUNT", 900)):
        monkeypatch.setattr(digits, name, count)
    arrays = digits.make().arrays
    brightest = arrays["train-images"].max(axis=(1, 2))
    # 140 to 255 of 16 for each: 2/16, 6/16 and 16/16 of that do not overlap.
    assert (brightest[:3_000] <= 32).all()
    assert ((brightest[3_000:] >= 52) & (brightest[3_000:] <= 96)).all()
    assert (arrays["t10k-images"].max(axis=(1, 2)) >= 139).all()


def test_labels_follow_their_images(monkeypatch):
    real = sklearn.datasets.load_digits()
    images = np.repeat(real.target, 64).reshape(-1, 8, 8) + 1.0
    marked = SimpleNamespace(images=images, target=real.target)
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: marked)
    monkeypatch.setattr(digits, "_BRIGHTNESS", (255, 255))
    for name, count in (("TRAIN_COUNT", 2_000), ("VALIDATION_COUNT", 500), ("TEST_COUNT", 500)):
        monkeypatch.setattr(digits, name, count)
    arrays = digits.make().arrays
    for part in ("train", "t10k"):
        brightest = arrays[f"{part}-images"].max(axis=(1, 2)).astype(float)
        assert (np.round(brightest * 16 / 255) - 1 == arrays[f"{part}-labels"]).all()


def test_prepare_writes_the_cache_once_and_load_reads_it(made, monkeypatch):
    count = _counted(monkeypatch, made)
    folder = digits.prepare()
    assert folder == digits.cached()
    assert digits.prepare() == folder
    assert len(count) == 1
    dataset = digits.load(folder)
    assert len(count) == 1
    assert (dataset.name, dataset.classes) == ("digits", 10)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (
        48_000,
        12_000,
        10_000,
    )
    assert dataset.sha256 == digits.load(None).sha256


def test_a_damaged_cache_is_not_loaded_but_made_anew(made, monkeypatch):
    _counted(monkeypatch, made)
    folder = digits.prepare()
    assert folder is not None
    path = folder / "t10k-images-idx3-ubyte"
    damaged = bytearray(path.read_bytes())
    damaged[4_000] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(DataError, match=digits.HASHES["t10k-images"]):
        digits.load(folder)
    assert digits.prepare() == folder
    assert digits.load(folder).name == "digits"


def test_a_cache_that_cannot_be_written_is_done_without(made, monkeypatch, nowhere):
    _counted(monkeypatch, made)
    (nowhere / "cache").write_text("a file is in the way")
    assert digits.prepare() is None
    assert digits.load(None).name == "digits"


def test_another_content_than_the_pinned_one_is_refused(made, monkeypatch):
    arrays = dict(made.arrays)
    arrays["train-labels"] = arrays["train-labels"][::-1]
    _counted(monkeypatch, container.Content(arrays, made.places))
    with pytest.raises(DataError, match="the generated train-labels is not"):
        digits.prepare()
    with pytest.raises(DataError, match="the generated train-labels is not"):
        digits.load(None)


def _counted(monkeypatch: pytest.MonkeyPatch, content: container.Content) -> list[int]:
    """Spare the seconds of `make`; return a list that grows with every call."""
    calls: list[int] = []

    def make() -> container.Content:
        calls.append(1)
        return content

    monkeypatch.setattr(digits, "make", make)
    return calls
