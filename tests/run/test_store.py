"""Records are written whole or not at all and never over another; a bad one is named."""

from __future__ import annotations

import json
import math
import multiprocessing
import resource
import signal

import msgspec
import pytest
from makers import make_record
from waiting import PATIENCE_SECONDS

from benchbench.errors import StoreError
from benchbench.records import EpochRecord
from benchbench.run.encoding import plain_settings
from benchbench.run.store import Store, read


@pytest.fixture
def record():
    return make_record(run_id="one")


def prepared(tmp_path) -> Store:
    store = Store(tmp_path)
    store.prepare()
    return store


def test_what_is_saved_reads_back(tmp_path, record):
    path = prepared(tmp_path).save(record)
    assert path == tmp_path / "runs" / "one.json"
    assert read(tmp_path) == ([record], [])
    assert [file.name for file in path.parent.iterdir()] == ["one.json"], "no temporary file stays"


@pytest.mark.parametrize("schema", [1, 2])
def test_a_record_from_before_a_field_was_there_reads_with_null(tmp_path, record, schema):
    path = prepared(tmp_path).save(record)
    content = json.loads(path.read_text()) | {"schema": schema}
    del content["variant"]
    for epoch in content["epochs"]:
        for name in ("waiting_cpu_seconds", "foreign_cpu_fraction", "gpus"):
            del epoch[name]
    path.write_text(json.dumps(content))
    (old,), unreadable = read(tmp_path)
    assert not unreadable
    assert {epoch.foreign_cpu_fraction for epoch in old.epochs} == {None}
    assert {epoch.gpus for epoch in old.epochs} == {()}


def test_nan_is_written_as_null(tmp_path, record):
    epoch = EpochRecord(1.0, math.inf, None, math.nan, None, None)
    path = prepared(tmp_path).save(msgspec.structs.replace(record, epochs=(epoch,)))
    stored = json.loads(path.read_text(), parse_constant=pytest.fail)["epochs"][0]
    assert stored["loss"] is None
    assert stored["validation_seconds"] is None


def test_a_record_is_never_overwritten(tmp_path, record):
    store = prepared(tmp_path)
    store.save(record)
    with pytest.raises(StoreError, match="cannot be written"):
        store.save(msgspec.structs.replace(record, seed=1))
    assert read(tmp_path)[0] == [record]


def test_a_folder_that_cannot_be_written_is_found_before_training(tmp_path):
    (tmp_path / "results").write_text("a file is in the way")
    with pytest.raises(StoreError, match=r"results/runs cannot be written.*--results") as caught:
        Store(tmp_path / "results").prepare()
    assert caught.value.exit_code == 2


def test_records_that_cannot_be_read_are_named_and_cost_no_other(tmp_path, record):
    store = prepared(tmp_path)
    good = store.save(record)
    text = good.read_text()
    (store.folder / "truncated.json").write_text(text[:-50])
    (store.folder / "newer.json").write_text(json.dumps(json.loads(text) | {"schema": 99}))
    (store.folder / "list.json").write_text("[]")
    (store.folder / "binary.json").write_bytes(b"\xff\xfe")
    records, unreadable = read(tmp_path)
    assert records == [record]
    reasons = {bad.path.name: bad.reason for bad in unreadable}
    assert set(reasons) == {"truncated.json", "newer.json", "list.json", "binary.json"}
    assert "schema 99" in reasons["newer.json"]
    assert "upgrade" in reasons["newer.json"]


def test_no_room_is_a_clear_error_and_the_record_is_kept_elsewhere(tmp_path, record, monkeypatch):
    store = prepared(tmp_path / "full")
    earlier = store.save(msgspec.structs.replace(record, run_id="earlier"))
    refuge = tmp_path / "refuge"
    refuge.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(refuge))
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    process = context.Process(target=_save_without_room, args=(store, record, answers))
    process.start()
    message = answers.get(timeout=PATIENCE_SECONDS)
    process.join()
    # The same limit holds for the refuge: the record itself is in the message.
    assert "cannot be written (File too large)" in message
    assert '"run_id": "one"' in message
    assert "Records saved before are whole" in message
    assert earlier.exists()
    assert [file.name for file in store.folder.iterdir()] == ["earlier.json"]


def _save_without_room(store: Store, record, answers) -> None:
    """Save under a real limit of the kernel's on the size of files, as a full disk would be."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    try:
        store.save(record)
    except StoreError as error:
        answers.put(str(error))


def test_where_the_results_have_no_room_the_temporary_folder_takes_the_record(
    tmp_path, record, monkeypatch
):
    store = prepared(tmp_path / "results")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store.save(record)
    with pytest.raises(StoreError, match="it is kept as") as caught:
        store.save(record)
    assert str(tmp_path / "one.json") in str(caught.value)
    assert msgspec.json.decode((tmp_path / "one.json").read_bytes(), type=type(record)) == record


def test_many_writers_damage_nothing(tmp_path, record):
    store = prepared(tmp_path)
    context = multiprocessing.get_context("fork")
    writers = [
        context.Process(target=_write_many, args=(store, record, writer)) for writer in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    records, unreadable = read(tmp_path)
    assert (len(records), unreadable) == (100, [])


def _write_many(store: Store, record, writer: int) -> None:
    for number in range(25):
        store.save(msgspec.structs.replace(record, run_id=f"{writer}-{number}"))


def test_what_no_file_can_hold_is_escaped_and_the_run_kept(tmp_path):
    store = Store(tmp_path)
    store.prepare()
    store.save(make_record(run_id="odd", error="a \ud800 in it", settings={"\udcff": "\ud800"}))
    (record,), unreadable = read(tmp_path)
    assert not unreadable
    assert record.error == r"a \ud800 in it"
    assert record.settings[r"\udcff"] == r"\ud800"


def test_settings_of_any_kind_are_kept_as_plain_values():
    stated = {"nan": float("nan"), "inf": float("inf"), 3: [1, 2], "rate": 0.5, "on": True, "n": 7}
    assert plain_settings(stated) == {
        **{"nan": "nan", "inf": "inf", "3": "[1, 2]"},
        **{"rate": 0.5, "on": True, "n": 7},
    }
