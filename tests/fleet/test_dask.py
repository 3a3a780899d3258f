"""A real Dask: blocks over two workers, one of which is killed while a block runs."""

from __future__ import annotations

import json
import re
import signal
import time

import cluster
import pytest

pytest.importorskip("distributed", reason="distributed is not installed: the extra `dask`")
pytestmark = pytest.mark.exhaustive


@pytest.fixture
def dask(command, tmp_path):
    folder = tmp_path / "dask"
    folder.mkdir()
    with cluster.running(cluster.Dask, folder) as found, cluster.tracked(command):
        command.dask = ("--executor", "dask", "--executor-options", found.address)
        yield found


def start(command, backend, blocks):
    return command.start(
        *("run", "--backend", backend, "--model", "single-layer", "--blocks", str(blocks)),
        *("--epochs", "2", "--threads", "1", "--dataset", str(command.dataset), "--no-certify"),
        *("--results", str(command.results), *command.dask),
    )


def wait_for(condition, seconds=90.0):
    for _ in range(int(seconds / 0.2)):
        if found := condition():
            return found
        time.sleep(0.2)
    raise AssertionError("it did not come to that")


def begun(command):
    return list((command.results / "sessions").glob("*/*.begun.json"))


def test_blocks_travel_to_the_workers_and_records_come_back(dask, command):
    done = command.run("numpy", "--blocks", "4", "--certify", *command.dask)
    assert done.returncode == 0, done.stderr
    records = command.records()
    assert [record.status for record in records] == ["ok"] * 4
    assert {record.certificate.verdict for record in records} == {"holds"}
    assert len(re.findall(r"block \d: done on tcp://", done.stderr)) == 4


def test_a_worker_that_is_killed_mid_block_loses_it_and_it_is_done_again_once(dask, command):
    process = start(command, "slow", 2)
    (first, *_) = wait_for(lambda: begun(command))
    time.sleep(4)
    dask.kill(json.loads(first.read_text())["node"])
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert re.search(r"block \d: LOST on tcp://\S+: .*; it is done again, as block 2", errors)
    good = [record.block for record in command.records() if record.status == "ok"]
    assert len(good) == len(set(good)) == 2
    (lost,) = [record for record in command.records() if record.status != "ok"]
    assert "the block is lost" in lost.error


def test_ctrl_c_ends_the_blocks_and_resume_completes(dask, command):
    process = start(command, "slow", 3)
    wait_for(lambda: begun(command))
    time.sleep(6)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "under way and have been cancelled" in errors
    assert {record.status for record in command.records()} <= {"ok", "interrupted", "crashed"}
    (words,) = [line for line in errors.splitlines() if line.startswith("go on with: benchbench ")]
    done = command(*words.removeprefix("go on with: benchbench ").split())
    assert done.returncode == 0, done.stderr
    assert sum(record.status == "ok" for record in command.records()) == 3
