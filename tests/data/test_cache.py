"""The cache folder: where it is, and that a file in it is whole or not there."""

from __future__ import annotations

import pytest

from benchbench.data import cache


def test_the_variable_names_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path))
    assert cache.cache_folder("mnist") == tmp_path / "mnist"


def test_without_it_the_folder_is_the_system_s(monkeypatch, tmp_path):
    monkeypatch.delenv("BENCHBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_folder("mnist").name == "mnist"
    assert "benchbench" in str(cache.cache_folder("mnist").parent)


def test_stored_files_replace_what_was_there_and_may_be_read_by_all(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    cache.store(tmp_path, {"a": b"new", "b": b"other"})
    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_full_disk_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"old")

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        cache.store(tmp_path, {"a": b"new"})
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]
