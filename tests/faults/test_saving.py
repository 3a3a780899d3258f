"""A finished run is never lost: whatever is wrong with the folder, its record lies somewhere."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import stat
from pathlib import Path

import msgspec
import pytest
from fake_launcher import Step, good_run
from makers import make_record
from stage import Stage, make_session

from benchbench.data import cache
from benchbench.errors import StoreError, UsageError
from benchbench.records import RunRecord
from benchbench.run.messages import GaveUp
from benchbench.run.reading import decode
from benchbench.run.store import Store, pack, read
from benchbench.spec.protocol import TrainingProtocol


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Give a store, and a temporary folder of the test's own for what it cannot hold."""
    (tmp_path / "refuge").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "refuge"))
    made = Store(tmp_path / "results")
    made.prepare()
    return made


@pytest.mark.parametrize(
    "run_id",
    [
        *("../../x", "/etc/x", "a/b", "..", ".hidden", "", "x" * 300, "\N{SNOWMAN}" * 200),
        *("nul\0", "a\nb", 'a:b*c?d"e|f', "\ud800", "con "),
    ],
)
def test_a_name_that_no_file_system_takes_is_replaced_and_the_record_reads_back(store, run_id):
    path = store.save(make_record(run_id=run_id))
    assert path.parent == store.folder
    assert re.fullmatch(r"[\w+.-]{1,200}\.json", path.name, re.ASCII)
    ((record,), unreadable) = read(store.folder.parent)
    assert not unreadable
    assert record.run_id == run_id.encode("utf-8", "backslashreplace").decode()


def test_two_names_that_look_alike_are_two_files(store):
    assert store.path("a/b") != store.path("a:b")
    assert store.path("a/b") == store.path("a/b")
    assert store.log_path("a/b").stem == store.path("a/b").stem


