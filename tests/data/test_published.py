"""Fashion-MNIST and its like: found, verified, fetched and read, by files made in their formats."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import struct
import tarfile
import zipfile
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from benchbench.data import catalog, container, idx, packed, published, published_sets
from benchbench.data.fetching import fetch
from benchbench.errors import DataError, Unavailable, UsageError

MANUAL = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")


def qmnist_labels(labels):
    rows = np.zeros((len(labels), 8), ">i4")
    rows[:, 0] = labels
    return struct.pack(">xxBBII", 12, 2, *rows.shape) + rows.tobytes()


def files_of(name, parts):
    """Return the files in which a data set is published, by name, made of these parts."""
    one = published_sets.SETS[name]
    content = {part: gzip.compress(idx.encode(array), 1) for part, array in parts.items()}
    if name.startswith("emnist"):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as opened:
            for part, packed_part in content.items():
                half, kind = part.replace("t10k", "test").split("-")
                rank = 1 if kind == "labels" else 3
                for which in ("balanced", "digits", "letters"):
                    opened.writestr(
                        f"gzip/emnist-{which}-{half}-{kind}-idx{rank}-ubyte.gz", packed_part
                    )
        return {"gzip.zip": archive.getvalue()}
    if name == "qmnist":
        for half in ("train", "t10k"):
            labels = qmnist_labels(parts[f"{half}-labels"])
            content[f"{half}-labels"] = gzip.compress(labels, 1)
    return dict(zip((file.name for file in one.files), content.values(), strict=True))


def cifar(train, test, labels):
    """Return CIFAR-10's archive: two batches and one for testing."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as opened:
        halves = np.array_split(np.arange(len(train)), 2)
        batches = {f"data_batch_{i + 1}": (train[h], labels[h]) for i, h in enumerate(halves)}
        batches["test_batch"] = test, labels[: len(test)]
        for name, (images, classes) in batches.items():
            planes = np.moveaxis(images, -1, 1).reshape(len(images), -1)
            records = np.concatenate([classes[:, None], planes], axis=1).astype(np.uint8)
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            info.size = records.size
            opened.addfile(info, io.BytesIO(records.tobytes()))
    return {"cifar-10-binary.tar.gz": archive.getvalue()}


@pytest.fixture
def publish(monkeypatch, arrays):
    """Let small files pass for a data set: its hashes become theirs. Return parts and files."""

    def _publish(name, *, with_sha256=True):
        if name == "cifar-10":
            random = np.random.default_rng(2)
            train, test = (random.integers(0, 256, (n, 32, 32, 3), np.uint8) for n in (60, 20))
            labels = np.arange(60) % 10
            parts = {"train-images": train, "train-labels": labels.astype(np.uint8)}
            parts |= {"t10k-images": test, "t10k-labels": labels[:20].astype(np.uint8)}
            files = cifar(train, test, labels)
        else:
            parts = arrays(60, 20)
            files = files_of(name, parts)
        stand_ins = tuple(
            published_sets.PublishedFile(
                file,
                hashlib.md5(content, usedforsecurity=False).hexdigest(),
                hashlib.sha256(content).hexdigest() if with_sha256 else None,
            )
            for file, content in files.items()
        )
        one = dataclasses.replace(published_sets.SETS[name], files=stand_ins, mirrors=())
        sets = MappingProxyType({**published_sets.SETS, name: one})
        monkeypatch.setattr(published, "SETS", sets)
        return parts, files

    return _publish


def write(folder, files):
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("name", published_sets.SETS)
def test_each_is_read_from_the_form_in_which_it_is_published(name, publish, nowhere):
    parts, files = publish(name, with_sha256=name != "qmnist")
    folder = write(published.cache(name), files)
    chosen = catalog.choose(name, {})
    assert chosen.note == f"{name}, found in benchbench's cache: {folder}"
    dataset = catalog.load(chosen, {})
    assert (dataset.name, dataset.classes) == (name, 10)
    assert [len(one) for one in (dataset.train, dataset.validation, dataset.test)] == [48, 12, 20]
    test = parts["t10k-images"]
    expected = test if test.ndim == 4 else test[..., np.newaxis]
    np.testing.assert_allclose(dataset.test.inputs, expected / 255, atol=1e-7)
    np.testing.assert_array_equal(dataset.test.targets, parts["t10k-labels"])
    sha256 = {part: idx.sha256(array) for part, array in parts.items()}
    assert chosen.sha256 == container.dataset_sha256(sha256, 12)


