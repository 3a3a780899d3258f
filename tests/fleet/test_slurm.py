"""A real Slurm: blocks over two nodes, a node that dies, jobs that are ended, resume."""

from __future__ import annotations

import json
import re
import signal

import cluster
import pytest
from held import Held, tracked, wait_for


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
    with tracked(command):
        yield command


def session_of(command):
    (plan,) = (command.results / "sessions").glob("*.json")
    return plan.stem


def statuses(command):
    done = command("status", session_of(command), "--results", str(command.results), "--json")
    return json.loads(done.stdout)


@pytest.fixture
def held(fleet, tmp_path):
    """Start a session whose blocks are held in their first epoch."""
    return lambda blocks: Held(fleet, tmp_path, *fleet.slurm, blocks=blocks)


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
def test_a_node_that_dies_mid_block_has_its_block_done_again_elsewhere(fleet, slurm, held):
    session = held(2)
    node = session.node()
    slurm.kill_node(node)
    told = session.end()
    slurm.start_node(node)
    lost = rf"block \d: LOST on {node}: its node failed \(NODE_FAIL\).*as block 2"
    assert re.search(lost, told), told
    by_status = [(record.status, record.block) for record in fleet.records()]
    assert sum(status == "ok" for status, _ in by_status) == 2
    (lost,) = [record for record in fleet.records() if record.status != "ok"]
    assert "its node failed" in lost.error
    (again,) = [record for record in fleet.records() if record.block == 2]
    assert again.replaces_blocks == (lost.block,)
    assert session.process.returncode == 0


def test_cancelled_jobs_are_lost_with_their_reason_and_resume_completes(fleet, slurm, held):
    session = held(3)
    session.node()
    slurm.say("scancel", "--user=root")  # two at work and one that waits
    told = session.end()
    assert session.process.returncode == 1
    assert len(re.findall(r"block \d: LOST.*the job was cancelled \(CANCELLED\)", told)) == 3
    assert "done again" not in told
    resumed = fleet("run", "--resume", session_of(fleet), "--results", str(fleet.results))
    assert resumed.returncode == 0, resumed.stderr
    assert sum(record.status == "ok" for record in fleet.records()) == 3


@pytest.mark.exhaustive
def test_a_preempted_block_is_done_again_once_elsewhere(fleet, slurm, held):
    session = held(1)
    node = session.node()
    slurm.say("sbatch", "-p", "urgent", "-w", node, "-o", "/dev/null", "--wrap", "true")
    told = session.end()
    assert session.process.returncode == 0, told
    lost = rf"block 0: LOST on {node}: the job was preempted \(PREEMPTED\); .* as block 1"
    assert re.search(lost, told), told
    good = [record.block for record in fleet.records() if record.status == "ok"]
    assert good == [1]
    assert {record.replaces_blocks for record in fleet.records() if record.block} == {(0,)}


@pytest.mark.exhaustive
def test_a_command_that_was_killed_loses_nothing_and_resume_collects(fleet, held):
    session = held(2)
    session.node()
    session.process.kill()
    session.end()
    resumed = fleet("run", "--resume", session_of(fleet), "--results", str(fleet.results))
    assert resumed.returncode == 0, resumed.stderr
    assert sorted(record.block for record in fleet.records()) == [0, 1]
    assert {record.status for record in fleet.records()} == {"ok"}


def test_detached_blocks_are_looked_at_and_collected(fleet):
    detached = fleet.run("numpy", "--blocks", "2", "--detach", *fleet.slurm)
    assert detached.returncode == 0, detached.stderr
    assert f"benchbench status --results {fleet.results} {session_of(fleet)}" in detached.stdout
    assert statuses(fleet)["wanted"] == 2
    collected = fleet("run", "--resume", session_of(fleet), "--results", str(fleet.results))
    assert collected.returncode == 0, collected.stderr
    assert len(fleet.records()) == 2


@pytest.mark.exhaustive
def test_ctrl_c_and_cancel_end_the_jobs(fleet, slurm, held):
    session = held(4)
    session.node()
    session.process.send_signal(signal.SIGINT)
    session.process.communicate(timeout=180)
    assert session.process.returncode == 130
    assert "under way and have been cancelled: 4" in session.said
    assert "go on with: benchbench run --results" in session.said
    wait_for(lambda: not slurm.say("squeue", "-h").strip())
    assert {record.status for record in fleet.records()} <= {"interrupted", "crashed"}
    fleet.run("held", "--blocks", "4", *fleet.slurm, "--detach")
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
    assert "there is no partition 'nowhere' (known: bench, urgent)" in refused.stderr
    too_many = fleet.run("numpy", "--blocks", "10001", *fleet.slurm)
    assert too_many.returncode == 2
    assert "10,001 blocks are more than this cluster takes" in too_many.stderr
    assert not slurm.say("squeue", "-h", "--states=PENDING,RUNNING").strip()


@pytest.mark.exhaustive
def test_a_controller_that_restarts_is_waited_for(fleet, slurm, held):
    session = held(2)
    session.node()
    slurm.stop_controller()
    wait_for(lambda: "does not answer" in session.said)
    slurm.start_controller()
    told = session.end()
    assert session.process.returncode == 0, told
    assert "answers again" in told
    assert "LOST" not in told
    assert [record.status for record in fleet.records()] == ["ok"] * 2


@pytest.mark.exhaustive
def test_a_block_that_comes_to_its_time_limit_is_lost_with_what_gives_more(fleet, tmp_path):
    (tmp_path / "slurm.toml").write_text('partition = "bench"\ntime = 1\n')
    done = fleet.run("slow", "--blocks", "1", "--epochs", "1000", *fleet.slurm)
    assert done.returncode == 1
    assert re.search(
        r"block 0: LOST on node\d: the job came to its time limit.*`time`", done.stderr
    )
    assert "done again" not in done.stderr
    (record,) = fleet.records()
    assert record.status in {"interrupted", "crashed"}
    assert record.epochs or record.status == "crashed"
