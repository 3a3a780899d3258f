"""A session that was interrupted, or lost a run, is completed: every ratio stays a paired one."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys

import msgspec
import pytest
from makers import make_record
from stage import Hearing, make_plan, make_session

import benchbench
from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.data.chosen import Chosen
from benchbench.errors import DataError, StoreError, UsageError
from benchbench.experiments import resume as resuming
from benchbench.experiments.endings import SessionInterrupted
from benchbench.experiments.results import Results
from benchbench.experiments.resume import lacking, resume
from benchbench.experiments.saved_plan import load_plan, save_plan
from benchbench.experiments.until import find_until
from benchbench.plugins.plugin_files import FILES_VARIABLE, announce
from benchbench.report import comparison
from benchbench.report.renderers import markdown
from benchbench.run.plan import Cell
from benchbench.run.store import Store, pack, read
from benchbench.spec.catalog import MODELS

TWO_MODELS = tuple(
    Cell(backend, "idiomatic", MODELS[model])
    for model in ("single-layer", "two-layer")
    for backend in ("numpy", "torch")
)


class Listener(Hearing):
    def note(self, text):
        self.heard.append(text)


def made_run(session, cell, number, **changes):
    return make_record(
        run_id=f"{session.session_id}-{number:03d}-{cell.model.name}-{cell.name}",
        session_id=session.session_id,
        block=number,
        backend=cell.backend,
        model=cell.model.name,
        dataset="digits",
        order_seed=number,
        seed=session.seed + number,
        replaces_blocks=session.replaces_blocks,
        started=f"2026-01-02T03:{number:02d}:05+00:00",
        **changes,
    )


class Made:
    """An executor whose runs are made up; those named in `lost` crash once."""

    def __init__(self, lost=(), stop_at=None):
        self.lost, self.stop_at, self.ran = set(lost), stop_at, []

    def run(self, session, numbers, *, store, listener, timeout_seconds):
        for number in numbers:
            for cell in session.cells:
                key = number, cell.model.name, cell.backend
                if key == self.stop_at:
                    raise KeyboardInterrupt
                self.ran.append((*key, session.replaces_blocks))
                crashed = {"status": "crashed", "error": "it died"} if key in self.lost else {}
                record = made_run(session, cell, number, **crashed)
                store.save(record)
                yield record


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """Save a plan, run it by the made-up executor as far as it comes; return how to resume it."""
    monkeypatch.setattr(
        resuming, "find_dataset", lambda *_, **__: Chosen("digits", sha256="d" * 64)
    )
    store = Store(tmp_path / "results")
    store.prepare()

    def _planned(executor, *, blocks=3, until=None, cells=TWO_MODELS, **changes):
        session = msgspec.structs.replace(make_session(), cells=cells)
        plan = make_plan(session, **{"blocks": blocks, "until": until} | changes)
        save_plan(store, plan)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("signal.signal", lambda *_: None)
            options = {"store": store, "listener": Listener(), "timeout_seconds": 9.0}
            with contextlib.suppress(KeyboardInterrupt):
                list(executor.run(session, range(blocks), **options))

        def go_on(executor, session_id=session.session_id):
            monkeypatch.setattr(resuming, "find_executor", lambda *_: executor)
            return resume(session_id, store, Listener())

        return go_on, plan, store

    return _planned


def test_a_lost_run_has_its_block_run_again_with_all_cells_of_its_model(planned):
    go_on, plan, store = planned(Made(lost={(1, "two-layer", "torch")}))
    (before,) = compare(store.session(plan.session.session_id), Question(), certified=False)
    assert [row.steady.block_count for row in before.contrasts] == [3, 2]
    again = Made()
    _, records = go_on(again)
    assert again.ran == [(3, "two-layer", "numpy", (1,)), (3, "two-layer", "torch", (1,))]
    assert len(records) == 3 * 4 + 2, "the lost block stays on disk"
    (after,) = compare(records, Question(), certified=False)
    assert [row.steady.block_count for row in after.contrasts] == [3, 3]
    assert [row.left_out for row in after.contrasts] == [(), ()]
    assert Results(tuple(records)).exit_code == 0
    told = markdown.render(comparison.build((after,)))
    assert "two-layer: block 1 lost a run; its cells ran again, as block 3" in told
    with pytest.raises(UsageError, match="is whole: each of its 3 blocks has a good run of every"):
        go_on(Made())


class Laying(Made):
    """Notes as well how many further epochs each block was laid out with."""

    def run(self, session, numbers, **options):
        self.further = [*getattr(self, "further", ()), dict(session.further_epochs)]
        yield from super().run(session, numbers, **options)


def test_a_session_that_goes_on_is_laid_out_as_it_was(planned, monkeypatch):
    seen = []

    def steady_epochs(runs, *_, **__):
        seen.append(sorted({run.block for run in runs}))
        return 8

    monkeypatch.setattr("benchbench.experiments.steady.steady_epochs", steady_epochs)
    go_on, _, _ = planned(Made(stop_at=(1, "two-layer", "torch")), steady="auto")
    again = Laying()
    go_on(again)
    assert [set(one.values()) for one in again.further] == [{7}] * len(again.further)
    # The first blocks of each model; the one that was cut off counts no more once it ran again.
    assert seen[0] == [0, 1]
    assert all(len(one) <= 2 for one in seen)


def test_an_interrupted_session_runs_what_it_lacks_and_no_more(planned):
    go_on, _, _ = planned(Made(stop_at=(1, "two-layer", "torch")))
    again = Made()
    _, records = go_on(again)
    assert again.ran == [
        *((2, "single-layer", backend, ()) for backend in ("numpy", "torch")),
        *((2, "two-layer", backend, ()) for backend in ("numpy", "torch")),
        *((3, "two-layer", backend, (1,)) for backend in ("numpy", "torch")),
    ]
    (section,) = compare(records, Question(), certified=False)
    assert [row.steady.block_count for row in section.contrasts] == [3, 3]


def test_a_model_whose_turn_never_came_keeps_its_numbers(planned):
    go_on, _, _ = planned(Made(stop_at=(0, "two-layer", "numpy")), blocks=1)
    again = Made()
    go_on(again)
    assert again.ran == [(0, "two-layer", "numpy", ()), (0, "two-layer", "torch", ())]


def test_what_breaks_again_is_replaced_again_and_an_interrupt_tells_what_there_is(planned):
    go_on, plan, store = planned(Made(lost={(2, "single-layer", "numpy")}))
    go_on(Made(lost={(3, "single-layer", "torch")}))
    with pytest.raises(SessionInterrupted) as stopped:
        go_on(Made(stop_at=(4, "single-layer", "torch")))
    assert stopped.value.session_id == plan.session.session_id
    assert len(stopped.value.records) == 12 + 2 + 1
    last = Made()
    _, records = go_on(last)
    assert last.ran == [(5, "single-layer", backend, (2, 3, 4)) for backend in ("numpy", "torch")]
    (section,) = compare(records, Question(), certified=False)
    assert [row.left_out for row in section.contrasts] == [(), ()]
    assert not lacking(load_plan(store, plan.session.session_id), records)


def test_blocks_that_are_added_until_there_is_an_answer_are_resumed_too(planned):
    until = find_until("verdict", 1, "1h")
    go_on, _, _ = planned(Made(stop_at=(1, "single-layer", "torch")), until=until, blocks=9)
    again = Made()
    _, records = go_on(again)
    assert again.ran[:4] == [
        *((1, "two-layer", backend, ()) for backend in ("numpy", "torch")),
        *((2, "single-layer", backend, (1,)) for backend in ("numpy", "torch")),
    ]
    (section,) = compare(records, Question(), certified=False)
    assert [row.verdict for row in section.contrasts] == ["SAME", "SAME"]
    assert len({record.block for record in records if record.model == "two-layer"}) == 3


@pytest.fixture
def my_file(tmp_path, monkeypatch):
    """A backend in a file, as `--backend my_backend_to_resume.py` announces it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    for variable in ("PYTHONPATH", FILES_VARIABLE):
        monkeypatch.setenv(variable, os.environ.get(variable, ""))
    path = tmp_path / "my_backend_to_resume.py"
    path.write_text(
        "from benchbench import BackendInfo, hookimpl\n\n\n@hookimpl\n"
        "def benchbench_backends():\n"
        "    return [BackendInfo(name='mine', requires=(), create=lambda: None)]\n"
    )
    announce(str(path))
    return path