@pytest.mark.parametrize(
    "number",
    [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL, errno.EACCES],
)
def test_a_file_system_without_hard_links_takes_records(store, monkeypatch, number):
    def link(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
    record = make_record()
    path = store.save(record)
    assert read(store.folder.parent) == ([record], [])
    with pytest.raises(StoreError, match="File exists"):
        store.save(msgspec.structs.replace(record, seed=1))
    assert read(store.folder.parent) == ([record], [])
    assert [one.name for one in store.folder.iterdir()] == [path.name]


def test_what_saving_needs_is_proved_before_training(store, monkeypatch):
    """A folder that takes files, but no name for them afterwards, is found before and not after."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "not permitted")

    store.prepare()
    assert list(store.folder.iterdir()) == []
    monkeypatch.setattr(os, "link", refuse)
    store.prepare()
    assert list(store.folder.iterdir()) == []
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StoreError, match="cannot be written: not permitted; name another"):
        store.prepare()
    assert list(store.folder.iterdir()) == []


def test_a_folder_that_is_gone_leaves_the_record_in_the_temporary_folder(store, tmp_path):
    store.folder.rmdir()
    for seed in range(3):
        with pytest.raises(StoreError, match="it is kept as") as caught:
            store.save(make_record(run_id="same", seed=seed))
        kept = Path(re.search(r"kept as (\S+):", str(caught.value))[1])
        assert kept.parent == tmp_path / "refuge"
        assert msgspec.json.decode(kept.read_bytes())["seed"] == seed


def test_where_there_is_no_temporary_folder_the_record_is_in_the_message(store, monkeypatch):
    store.folder.rmdir()

    def gettempdir() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", gettempdir)
    with pytest.raises(StoreError, match='"run_id": "same"'):
        store.save(make_record(run_id="same"))


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o027])
def test_files_have_the_mode_that_the_umask_leaves(store, tmp_path, umask):
    before = os.umask(umask)
    try:
        record = store.save(make_record())
        archive, _ = pack(tmp_path / "results")
        cache.store(tmp_path / "cache", {"a": b"b"})
    finally:
        os.umask(before)
    for path in (record, archive, tmp_path / "cache" / "a"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask, path


def kept(message: str) -> dict[str, RunRecord]:
    """Read the records that a message says are kept elsewhere."""
    places = re.findall(r"kept as (\S+):", message)
    records = [decode(Path(place).read_bytes()) for place in places]
    return {record.backend: record for record in records}


def test_every_record_of_a_group_has_its_turn_and_its_refuge(store, tmp_path):
    play = Stage(tmp_path / "results", {"two": [*good_run(2)[:3], Step(GaveUp("oom", "no room"))]})
    shutil.rmtree(store.folder)
    with pytest.raises(StoreError) as caught:
        play.conduct([*make_session("one", "two", "three").blocks(2)])
    records = kept(str(caught.value))
    assert {name: one.status for name, one in records.items()} == {
        **{"one": "ok", "two": "oom", "three": "ok"},
    }
    assert {one.block for one in records.values()} == {0}, "no further group is begun"
    assert len(records["one"].epochs) == 2


def test_one_record_that_cannot_be_saved_costs_no_other(store, tmp_path):
    play = Stage(tmp_path / "results", {})
    session = make_session("one", "two", "three")
    in_the_way = session.block(0)[0].runs[1].request.run_id
    store.path(in_the_way).mkdir()
    with pytest.raises(StoreError) as caught:
        play.conduct(session.block(0))
    assert list(kept(str(caught.value))) == ["two"]
    records, unreadable = read(tmp_path / "results")
    assert {record.backend for record in records} == {"one", "three"}
    assert [one.path.stem for one in unreadable] == [in_the_way]


@pytest.mark.parametrize("seed", [-1, 2**62, 10**400])
def test_a_seed_that_no_record_can_hold_is_refused_before_anything_runs(seed):
    with pytest.raises(UsageError, match="expected a seed from 0 to"):
        make_session("one", seed=seed)


def test_a_folder_that_cannot_be_synchronised_keeps_what_is_in_it(store, monkeypatch):
    fsync = os.fsync

    def refusing(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refusing)
    store.save(make_record())
    assert len(read(store.folder.parent)[0]) == 1


def test_a_backend_of_300_characters_loses_no_record(store, tmp_path):
    play = Stage(tmp_path / "results", {})
    play.conduct(make_session("b" * 300, "../../x", "three").block(0))
    assert set(play.saved()) == {"b" * 300, "../../x", "three"}


def test_an_interrupt_says_where_each_record_lies(store, tmp_path):
    first, built, epoch, *_ = good_run(9)
    play = Stage(tmp_path / "results", {"one": [first, built, epoch, Step(KeyboardInterrupt())]})
    shutil.rmtree(store.folder)
    with pytest.raises(KeyboardInterrupt) as caught:
        play.conduct(make_session("one", "two", protocol=TrainingProtocol(epochs=9)).block(0))
    records = kept("\n".join(caught.value.__notes__))
    assert {name: one.status for name, one in records.items()} == {
        **{"one": "interrupted", "two": "interrupted"},
    }


@pytest.mark.parametrize("moment", ["fsync", "link", "unlink"])
def test_ctrl_c_while_a_record_is_written_waits_until_it_is_whole(tmp_path, monkeypatch, moment):
    """A real signal, sent in the middle of saving."""
    play = Stage(tmp_path / "results", {})
    system_call, sent = getattr(os, moment), []

    def interrupted(*arguments: object, **options: object) -> object:
        if not sent:
            sent.append(os.kill(os.getpid(), signal.SIGINT))
        return system_call(*arguments, **options)

    monkeypatch.setattr(os, moment, interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        play.conduct(make_session("one", "two").block(0))
    assert sent
    assert not getattr(caught.value, "__notes__", [])
    statuses = sorted(record.status for record in play.saved().values())
    assert statuses == ["interrupted", "ok"]
    assert not list((tmp_path / "results" / "runs").glob(".*"))