def test_emnists_letters_are_numbered_from_0(publish, arrays, monkeypatch):
    parts = arrays(60, 20, classes=5)
    parts = {part: one + 1 if "labels" in part else one for part, one in parts.items()}
    content = files_of("emnist-letters", parts)["gzip.zip"]
    unpacked = packed.zipped_idx("gzip/emnist-letters-")({"gzip.zip": content}, "it")
    arrays_by_part = {part: array for part, (_, array) in unpacked.items()}
    read = container.content_of(arrays_by_part, dict.fromkeys(parts, "it"), Path("it"))
    assert read.arrays["train-labels"].min() == 0
    assert read.remarks == ("labels were counted from 1",)


@pytest.mark.parametrize("way", ["named", "torchvision"])
def test_it_is_found_where_people_have_it(way, publish, nowhere, monkeypatch):
    _, files = publish("fashion-mnist")
    if way == "named":
        monkeypatch.setenv("BENCHBENCH_DATA", str(nowhere / "named"))
        folder = write(nowhere / "named" / "fashion-mnist", files)
    else:
        folder = write(nowhere / "work" / "data" / "FashionMNIST" / "raw", files)
    assert catalog.choose("fashion-mnist", {}).location == str(folder)


def test_a_damaged_file_that_the_user_named_is_an_error(publish, nowhere, monkeypatch):
    _, files = publish("kmnist")
    files["t10k-labels-idx1-ubyte.gz"] += b"x"
    monkeypatch.setenv("BENCHBENCH_DATA", str(nowhere / "named"))
    write(nowhere / "named" / "kmnist", files)
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz is not KMNIST's: expected SHA"):
        catalog.choose("kmnist", {})


def test_another_mnist_does_not_pass_for_it(publish, arrays, write):
    publish("kmnist")
    write(published.cache("kmnist"), arrays(61), "gz")
    with pytest.raises(Unavailable, match="KMNIST could not be downloaded"):
        catalog.choose("kmnist", {})


@pytest.mark.parametrize("name", ["fashion-mnist", "cifar-10"])
def test_it_is_downloaded_and_verified(name, publish, monkeypatch):
    _, files = publish(name)
    monkeypatch.setenv("BENCHBENCH_MIRROR", "http://here.test/data/")
    asked = []

    def download(urls, **_):
        asked.extend(urls)
        return [files[url.rpartition("/")[2]] for url in urls]

    monkeypatch.setattr(published, "download", download)
    assert "was downloaded to" in fetch(name, lambda _: None)
    assert asked[0] == f"http://here.test/data/{name}/{next(iter(files))}"
    assert "is already in" in fetch(name, lambda _: None)


def test_a_mirror_with_something_else_is_refused(publish, monkeypatch):
    publish("cifar-10")
    monkeypatch.setenv("BENCHBENCH_MIRROR", "http://here.test")
    monkeypatch.setattr(published, "download", lambda urls, **_: [b"an error page"])
    with pytest.raises(Unavailable, match="is not CIFAR-10's: expected SHA256"):
        catalog.choose("cifar-10", {})


@pytest.mark.parametrize(
    ("name", "words"), [("digits", "needs no"), ("fashion", "'fashion-mnist'")]
)
def test_what_is_not_downloaded_is_told(name, words):
    with pytest.raises(UsageError, match=words):
        fetch(name, lambda _: None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no archive at all", "cannot read the tar archive"),
        (b"", "cannot read the tar archive"),
    ],
)
def test_a_damaged_archive_is_told(content, words):
    with pytest.raises(DataError, match=words):
        packed.cifar_10({"cifar-10-binary.tar.gz": content}, "it")
    with pytest.raises(DataError, match="cannot read the zip archive"):
        packed.zipped_idx("gzip/")({"gzip.zip": content}, "it")


def test_a_part_that_is_missing_is_told():
    with pytest.raises(DataError, match="train-images, train-labels, t10k-images, t10k-labels is"):
        packed.idx_files({}, "it")


def test_the_hashes_in_the_manual_are_the_code_s():
    for one in published_sets.SETS.values():
        for file in one.files:
            assert f"| `{file.name}` | `{file.md5}` | `{file.sha256 or 'not known'}` |" in MANUAL