def test_a_backend_in_a_file_is_found_again(my_file, planned, monkeypatch):
    cells = tuple(Cell(one, "idiomatic", MODELS["two-layer"]) for one in ("numpy", "mine"))
    go_on, _, _ = planned(Made(lost={(1, "two-layer", "mine")}), cells=cells)
    monkeypatch.setenv(FILES_VARIABLE, "")
    again = Made()
    go_on(again)
    assert again.ran == [(3, "two-layer", one, (1,)) for one in ("numpy", "mine")]
    monkeypatch.setenv(FILES_VARIABLE, "")
    my_file.unlink()
    with pytest.raises(UsageError, match=r"my_backend_to_resume.py: there is no such file"):
        go_on(Made())


@pytest.mark.parametrize("session_id", ["nothing", "../../etc/passwd", "", "x" * 5000, "a\0b"])
def test_an_unknown_session_is_refused_with_the_latest(planned, session_id):
    go_on, plan, _ = planned(Made())
    with pytest.raises(
        UsageError, match=f"there is no session .*{plan.session.session_id}; --results"
    ):
        go_on(Made(), session_id)


def test_a_session_without_a_plan_is_told_apart(tmp_path):
    store = Store(tmp_path)
    store.prepare()
    session = make_session("numpy")
    store.save(made_run(session, session.cells[0], 0))
    with pytest.raises(UsageError, match="its records are there, but not what was planned"):
        load_plan(store, session.session_id)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"versions": {"torch": "0.1"}},
            "benchbench was not there, and is .*torch was 0.1, and is",
        ),
        ({"sources": {"torch": "0" * 64}}, "the code of 'torch' has changed"),
        ({"machine": make_record().machine}, "the machine's processor was Some CPU, and is"),
    ],
)
def test_another_machine_or_other_versions_are_refused(planned, changes, told):
    go_on, _, _ = planned(Made(lost={(0, "two-layer", "torch")}), **changes)
    with pytest.raises(UsageError, match=f"cannot be resumed here: .*{told}"):
        go_on(Made())


