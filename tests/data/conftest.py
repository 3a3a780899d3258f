"""A small stand-in for MNIST, and an environment in which nothing else can be found."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from benchbench.data import container, idx, mnist

Arrays = Mapping[str, np.ndarray]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path_factory) -> Path:
    """Empty every place that is searched, and switch off the mirrors; return the home folder."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("BENCHBENCH_CACHE", str(home / "cache"))
    monkeypatch.delenv("BENCHBENCH_DATA", raising=False)
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr(mnist, "MIRRORS", ())
    work = home / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return home


def make_arrays(
    train_count: int = 60,
    test_count: int = 20,
    shape: tuple[int, ...] = (28, 28),
    classes: int = 10,
) -> dict[str, np.ndarray]:
    """Make noise with labels that go round."""
    random = np.random.default_rng(7)
    arrays = {}
    for part, count in (("train", train_count), ("t10k", test_count)):
        arrays[f"{part}-images"] = random.integers(0, 256, (count, *shape), np.uint8)
        arrays[f"{part}-labels"] = (np.arange(count) % classes).astype(np.uint8)
    return arrays


@pytest.fixture(scope="session")
def arrays() -> Callable[..., dict[str, np.ndarray]]:
    """Give `make_arrays`."""
    return make_arrays


@pytest.fixture
def tiny(monkeypatch) -> Arrays:
    """Make 60 + 20 images pass for MNIST: its hashes and its validation count are theirs."""
    arrays = make_arrays()
    hashes = {part: idx.sha256(array) for part, array in arrays.items()}
    monkeypatch.setattr(mnist, "HASHES", MappingProxyType(hashes))
    monkeypatch.setattr(mnist, "VALIDATION_COUNT", 12)
    return arrays


def write_arrays(place: Path, arrays: Arrays, how: str = "idx") -> Path:
    """Write a folder of IDX files (`how`: idx or gz) or the file `place` (npz); return `place`."""
    if how == "npz":
        place.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(place, **{container.PARTS[part]: a for part, a in arrays.items()})
        return place
    place.mkdir(parents=True, exist_ok=True)
    for part, array in arrays.items():
        content = idx.encode(array)
        name = container.file_name(part, array.ndim)
        if how == "gz":
            (place / f"{name}.gz").write_bytes(gzip.compress(content, 1))
        else:
            (place / name).write_bytes(content)
    return place


@pytest.fixture(scope="session")
def write() -> Callable[..., Path]:
    """Give `write_arrays`."""
    return write_arrays
