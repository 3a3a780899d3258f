"""A plugin's executor that crashes, or yields what is no record, is told by its name."""

from __future__ import annotations

import pytest

import benchbench as bb
from benchbench.errors import PluginError, Unavailable
from benchbench.experiments.executors import find_executor
from benchbench.plugins.registry import load_registry

PLUGIN = """
from benchbench import ExecutorInfo, hookimpl

def raises(): raise RuntimeError("no cluster")
def quits(): raise SystemExit(0)
def absent():
    from benchbench.errors import Unavailable
    raise Unavailable("there is no cluster here")

class Crashes:
    def run(self, session, numbers, *, store, listener, timeout_seconds):
        raise RuntimeError("the queue is closed")

class Quits:
    def run(self, session, numbers, *, store, listener, timeout_seconds):
        raise SystemExit(0)
        yield

class Garbles:
    def run(self, session, numbers, *, store, listener, timeout_seconds):
        yield {"status": "ok"}

class Signature:
    def run(self): ...

class Nothing:
    def run(self, session, numbers, *, store, listener, timeout_seconds):
        return 5

@hookimpl
def benchbench_executors():
    kinds = (raises, quits, absent, Crashes, Quits, Garbles, Signature, Nothing)
    names = ("raises", "quits", "absent", "crashes-later", "quits-later", "garbles", "signature",
             "nothing")
    return [ExecutorInfo(*both) for both in zip(names, kinds)]
"""
MADE = {
    "raises": (PluginError, r"'raises' of a-plugin crashed: RuntimeError: no cluster \(a_plugin"),
    "quits": (PluginError, "'quits' of a-plugin crashed: SystemExit: 0"),
    "absent": (Unavailable, "^there is no cluster here$"),
}
RUNS = {
    "crashes-later": "of a-plugin crashed: RuntimeError: the queue is closed",
    "quits-later": "of a-plugin crashed: SystemExit: 0",
    "garbles": "must yield records, but yielded {'status': 'ok'}",
    "signature": "crashed: TypeError",
    "nothing": "crashed: TypeError: 'int' object is not iterable",
}


@pytest.fixture(autouse=True)
def _installed(install, monkeypatch, tmp_path):
    monkeypatch.setenv("BENCHBENCH_DISABLE", "torch, keras, jax")
    install("a-plugin", PLUGIN)


def test_one_that_cannot_be_made_is_told_by_name():
    registry = load_registry()
    for name, (kind, reason) in MADE.items():
        with pytest.raises(kind, match=reason):
            find_executor(name, registry)


def test_one_that_crashes_at_work_is_told_by_name(tmp_path, small_mnist):
    for name, reason in RUNS.items():
        with pytest.raises(PluginError, match=reason) as refusal:
            bb.run(
                backends=["numpy"],
                models=["single-layer"],
                dataset=small_mnist,
                certify=False,
                executor=name,
                results=tmp_path / "results",
            )
        assert f"the executor '{name}' of a-plugin" in str(refusal.value)
