"""A real Dask: blocks over two workers, one of which is killed while a block runs."""

from __future__ import annotations

import re
import signal

import cluster
import pytest
from held import Held, tracked

pytest.importorskip("distributed", reason="distributed is not installed: the extra `dask`")
pytestmark = pytest.mark.exhaustive


@pytest.fixture
def dask(command, tmp_path, monkeypatch):
    monkeypatch.setenv("HELD_AT", str(tmp_path / "held"))
    folder = tmp_path / "dask"
    folder.mkdir()
    with cluster.running(cluster.Dask, folder) as found, tracked(command):
        command.dask = ("--executor", "dask", "--executor-options", found.address)
        yield found


@pytest.fixture
def held(dask, command, tmp_path):
    """Start a session whose blocks are held in their first epoch."""
    return lambda blocks: Held(command, tmp_path, *command.dask, blocks=blocks)


def test_blocks_travel_to_the_workers_and_records_come_back(dask, command):
    done = command.run("numpy", "--blocks", "4", "--certify", *command.dask)
    assert done.returncode == 0, done.stderr
    records = command.records()
    assert [record.status for record in records] == ["ok"] * 4
    assert {record.certificate.verdict for record in records} == {"holds"}
    assert len(re.findall(r"block \d: done on tcp://", done.stderr)) == 4


def test_a_worker_that_is_killed_mid_block_loses_it_and_it_is_done_again_once(dask, held, command):
    session = held(2)
    dask.kill_above(session.worker())
    told = session.end()
    assert session.process.returncode == 0, told
    assert re.search(r"block \d: LOST on tcp://\S+: .*; it is done again, as block 2", told)
    good = [record.block for record in command.records() if record.status == "ok"]
    assert len(good) == len(set(good)) == 2
    (lost,) = [record for record in command.records() if record.status != "ok"]
    assert "the block is lost" in lost.error


def test_ctrl_c_ends_the_blocks_and_resume_completes(dask, held, command):
    session = held(3)
    session.worker()
    session.process.send_signal(signal.SIGINT)
    session.process.communicate(timeout=180)
    assert session.process.returncode == 130
    assert "under way and have been cancelled" in session.said
    assert {record.status for record in command.records()} <= {"interrupted", "crashed"}
    (words,) = re.findall(r"^go on with: benchbench (.*)$", session.said, re.MULTILINE)
    session.let_go()
    done = command(*words.split())
    assert done.returncode == 0, done.stderr
    assert sum(record.status == "ok" for record in command.records()) == 3
