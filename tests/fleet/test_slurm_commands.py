"""What Slurm's commands say, made up: every answer becomes a state or a sentence."""

from __future__ import annotations

import socket

import pytest
from benchbench_slurm import commands, engine, filesystems
from benchbench_slurm.commands import Said, state_of
from benchbench_slurm.engine import Slurm
from stage import make_plan, make_session

from benchbench.errors import Unavailable, UsageError
from benchbench.experiments.fleet.engine import EngineSilent, JobState
from benchbench.experiments.fleet.messages import Order
from benchbench.experiments.fleet.order_book import OrderBook
from benchbench.run.store import Store

PARTITIONS = "bench|up|1:00:00\ndebug|up|30:00\nold|down|infinite\n"
HERE = f"{socket.gethostname()}\n"
CONFIG = "MaxArraySize = 5\nMaxJobCount = 20\n"


class Commands:
    """Answers in the place of Slurm's commands; keeps what was asked."""

    def __init__(self, **answers):
        self.asked, self.scripts = [], []
        self.answers = {
            "sinfo": lambda words: Said(0, HERE if "--Node" in words else PARTITIONS, ""),
            "scontrol": Said(0, CONFIG, ""),
            "sbatch": Said(0, "77\n", ""),
            "squeue": Said(0, "", ""),
            "scancel": Said(0, "", ""),
            "sacct": Said(1, "", "Slurm accounting storage is disabled"),
        } | answers

    def __call__(self, *words, text=None, seconds=60.0):
        del seconds
        self.asked.append(words)
        self.scripts.append(text)
        answer = self.answers[words[0]]
        answer = answer(words) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def slurm(monkeypatch, tmp_path):
    """Give an engine whose commands are made up, a plan, and the book of its session."""

    def _slurm(options=None, **answers):
        said = Commands(**answers)
        monkeypatch.setattr(engine, "call", said)
        monkeypatch.setattr(engine, "must_be_there", lambda: None)
        made = Slurm()
        path = tmp_path / "slurm.toml"
        path.write_text(options or "")
        made.configure(str(path))
        plan = make_plan(make_session("numpy"), executor="slurm")
        book = OrderBook(Store(tmp_path / "results"), plan.session.session_id)
        book.prepare()
        return made, said, plan, book

    return _slurm


def orders(count, first=0):
    return [
        Order(key=key, number=key, models=("single-layer",), submitted="2026-01-02T03:04:05Z")
        for key in range(first, first + count)
    ]


def test_a_machine_without_slurm_is_told_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unavailable, match=r"sbatch, squeue.* login node .*slurm-client") as error:
        commands.must_be_there()
    assert error.value.exit_code == 3


def test_a_partition_that_is_not_there_is_refused_with_those_that_are(slurm):
    made, _, plan, book = slurm('partition = "bensh"')
    with pytest.raises(UsageError, match=r"no partition 'bensh', did you mean 'bench'\?.*debug"):
        made.check(plan, book, 4)
    made, _, plan, book = slurm('partition = "old"')
    with pytest.raises(Unavailable, match="partition 'old' is down"):
        made.check(plan, book, 4)
    made, _, plan, book = slurm('partition = "debug"\ntime = "2:00:00"')
    with pytest.raises(UsageError, match="lets jobs run for 30:00 at most"):
        made.check(plan, book, 4)
    made, _, plan, book = slurm('partition = "debug"\ntime = 0')
    with pytest.raises(UsageError, match="time is 0, which is no limit, but the partition 'debug'"):
        made.check(plan, book, 4)


def test_more_blocks_than_the_cluster_holds_are_refused(slurm):
    made, said, plan, book = slurm()
    with pytest.raises(UsageError, match=r"21 blocks are more .* it holds 20 jobs"):
        made.check(plan, book, 21)
    made, said, plan, book = slurm(sbatch=Said(1, "", "error: QOSMaxSubmitJobPerUserLimit"))
    with pytest.raises(UsageError, match=r"sbatch refuses .*QOSMaxSubmitJobPerUserLimit"):
        made.check(plan, book, 4)
    assert all("--array" not in " ".join(words) for words in said.asked)


def test_a_controller_that_does_not_answer_is_told_with_how_long(slurm):
    away = EngineSilent("sinfo tried for 8 s: Unable to contact slurm controller")
    made, _, plan, book = slurm(sinfo=away)
    with pytest.raises(Unavailable, match="controller does not answer: sinfo tried for 8 s"):
        made.check(plan, book, 4)


def test_results_that_nodes_cannot_see_are_refused_before_anything_is_submitted(slurm, monkeypatch):
    def sinfo(words):
        return Said(0, "c001\nc002\n", "") if "--Node" in words else Said(0, "bench|up|1:00\n", "")

    made, said, plan, book = slurm(sinfo=sinfo)
    monkeypatch.setattr(engine, "local_kind", lambda _: "ext4")
    with pytest.raises(UsageError, match=r"\(ext4\), which the nodes \(c001, c002, ...\) do not"):
        made.check(plan, book, 4)
    assert not [words for words in said.asked if words[0] == "sbatch"]
    made, said, plan, book = slurm("shared = true", sinfo=sinfo)
    made.check(plan, book, 4)
    monkeypatch.setattr(engine, "local_kind", lambda _: None)
    made, said, plan, book = slurm(sinfo=sinfo)
    made.check(plan, book, 4)


