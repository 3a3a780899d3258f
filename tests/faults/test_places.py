"""A place that no file system takes, or that is something else, is refused in a sentence."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from interleaved import make_session
from makers import make_certificate, make_record
from typer.testing import CliRunner

import benchbench as bb
from benchbench.certify import cache as certificates
from benchbench.cli.main import app
from benchbench.cli.records import write_sections
from benchbench.data import cache
from benchbench.errors import BenchbenchError, StoreError, UsageError
from benchbench.experiments.certification import must_take_files
from benchbench.exports.catalog import export
from benchbench.figures.catalog import draw
from benchbench.files import open_file, output_trouble, read_file, write_output
from benchbench.report import tables
from benchbench.run.store import Store, nothing_in, read

LONG = {
    "levels": "x/" * 2_000,
    "more levels": "x/" * 10_000,
    "characters": "y" * 5_000,
    "a long name": "z" * 300,
    "a device": "/dev/null",
}
READING = [
    *(["report"], ["compare"], ["report", "--strict"], ["results", "verify"], ["results", "pack"]),
    ["results", "unpack", "--into", "x"],
]


@pytest.mark.parametrize("place", LONG.values(), ids=LONG)
@pytest.mark.parametrize("verb", READING, ids=" ".join)
def test_a_place_to_read_from_is_refused(tmp_path, monkeypatch, verb, place):
    monkeypatch.chdir(tmp_path)
    named = ["--results", place] if len(verb) == 1 or "--strict" in verb else [place]
    result = CliRunner().invoke(app, [*verb, *named])
    assert isinstance(result.exception, BenchbenchError), result.output
    assert result.exception.exit_code == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", LONG.values(), ids=LONG)
def test_a_place_to_write_to_is_refused_before_training(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="cannot be written"):
        Store(tmp_path / place).prepare()
    with pytest.raises(OSError, match=r"\w"):
        cache.store(tmp_path / place, {"a": b"b"})


@pytest.mark.parametrize("place", LONG.values(), ids=LONG)
def test_the_python_api_refuses_it_too(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"there (is|are) no"):
        bb.load_results(place)


@pytest.mark.parametrize("place", [LONG["levels"], LONG["characters"], "~nobody-of-this-name"])
@pytest.mark.parametrize("variable", ["BENCHBENCH_CACHE", "BENCHBENCH_DATA"])
def test_a_variable_that_names_it_stops_no_survey(tmp_path, monkeypatch, variable, place):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, place)
    monkeypatch.setattr("benchbench.data.mnist.MIRRORS", ())
    result = CliRunner().invoke(app, ["data", "status"])
    assert (result.exit_code, result.exception) == (0, None)


def make_device(path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, make_device])
def test_what_is_no_file_among_the_records_is_named_and_never_waited_for(tmp_path, make):
    store = Store(tmp_path)
    store.prepare()
    store.save(make_record())
    make(store.folder / "x.json")
    make(store.folder / "x.log")
    records, (bad,) = read(tmp_path)
    assert len(records) == 1
    assert bad.path.name == "x.json"
    assert "expected a file, but it is a" in bad.reason
    with pytest.raises(StoreError, match=r"x\.json"):
        bb_pack(tmp_path)
    (store.folder / "x.json").rename(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match=r"x\.log: expected a file"):
        bb_pack(tmp_path)


def bb_pack(folder) -> None:
    result = CliRunner().invoke(app, ["results", "pack", str(folder)])
    assert result.exception is not None
    raise result.exception


@pytest.mark.parametrize("make", [os.mkfifo, make_device])
def test_an_archive_that_is_no_file_is_refused(tmp_path, make):
    for path in (tmp_path / "a.jsonl.gz", tmp_path / "records.jsonl.gz"):
        make(path)
        with pytest.raises(StoreError, match="expected a file, but it is a"):
            read(path)
    with pytest.raises(StoreError, match=r"records\.jsonl\.gz: expected a file"):
        read(tmp_path)


def test_a_cache_that_is_no_file_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path))
    certificate = make_certificate()

    class Key:
        file_name = "x.json"

    (tmp_path / "certificates").mkdir()
    os.mkfifo(tmp_path / "certificates" / "x.json")
    kept, warning = certificates.kept(Key())
    assert kept is None
    assert "expected a file, but it is a FIFO" in warning
    certificates.keep(Key(), certificate)
    assert certificates.kept(Key()) == (certificate, None)


def test_files_are_closed_and_their_limit_is_exact(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    os.mkfifo(tmp_path / "fifo")
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert read_file(path, limit=5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_file(path, limit=4)
    for _ in range(20):
        with pytest.raises(OSError, match="a FIFO"):
            open_file(tmp_path / "fifo")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def _export(target):
    export("bencher", make_session(), target)


def _write_table(target):
    write_sections((), (), tables.build, format="csv", wide=False, output=target)


def _draw(target):
    draw("memory", make_session()).save(target)


WRITERS = pytest.mark.parametrize("write", [_export, _write_table, _draw])


@WRITERS
def test_what_is_named_to_be_written_to_stays_what_it_is(tmp_path, write):
    """A pipe or /dev/stdout is written into; it is no file afterwards."""
    pipe = tmp_path / "pipe.svg"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 1_000_000)
    link, file = tmp_path / "link.svg", tmp_path / "file.svg"
    link.symlink_to(file)
    try:
        write(pipe)
        write(link)
        assert pipe.is_fifo()
        assert link.is_symlink()
        assert os.read(reader, 1_000_000) == file.read_bytes() != b""
    finally:
        os.close(reader)


@WRITERS
@pytest.mark.parametrize("place", [".", "..", "/", "folder.svg", "no/file.svg", "f" * 300 + ".svg"])
def test_a_place_to_write_a_file_is_refused(tmp_path, monkeypatch, write, place):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(UsageError, match=r"cannot write|expected a file whose name ends in"):
        write(Path(place))


def test_what_is_no_results_folder_is_told_as_what_it_is(tmp_path):
    store = Store(tmp_path / "results")
    store.prepare()
    path = store.save(make_record())
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "a.json").write_bytes(path.read_bytes())
    for place, told in [
        (store.folder, f"inside of a results folder: name {tmp_path / 'results'}"),
        (path, "which is neither a results folder nor an archive"),
        (tmp_path / "nowhere", "which does not exist"),
        (tmp_path / "flat", "which has .json files, but no folder runs/ with them"),
    ]:
        assert read(place) == ([], [])
        assert told in nothing_in(place)


def test_records_are_not_written_where_they_could_not_be_read(tmp_path):
    with pytest.raises(StoreError, match=r"by its name \(\*.jsonl.gz\) it is an archive"):
        Store(tmp_path / "new.jsonl.gz").prepare()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["a.file", "a.file/below"])
def test_a_folder_for_certificates_is_tried_before_any_is_made(tmp_path, place):
    (tmp_path / "a.file").touch()
    must_take_files(tmp_path / "new" / "folders")
    must_take_files(None)
    with pytest.raises(UsageError, match=r"--save .*a.file is no folder; name another"):
        must_take_files(tmp_path / place)


def test_an_archive_is_not_packed_again(tmp_path):
    with pytest.raises(StoreError, match="is an archive already: expected a results folder"):
        bb_pack(tmp_path / "a.jsonl.gz")
    with pytest.raises(StoreError, match="which does not exist; there is nothing to pack"):
        bb_pack(tmp_path / "nowhere")


def test_a_file_that_may_not_be_written_to_is_left_as_it_is(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("mine")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert output_trouble(path) == f"{path} may not be written to"
    assert output_trouble(tmp_path / "new.csv") == f"{tmp_path} may not be written to"
    with pytest.raises(PermissionError, match="it may not be written to"):
        write_output(path, b"")
    assert path.read_text() == "mine"
