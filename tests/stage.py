"""A conductor with scripted workers on a made-up machine."""

from __future__ import annotations

import msgspec
from fake_launcher import FakeLauncher, FakeMonitor, good_run

from benchbench.compare.contrast import Question
from benchbench.experiments.saved_plan import SavedPlan, sources_here, versions_here
from benchbench.plugins.registry import load_registry
from benchbench.records import DatasetChoice
from benchbench.run.conductor import Conductor
from benchbench.run.plan import Cell, Session
from benchbench.run.store import Store, read
from benchbench.spec.catalog import MODELS
from benchbench.spec.protocol import TrainingProtocol


class Hearing:
    """Keeps what it hears, in order."""

    def __init__(self):
        self.heard = []

    def group_started(self, requests):
        self.heard.append(("group", [request.backend for request in requests]))

    def epoch_done(self, request, number, epoch):
        self.heard.append(("epoch", request.backend, number, epoch.turn))

    def run_finished(self, record):
        self.heard.append(("record", record.backend, record.status))


def make_session(*backends, **changes):
    options = {
        "protocol": TrainingProtocol(epochs=2),
        "dataset": DatasetChoice("digits", sha256="d" * 64),
        "device": "auto",
        "threads": 2,
        "cpus": None,
        "seed": 5,
    }
    cells = tuple(Cell(name, "idiomatic", MODELS["single-layer"]) for name in backends)
    return Session(**{"cells": cells} | options | changes)


def make_plan(session, **changes):
    """Return the plan of a session of one uncertified block, with the versions that are here."""
    registry = load_registry()
    plan = SavedPlan(
        session=session,
        blocks=1,
        until=None,
        question=Question(),
        certified=False,
        executor="local",
        timeout_seconds=9.0,
        versions=versions_here(session, registry),
        sources=sources_here(session, registry),
    )
    return msgspec.structs.replace(plan, **changes)


class Stage:
    """A conductor with scripted workers, a made-up machine and a store of its own."""

    def __init__(self, results, scripts):
        def script(run):
            return scripts.get(run.request.backend) or good_run(run.request.protocol.epochs)

        self.launcher = FakeLauncher(script)
        self.listener = Hearing()
        self.monitor = FakeMonitor(self.launcher.clock)
        self.results = results
        store = Store(results)
        store.prepare()
        self.conductor = Conductor(
            store=store,
            listener=self.listener,
            timeout=60,
            launcher=self.launcher,
            monitor=self.monitor,
        )

    def conduct(self, groups):
        return {record.backend: record for record in self.conductor.conduct(groups)}

    def saved(self):
        records, unreadable = read(self.results)
        assert not unreadable
        return {record.backend: record for record in records}
