"""`benchbench data`: what status, fetch and verify print, and when they fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchbench.cli.data import app
from benchbench.data import container, digits, idx, mnist
from benchbench.errors import DataError, Unavailable, UsageError


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path) -> Path:
    """Empty every place that is searched, and switch off the mirrors."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("BENCHBENCH_DATA", raising=False)
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr(mnist, "MIRRORS", ())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stand_in(monkeypatch, home) -> Path:
    """Write 20 + 10 images into our cache that pass for MNIST."""
    folder = home / "cache" / "mnist"
    folder.mkdir(parents=True)
    hashes = {}
    for part in container.PARTS:
        count = 20 if part.startswith("train") else 10
        labels = (np.arange(count) % 10).astype(np.uint8)
        array = labels if "labels" in part else np.zeros((count, 28, 28), np.uint8)
        (folder / container.file_name(part, array.ndim)).write_bytes(idx.encode(array))
        hashes[part] = idx.sha256(array)
    monkeypatch.setattr(mnist, "HASHES", hashes)
    return folder


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def _damage(folder: Path) -> Path:
    path = folder / "t10k-labels-idx1-ubyte"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return path


def test_status_lists_every_place_in_order_and_what_auto_would_take(stand_in):
    lines = _run("status").splitlines()
    places = [line for line in lines if line.startswith("mnist ")]
    for place, line in zip(mnist.places(), places, strict=True):
        assert place.label in line
    assert str(stand_in) in places[0]
    assert places[0].endswith("verified")
    assert all(line.endswith("nothing there") for line in places[1:])
    assert lines[-1] == f"--dataset auto would take: mnist, found in benchbench's cache: {stand_in}"


def test_status_reports_damage_and_does_not_fail(stand_in, monkeypatch):
    path = _damage(stand_in)
    monkeypatch.setenv("BENCHBENCH_DATA", str(stand_in))
    output = _run("status")
    rows = [line for line in output.splitlines() if line.startswith("mnist ")]
    assert [row.split()[-1] for row in rows[:2]] == ["damaged", "there"], "no place comes twice"
    assert f"damaged: {path} is not the t10k-labels of MNIST" in output
    assert "auto would take: nothing; it would stop with" in output


def test_status_without_mnist_says_what_auto_would_try():
    output = _run("status")
    assert "verified" not in output
    assert "auto would take: mnist, downloaded, if a mirror can be reached; else digits" in output


def test_status_verifies_the_cache_of_digits(small_digits_cache):
    line = next(line for line in _run("status").splitlines() if line.startswith("digits"))
    assert str(small_digits_cache) in line
    assert line.endswith("verified")


@pytest.fixture
def small_digits_cache(stand_in, monkeypatch) -> Path:
    content = container.read(stand_in)
    monkeypatch.setattr(digits, "make", lambda: content)
    monkeypatch.setattr(digits, "HASHES", content.sha256)
    folder = digits.prepare()
    assert folder is not None
    return folder


def test_fetch_says_when_mnist_is_there(stand_in):
    assert _run("fetch") == f"MNIST is already in {stand_in}; its hashes are verified\n"


def test_fetch_fails_with_exit_code_3():
    with pytest.raises(Unavailable, match="could not be downloaded") as caught:
        _run("fetch")
    assert caught.value.exit_code == 3


def test_verify_shows_hash_by_hash(stand_in):
    output = _run("verify")
    assert output.count("as expected") == 4
    for part, expected in mnist.HASHES.items():
        assert part in output
        assert expected in output


def test_verify_shows_the_table_and_then_fails(stand_in):
    _damage(stand_in)
    result = CliRunner().invoke(app, ["verify"])
    assert isinstance(result.exception, DataError)
    assert result.exception.exit_code == 3
    assert result.stdout.count("as expected") == 3
    assert result.stdout.count("DIFFERENT") == 1


def test_verify_without_mnist_fails_with_exit_code_3():
    with pytest.raises(Unavailable, match="in none of the places searched"):
        _run("verify")


@pytest.mark.parametrize("name", ["synthetic", "digits:autoencoder"])
def test_verify_refuses_what_has_no_parts(small_digits_cache, name):
    with pytest.raises(UsageError, match=f"'{name}' has no parts with hashes of their own"):
        _run("verify", "--dataset", name)


def test_verify_digits(small_digits_cache):
    assert _run("verify", "--dataset", "digits").count("as expected") == 4


def test_verify_auto_verifies_what_auto_takes(stand_in):
    assert _run("verify", "--dataset", "auto") == _run("verify", "--dataset", "mnist")


def test_verify_a_folder_of_one_s_own(small_mnist):
    output = _run("verify", "--dataset", str(small_mnist))
    assert output.startswith("small-mnist")
    assert output.count("nothing expected") == 4


def test_verify_a_folder_that_holds_mnist(stand_in):
    output = _run("verify", "--dataset", str(stand_in))
    assert output.startswith("mnist")
    assert output.count("as expected") == 4
