"""A self-test over machines: what a fleet can tell apart, from what its machines showed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import commands
import pytest
from fleets import machine
from makers import make_record
from waiting import PATIENCE_SECONDS

from benchbench.plugins.registry import load_registry

# Runs nothing: says what three machines might have shown, blocks in turn.
PLUGIN = """
from benchbench import ExecutorInfo, hookimpl

class Spread:
    def run(self, session, numbers, *, store, listener, timeout_seconds):
        from test_selftest import shown
        for number in numbers:
            for group in session.block(number):
                for run in group.runs:
                    record = shown(run.request, group.order_seed)
                    store.save(record)
                    yield record

@hookimpl
def benchbench_executors():
    return [ExecutorInfo("spread", Spread)]
"""


def shown(request, order_seed):
    """Make the record of a run: its machine and scatter by its block, its time by its copy."""
    slowdown = request.variant.slowdown if request.variant else 0.0
    copied = 1.0 if request.variant is None else 1 + slowdown
    scatter = 1 + 0.01 * ((request.block // 3) % 2) * (request.variant is not None)
    return make_record(
        run_id=request.run_id,
        session_id=request.session_id,
        block=request.block,
        order_seed=order_seed,
        backend=request.backend,
        division=request.division,
        variant=request.variant,
        model="single-layer",
        machine=machine(f"node{request.block % 3}"),
        train_seconds=[2 * copied * scatter] * 4,
    )


@pytest.fixture
def spread(install, monkeypatch):
    monkeypatch.syspath_prepend(__file__.rpartition("/")[0])
    install("spread", PLUGIN)
    return load_registry()


@pytest.fixture
def selftest(spread, tmp_path):
    """Give the command with that executor and one slow-down."""
    here = Path(__file__).parent
    folders = (os.environ["PYTHONPATH"], str(here), str(here.parent))
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(folders))

    def _selftest(*options):
        words = ["selftest", "--executor", "spread", "--repeats", "1", "--slowdown", "10%"]
        words += ["--dataset", "digits", "--results", str(tmp_path / "results")]
        process = commands.start_forked(
            [*words, *options],
            text=True,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode, out, err

    return _selftest


def test_the_machines_that_an_executor_has_are_told_apart(selftest):
    code, out, err = selftest("--blocks", "6", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["machines"] == 3
    assert found["blocks"] == 2, "on each of them"
    assert found["between"] == pytest.approx(0, abs=1e-3)
    assert [(one["slowdown"], sum(one["verdicts"].values())) for one in found["trials"]] == [
        (0.0, 3),
        (0.1, 3),
    ]
    assert {one["machines"] for one in found["on_machines"]} == {5, 10, 20}


def test_a_machine_with_one_block_is_too_little(selftest):
    code, _, err = selftest("--blocks", "2")
    assert code == 2
    assert "two blocks or more on each machine" in " ".join(err.split())