def test_other_data_and_a_damaged_plan_are_refused(planned, monkeypatch):
    go_on, plan, store = planned(Made(lost={(0, "two-layer", "torch")}))
    monkeypatch.setattr(
        resuming, "find_dataset", lambda *_, **__: Chosen("digits", sha256="e" * 64)
    )
    with pytest.raises(DataError, match=r"expected SHA-256 d{64}, but it is e{64}"):
        go_on(Made())
    path = store.plans / f"{plan.session.session_id}.json"
    whole = path.read_bytes()
    for damaged in (
        whole[:-40],
        b"",
        b"[" * 100_000,
        whole.replace(b'"schema": 1', b'"schema": 2'),
        whole.replace(b'"blocks": 3', b'"blocks": 0'),
        whole.replace(b'"blocks": 3', b'"blocks": 99999999999'),
    ):
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match="plan of"):
            go_on(Made())


def test_a_record_that_cannot_be_saved_is_told_with_the_command_that_goes_on(planned):
    go_on, plan, _ = planned(Made(lost={(0, "two-layer", "torch")}))

    class Full(Made):
        def run(self, *_, **__):
            raise StoreError("no room")

    session = plan.session.session_id
    with pytest.raises(StoreError, match=f"no room\nonce .*--resume {session}"):
        go_on(Full())


def test_records_that_were_packed_are_not_run_again(planned):
    go_on, _, store = planned(Made(lost={(1, "two-layer", "torch")}))
    pack(store.folder.parent)
    shutil.rmtree(store.folder)
    again = Made()
    _, records = go_on(again)
    assert again.ran == [(3, "two-layer", "numpy", (1,)), (3, "two-layer", "torch", (1,))]
    assert len(records) == 3 * 4 + 2
    assert len(read(store.folder.parent)[0]) == len(records)


def test_the_python_api_resumes_a_session(planned, monkeypatch):
    _, plan, store = planned(Made(lost={(1, "two-layer", "torch")}))
    session, folder = plan.session.session_id, store.folder.parent
    monkeypatch.setattr(resuming, "find_executor", lambda *_: Made())
    results = benchbench.resume(session, results=folder)
    assert (len(results), results.exit_code) == (3 * 4 + 2, 0)
    with pytest.raises(UsageError, match="is whole"):
        benchbench.resume(session, results=str(folder))
    with pytest.raises(UsageError, match=r"needs the id of a session, .* but got Results"):
        benchbench.resume(results)
    with pytest.raises(UsageError, match="there is no session 'none' in"):
        benchbench.resume("none", results=folder)
