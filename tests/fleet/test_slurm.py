"""A real Slurm: blocks over two nodes, a node that dies, jobs that are ended, resume."""

from __future__ import annotations

import json
import re
import signal
import time

import cluster
import pytest


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    if reason := cluster.why_no_slurm():
        pytest.skip(reason)
    # Every folder above munged's key must be root's alone to write: pytest's are.
    folder = tmp_path_factory.mktemp("slurm")
    for above in folder.parents:
        if above.name.startswith(("pytest-", "popen-")):  # and those of its workers
            above.chmod(0o755)
    with cluster.running(cluster.Slurm, folder) as found:
        yield found


@pytest.fixture
def fleet(slurm, command, tmp_path):
    """Give the command, which runs blocks on the cluster."""
    slurm.wait_until_idle()
    command.environment = slurm.environment | command.environment
    command.environment |= {"SLURM_CONF": slurm.environment["SLURM_CONF"]}
    options = tmp_path / "slurm.toml"
    options.write_text('partition = "bench"\ntime = 5\n')
    command.slurm = ("--executor", "slurm", "--executor-options", str(options))
    with cluster.tracked(command):
        yield command


def session_of(command):
    (plan,) = (command.results / "sessions").glob("*.json")
    return plan.stem


def statuses(command):
    done = command("status", session_of(command), "--results", str(command.results), "--json")
    return json.loads(done.stdout)


def wait_for(condition, seconds=60.0):
    for _ in range(int(seconds / 0.2)):
        if found := condition():
            return found
        time.sleep(0.2)
    raise AssertionError("it did not come to that")


def on_node(command, node="node"):
    """Return the block that runs on a node, None if none does."""
    for path in (command.results / "sessions").glob("*/*.begun.json"):
        key = path.name.split(".")[0]
        begun = json.loads(path.read_text())
        if begun["node"].startswith(node) and not list(path.parent.glob(f"{key}.answer.json")):
            return begun["node"]
    return None


@pytest.mark.exhaustive
def test_eight_blocks_over_two_nodes(fleet):
    done = fleet.run("numpy", "--blocks", "8", "--certify", *fleet.slurm)
    assert done.returncode == 0, done.stderr
    records = fleet.records()
    assert [record.status for record in records] == ["ok"] * 8
    assert sorted(record.block for record in records) == list(range(8))
    assert len({record.machine.host for record in records}) == 2
    assert {record.certificate.verdict for record in records} == {"holds"}
    assert len(re.findall(r"block \d: done on node[12]", done.stderr)) == 8
    found = statuses(fleet)
    assert {block["state"] for block in found["blocks"]} == {"done"}


@pytest.mark.exhaustive
def test_a_node_that_dies_mid_block_has_its_block_done_again_elsewhere(fleet, slurm):
    process = fleet.start(
        *("run", "--backend", "slow", "--model", "single-layer", "--blocks", "2", "--epochs", "2"),
        *("--dataset", str(fleet.dataset), "--results", str(fleet.results), "--threads", "1"),
        *("--no-certify", *fleet.slurm),
    )
    node = wait_for(lambda: on_node(fleet))
    slurm.kill_node(node)
    _, errors = process.communicate(timeout=240)
    slurm.start_node(node)
    told = rf"block \d: LOST on {node}: its node failed \(NODE_FAIL\).*as block 2"
    assert re.search(told, errors), errors
    by_status = [(record.status, record.block) for record in fleet.records()]
    assert sum(status == "ok" for status, _ in by_status) == 2
    (lost,) = [record for record in fleet.records() if record.status != "ok"]
    assert "its node failed" in lost.error
    (again,) = [record for record in fleet.records() if record.block == 2]
    assert again.replaces_blocks == (lost.block,)
    assert process.returncode == 0


