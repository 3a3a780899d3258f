"""What a node does with an order: it runs the block, or says why it does not."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import msgspec
import pytest
from makers import MACHINE, make_certificate
from stage import make_plan
from waiting import PATIENCE_SECONDS

from benchbench.certificates import CertificateOrReason
from benchbench.data import catalog
from benchbench.errors import Unavailable
from benchbench.experiments.fleet import node, node_data, work
from benchbench.experiments.fleet.messages import Begun, BlockAnswer, Order, Parcel
from benchbench.experiments.fleet.order_book import OrderBook
from benchbench.experiments.fleet.work import run_order
from benchbench.experiments.saved_plan import save_plan
from benchbench.measure.machine import hashed, machine, node_name
from benchbench.plugins.registry import load_registry
from benchbench.records import DatasetChoice
from benchbench.run.plan import Cell, Session
from benchbench.run.store import Store, read
from benchbench.spec.catalog import MODELS
from benchbench.spec.protocol import TrainingProtocol

NOW = "2026-01-02T03:04:05Z"


@pytest.fixture
def planned(misfits, no_calibration, small_mnist, tmp_path):
    """Plan a session of one short run a block; changes are of the session, or of the plan."""

    def _planned(*, backend="numpy", **changes):
        chosen = catalog.choose(str(small_mnist), {})
        fields = {
            "cells": (Cell(backend, "idiomatic", MODELS["single-layer"]),),
            "protocol": TrainingProtocol(epochs=2),
            "dataset": chosen,
            "device": "cpu",
            "threads": 1,
            "cpus": None,
            "seed": 3,
        }
        own = {name: changes.pop(name) for name in list(changes) if name in fields}
        own |= {name: changes.pop(name) for name in list(changes) if name == "include_host"}
        session = Session(**fields | own)
        return make_plan(session, executor="slurm", timeout_seconds=60.0, **changes)

    return _planned


def order(**changes):
    made = Order(key=0, number=2, models=("single-layer",), submitted=NOW)
    return msgspec.structs.replace(made, **changes)


def test_a_node_runs_the_block_and_certifies_for_itself(planned, tmp_path, monkeypatch):
    asked = {}

    def certify(cells, protocol, _registry, *, threads, **_):
        asked.update(threads=threads, protocol=protocol)
        return {cell: CertificateOrReason(make_certificate(threads=threads)) for cell in cells}

    monkeypatch.setattr(work, "certify_cells", certify)
    plan = planned(certified_protocol=TrainingProtocol(), threads=0)
    begun = []
    store = Store(tmp_path / "results")
    answer = run_order(plan, order(replaces=(1,)), store, began=begun.append)
    assert (answer.ending, answer.trouble) == ("done", "")
    (record,) = store.session(plan.session.session_id)
    assert answer.run_ids == (record.run_id,)
    assert (record.status, record.block, record.seed, record.replaces_blocks) == ("ok", 2, 5, (1,))
    assert record.certificate.verdict == "holds"
    assert record.threads == record.certificate.threads == begun[0].threads > 0
    assert asked == {"threads": record.threads, "protocol": TrainingProtocol()}
    assert record.machine.host == hashed(node_name()) != node_name()


def test_a_name_is_told_only_where_it_was_asked_for(planned, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURMD_NODENAME", "node17")
    assert machine().host == hashed("node17")
    store = Store(tmp_path / "results")
    run_order(planned(include_host=True), order(), store)
    (record,) = read(tmp_path / "results")[0]
    assert record.machine.host == "node17"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"versions": {"benchbench": "9.9"}}, "other versions .*benchbench was 9.9, and is"),
        ({"sources": {"numpy": "0" * 64}}, "the code of 'numpy' has changed"),
        ({"threads": 4096}, "--threads 4096: this process may use"),
        ({"dataset": DatasetChoice("mnist", "/nowhere/mnist", "d" * 64)}, "the data set 'mnist'"),
    ],
)
def test_what_does_not_fit_a_node_is_left_to_another(planned, tmp_path, monkeypatch, changes, told):
    monkeypatch.setattr(node_data, "find_dataset", no_download)
    store = Store(tmp_path / "results")
    answer = run_order(planned(**changes), order(), store)
    assert answer.ending == "unfit"
    assert not answer.run_ids
    assert re.search(told, answer.trouble)


def no_download(*_, **__):
    raise Unavailable("there is no network")


def test_a_backend_that_is_not_there_is_left_to_another(planned, tmp_path, monkeypatch):
    plan = planned()
    monkeypatch.setenv("BENCHBENCH_DISABLE", "numpy")
    answer = run_order(plan, order(), Store(tmp_path / "results"))
    assert answer.ending == "unfit"
    assert "there is no backend 'numpy'" in answer.trouble or "quarantined" in answer.trouble


def test_a_slow_clock_is_told_before_anything_runs(planned, tmp_path):
    answer = run_order(planned(), order(submitted="2199-01-01T00:00:00Z"), Store(tmp_path / "r"))
    assert answer.ending == "unfit"
    assert "its clock is slow" in answer.trouble


def test_a_folder_that_cannot_be_written_is_told(planned, tmp_path):
    (tmp_path / "results").write_text("a file")
    answer = run_order(planned(), order(), Store(tmp_path / "results"))
    assert answer.ending == "unfit"
    assert "cannot be written" in answer.trouble


def test_data_are_found_by_their_hash_wherever_they_are(planned, tmp_path, cache):
    plan = planned()
    choice = plan.session.dataset
    copies = tmp_path / "copies"
    node_data.copy_into(copies, choice)
    away = msgspec.structs.replace(choice, location=f"/elsewhere/{choice.location.split('/')[-1]}")
    models = [MODELS["single-layer"]]
    found = node_data.find_here(away, load_registry(), models, copies=[copies])
    assert found.location.startswith(str(copies))
    assert not node_data.is_here(away)
    node_data.unpack_here(away, node_data.packed(choice))
    assert node_data.is_here(away)
    found = node_data.find_here(away, load_registry(), models)
    assert found.location.startswith(str(cache / "travelled"))
    assert found.sha256 == choice.sha256


def test_a_process_takes_its_order_from_the_folder_once(planned, tmp_path):
    plan, store = planned(), Store(tmp_path / "results")
    store.prepare()
    save_plan(store, plan)
    book = OrderBook(store, plan.session.session_id)
    book.prepare()
    submission = book.hand_out([order(key=4), order(key=5, number=3)])
    assert node.work_in(book.folder, submission, 4) == 0
    assert book.answer(4).ending == "done"
    assert book.begun(4).node == node_name()
    assert len(store.session(plan.session.session_id)) == 1
    book.begin(5, Begun(node="n9", machine=MACHINE, threads=1, started=NOW))
    assert node.work_in(book.folder, submission, 5) == 0
    assert book.answer(5).ending == "unfit"
    assert "a second time" in book.answer(5).trouble
    assert node.work_in(book.folder, submission, 77) == 0
    assert "the order cannot be read" in book.answer(77).trouble


def test_an_answer_that_cannot_be_left_has_an_exit_code(planned, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(OrderBook, "leave", full)
    assert node.work_in(tmp_path / "results" / "sessions" / "x", 0, 0) == node.NO_ANSWER


def test_a_process_that_is_ended_saves_what_there_is(planned, tmp_path):
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    plan = planned(backend="hangs")
    command = [sys.executable, "-m", "benchbench.experiments.fleet.node"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, **pipes, env=os.environ | {"HANGS_AT": str(begun)})
    process.stdin.write(msgspec.json.encode(Parcel(plan=plan, order=order())))
    process.stdin.close()
    process.stdin = None
    begun.read_text()  # returns when the epoch that hangs has begun
    process.send_signal(signal.SIGTERM)
    answer, log = process.communicate(timeout=PATIENCE_SECONDS)
    found = msgspec.json.decode(answer, type=BlockAnswer)
    assert found.ending == "ended", log
    assert "SIGTERM" in found.trouble
    assert [record.status for record in found.records] == ["interrupted"]
    assert json.loads(answer)["records"][0]["block"] == 2