def test_file_systems_are_told_apart(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda1 / ext4 rw 0 0\nfs:/home /home nfs4 rw 0 0\ntmpfs /home/my\\040own tmpfs rw 0 0\n"
        "fs:/x /mnt/dépôt nfs4 rw 0 0\n"
    )
    kinds = {
        folder: filesystems.local_kind(folder, mounts)
        for folder in ("/var/x", "/home/me/results", "/home/my own/x", "/homes", "/mnt/dépôt/x")
    }
    assert kinds == {
        "/var/x": "ext4",
        "/home/me/results": None,
        "/home/my own/x": "tmpfs",
        "/homes": "ext4",
        "/mnt/dépôt/x": None,
    }


def test_blocks_are_arrays_of_at_most_as_many_tasks_as_the_cluster_takes(slurm):
    numbers = iter(["77", "78;cluster", "79"])
    made, said, plan, book = slurm(
        'partition = "bench"\nat_once = 2\nsetup = "module load x"\nexclude = "n5"',
        sbatch=lambda words: Said(0, "" if "--test-only" in words else f"{next(numbers)}\n", ""),
    )
    made.check(plan, book, 10)
    jobs = made.submit(plan, book, orders(10, first=3), avoid=["n7"])
    assert jobs[3] == "77_0"
    assert jobs[6] == "77_3"
    assert jobs[7] == "78_0"
    assert jobs[12] == "79_1"
    words = " ".join(said.asked[-1])
    assert "--array=0-1%2" in words
    assert "--exclude=n5,n7" in words
    assert "--exclusive" in words
    assert "--no-requeue" in words
    script = said.scripts[-1]
    assert "module load x\n" in script
    assert f"{book.folder} 3 $((11 + SLURM_ARRAY_TASK_ID))" in script


def test_a_percent_sign_in_the_folder_is_none_of_slurm_s(slurm, tmp_path):
    made, said, plan, _ = slurm()
    book = OrderBook(Store(tmp_path / "100%j"), plan.session.session_id)
    made.submit(plan, book, orders(1))
    (output,) = [word for word in said.asked[-1] if word.startswith("--output=")]
    assert output.endswith(f"/100%%j/sessions/{plan.session.session_id}/job-%A_%a.log")


def test_where_one_array_is_refused_those_before_are_ended(slurm):
    answers = iter([Said(0, "77\n", ""), Said(1, "", "sbatch: error: no")])
    made, said, plan, book = slurm(sbatch=lambda _: next(answers))
    made._array_size = 2
    with pytest.raises(UsageError, match="sbatch refuses the blocks: sbatch: error: no"):
        made.submit(plan, book, orders(4))
    assert ("scancel", "77") in said.asked


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("PENDING||Resources", JobState("waiting", "", "Resources")),
        (
            "PENDING||JobHeldUser",
            JobState("waiting", "", "JobHeldUser (does not pass by itself: `scontrol show job`)"),
        ),
        ("RUNNING|n1|None", JobState("running", "n1")),
        ("COMPLETING|n1|None", JobState("running", "n1")),
        ("COMPLETED|n1|None", JobState("ended", "n1")),
        ("NODE_FAIL|n1|None", JobState("ended", "n1", "its node failed (NODE_FAIL)", True)),
        ("PREEMPTED|n1|x", JobState("ended", "n1", "the job was preempted (PREEMPTED)", True)),
        ("CANCELLED by 0|n1|x", JobState("ended", "n1", "the job was cancelled (CANCELLED)")),
        (
            "FAILED|n1|NonZeroExitCode",
            JobState("ended", "n1", "its job failed (NonZeroExitCode)", True),
        ),
        ("SURPRISE|(null)|x", JobState("ended", "", "its job ended (SURPRISE)")),
    ],
)
def test_states_are_read_as_slurm_writes_them(line, expected):
    assert state_of(*line.split("|")) == expected


def test_a_time_limit_says_what_gives_more():
    assert "`time` in the options" in state_of("TIMEOUT", "n1", "TimeLimit").reason


def test_jobs_that_slurm_has_forgotten_are_asked_of_the_accounting(slurm):
    unknown = Said(1, "", "slurm_load_jobs error: Invalid job id specified")
    made, _, _, _ = slurm(squeue=unknown)
    assert made.look({0: "5_0"})[0].reason.startswith("Slurm knows its job no longer: it was canc")
    made, _, _, _ = slurm(squeue=unknown, sacct=Said(0, "5_0|COMPLETED|n1\n", ""))
    assert made.look({0: "5_0"})[0] == JobState("ended", "n1")

    def squeue(words):
        return unknown if "5" in words[-1] else Said(0, "6_0|RUNNING|n2|None\n", "")

    made, _, _, _ = slurm(squeue=squeue)
    assert made.look({0: "5_0", 1: "6_0"})[1] == JobState("running", "n2")


def test_what_was_cancelled_before_it_began_is_not_done_again(slurm):
    """As Slurm 22.05 lists it after `scancel 5_1`, and after `scancel --user`."""
    lists = iter(
        [
            "5_0|RUNNING|n1|None\n5_1|PENDING||Resources\n",
            "5_0|RUNNING|n1|None\n",
            "6|CANCELLED||x\n",
        ]
    )
    made, _, _, _ = slurm(squeue=lambda _: Said(0, next(lists), ""))
    assert made.look({0: "5_0", 1: "5_1"})[1].phase == "waiting"
    gone = made.look({0: "5_0", 1: "5_1"})[1]
    assert gone.phase == "ended"
    assert not gone.elsewhere
    found = made.look({0: "5_0", 2: "6_0", 3: "6_1"})
    assert found[2] == found[3] == JobState("ended", "", "the job was cancelled (CANCELLED)")
    assert found[0].elsewhere, "it was at work and is gone"