@pytest.mark.exhaustive
def test_a_cancelled_job_is_lost_with_its_reason_and_resume_completes(fleet, slurm):
    process = fleet.start(
        *("run", "--backend", "slow", "--model", "single-layer", "--blocks", "3", "--epochs", "2"),
        *("--dataset", str(fleet.dataset), "--results", str(fleet.results), "--threads", "1"),
        *("--no-certify", *fleet.slurm),
    )
    wait_for(lambda: on_node(fleet))
    jobs = slurm.say("squeue", "-h", "-r", "-t", "RUNNING", "-o", "%i").split()
    for job in jobs:
        slurm.say("scancel", job)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 1
    lost = re.findall(r"block \d: LOST.*the job was cancelled \(CANCELLED\)", errors)
    assert len(lost) == len(jobs)
    assert "done again" not in errors
    resumed = fleet("run", "--resume", session_of(fleet), "--results", str(fleet.results))
    assert resumed.returncode == 0, resumed.stderr
    assert sum(record.status == "ok" for record in fleet.records()) == 3


def test_detached_blocks_are_looked_at_and_collected(fleet):
    detached = fleet.run("numpy", "--blocks", "2", "--detach", *fleet.slurm)
    assert detached.returncode == 0, detached.stderr
    assert f"benchbench status --results {fleet.results} {session_of(fleet)}" in detached.stdout
    assert statuses(fleet)["wanted"] == 2
    collected = fleet("run", "--resume", session_of(fleet), "--results", str(fleet.results))
    assert collected.returncode == 0, collected.stderr
    assert len(fleet.records()) == 2


@pytest.mark.exhaustive
def test_ctrl_c_and_cancel_end_the_jobs(fleet, slurm):
    arguments = (
        *("run", "--backend", "slow", "--model", "single-layer", "--blocks", "4", "--epochs", "2"),
        *("--dataset", str(fleet.dataset), "--results", str(fleet.results), "--threads", "1"),
        *("--no-certify", *fleet.slurm),
    )
    process = fleet.start(*arguments)
    wait_for(lambda: on_node(fleet))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "under way and have been cancelled: " in errors
    assert "go on with: benchbench run --results" in errors
    wait_for(lambda: not slurm.say("squeue", "-h").strip())
    statuses = {record.status for record in fleet.records()}
    assert statuses <= {"interrupted", "crashed"}
    fleet(*arguments, "--detach")
    latest = sorted(path.stem for path in (fleet.results / "sessions").glob("*.json"))[-1]
    ended = fleet("cancel", latest, "--results", str(fleet.results))
    assert "cancelled 4 blocks" in ended.stdout
    wait_for(lambda: not slurm.say("squeue", "-h").strip())


@pytest.mark.exhaustive
def test_what_slurm_would_refuse_is_refused_before_anything_is_submitted(fleet, slurm, tmp_path):
    options = tmp_path / "bad.toml"
    options.write_text('partition = "nowhere"')
    refused = fleet.run(
        "numpy", "--blocks", "2", "--executor", "slurm", "--executor-options", str(options)
    )
    assert refused.returncode == 2
    assert "there is no partition 'nowhere' (known: bench)" in refused.stderr
    too_many = fleet.run("numpy", "--blocks", "10001", *fleet.slurm)
    assert too_many.returncode == 2
    assert "10,001 blocks are more than this cluster takes" in too_many.stderr
    assert not slurm.say("squeue", "-h", "--states=PENDING,RUNNING").strip()


@pytest.mark.exhaustive
def test_a_controller_that_restarts_is_waited_for(fleet, slurm):
    process = fleet.start(
        *("run", "--backend", "slow", "--model", "single-layer", "--blocks", "2", "--epochs", "2"),
        *("--dataset", str(fleet.dataset), "--results", str(fleet.results), "--threads", "1"),
        *("--no-certify", *fleet.slurm),
    )
    wait_for(lambda: on_node(fleet))
    slurm.stop_controller()
    time.sleep(8)
    slurm.start_controller()
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert "LOST" not in errors
    assert [record.status for record in fleet.records()] == ["ok"] * 2


@pytest.mark.exhaustive
def test_a_block_that_comes_to_its_time_limit_is_lost_with_what_gives_more(fleet, tmp_path):
    (tmp_path / "slurm.toml").write_text('partition = "bench"\ntime = 1\n')
    done = fleet.run("slow", "--blocks", "1", "--epochs", "200", *fleet.slurm)
    assert done.returncode == 1
    assert re.search(
        r"block 0: LOST on node\d: the job came to its time limit.*`time`", done.stderr
    )
    assert "done again" not in done.stderr
    (record,) = fleet.records()
    assert record.status in {"interrupted", "crashed"}
    assert record.epochs or record.status == "crashed"
