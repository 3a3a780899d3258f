"""Where blocks run: here, or where a plugin says."""

from __future__ import annotations

import pytest
from makers import make_record

import benchbench as bb
from benchbench.errors import PluginError, UsageError
from benchbench.experiments.executors import LocalExecutor, find_executor
from benchbench.plugins.registry import load_registry

# It runs nothing: a session goes out as JSON, records come back, block by block.
PLUGIN = """
from benchbench import ExecutorInfo, hookimpl

class Elsewhere:
    def run(self, session, numbers, *, store, listener, timeout_seconds):
        from test_executors import answer
        yield from answer(session, numbers, store)

@hookimpl
def benchbench_executors():
    return [ExecutorInfo("elsewhere", Elsewhere), ExecutorInfo("nothing", lambda: None)]
"""


def answer(session, numbers, store):
    from benchbench.run.session_file import session_from_json, session_to_json

    there = session_from_json(session_to_json(session), source="the executor")
    for number in numbers:
        for group in there.block(number):
            for run in group.runs:
                record = make_record(
                    run_id=run.request.run_id, session_id=there.session_id, block=number
                )
                store.save(record)
                yield record


@pytest.fixture
def elsewhere(install, monkeypatch):
    monkeypatch.syspath_prepend(__file__.rpartition("/")[0])
    install("elsewhere", PLUGIN)
    return load_registry()


def test_a_plugin_runs_the_blocks(elsewhere, tmp_path):
    results = bb.run(
        backends=["numpy"],
        models=["single-layer"],
        dataset="digits",
        blocks=3,
        certify=False,
        executor="elsewhere",
        results=tmp_path,
    )
    assert [record.block for record in results.records] == [0, 1, 2]
    saved = bb.load_results(tmp_path).records
    ids = [record.run_id for record in results.records]
    assert sorted(record.run_id for record in saved) == sorted(ids)


def test_a_name_that_is_nothing_is_refused_with_the_nearest(elsewhere):
    with pytest.raises(UsageError, match=r"'elsewere', did you mean 'elsewhere'\?.*local"):
        find_executor("elsewere", elsewhere)
    assert isinstance(find_executor("local", elsewhere), LocalExecutor)


def test_what_cannot_run_blocks_is_the_plugin_s_fault(elsewhere):
    with pytest.raises(PluginError, match="'nothing' of elsewhere must have a method `run`"):
        find_executor("nothing", elsewhere)


def test_local_is_the_core_s(install):
    install("claims", PLUGIN.replace('"nothing"', '"local"'))
    (bad,) = load_registry().quarantined
    assert "no executor of a plugin may be named 'local'" in bad.reason
