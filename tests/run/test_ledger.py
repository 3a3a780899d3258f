"""Time spent asleep lands in the phase it was spent in, through a real worker."""

from __future__ import annotations

import importlib

import pytest

from benchbench.measure.clock import now_ns
from benchbench.plugins.registry import load_registry
from benchbench.records import DatasetChoice, Finished, Phases
from benchbench.run.plan import Cell, Session
from benchbench.run.process import WorkerProcess
from benchbench.spec.protocol import TrainingProtocol


class HeardWorker(WorkerProcess):
    """Notes when the last word was heard: the process still has to end then."""

    heard_ns = 0

    def _end(self) -> None:
        self.heard_ns = now_ns()
        super()._end()


@pytest.fixture
def run_alone(misfits, small_mnist):
    """Run `backend` for three epochs, alone; return its phases and the seconds seen outside."""

    def _run_alone(backend: str) -> tuple[Phases, float]:
        registry = load_registry()
        session = Session(
            cells=[Cell(registry.backend(backend), "idiomatic", registry.model("single-layer"))],
            protocol=TrainingProtocol(epochs=3),
            dataset=DatasetChoice("slow-to-load", str(small_mnist)),
            device="cpu",
            threads=1,
            cpus=None,
            seed=0,
        )
        (group,) = session.block(0)
        worker = HeardWorker(group.runs[0], timeout=120)
        try:
            event = worker.next_event()
            while not isinstance(event, Finished):
                event = worker.turn()
        finally:
            worker.close()
        assert event.outcome.phases
        return event.outcome.phases, (worker.heard_ns - worker.request.spawned_ns) / 1e9

    return _run_alone


def test_every_sleep_lands_in_its_phase_and_the_phases_sum_to_the_whole(run_alone):
    phases, wall_seconds = run_alone("sleeps")
    sleeps = importlib.import_module("misfits").SLEEPS
    awake = {name: getattr(phases, name) - asleep for name, asleep in sleeps.items()}
    # A sleep that is missing from its phase is longer than what else happens in that phase.
    assert min(awake.values()) >= 0, awake
    parts = {name: getattr(phases, name) for name in phases.__struct_fields__ if name != "total"}
    assert set(parts) == {*sleeps, "waiting", "other"}
    assert sum(parts.values()) == pytest.approx(phases.total, rel=0.01)
    # The pipe's own time is in the second reading; a busy machine may hold it up.
    assert phases.total == pytest.approx(wall_seconds, rel=0.01, abs=0.1)
