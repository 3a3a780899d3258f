"""Slurm's commands: what is asked, and what they answer."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

from benchbench.errors import Unavailable
from benchbench.experiments.fleet.engine import EngineSilent, JobState
from benchbench.measure.clock import now_ns

NEEDED = ("sbatch", "squeue", "scancel", "sinfo", "scontrol")
# Slurm's commands try for some seconds themselves before they give up.
_ANSWER_SECONDS = 60.0
# What a command says when the controller is away, which may pass.
_AWAY = (
    "Unable to contact slurm controller",
    "Connection refused",
    "Connection timed out",
    "Socket timed out",
    "Zero Bytes were transmitted",
    "Transport endpoint is not connected",
)

# Slurm's states of a job, and which of them another node may cure.
_UNDER_WAY = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT"}
_WAITING = {"PENDING", "CONFIGURING", "RESIZING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT"}
# Reasons to wait that pass only where somebody changes the job or the cluster.
_FOR_EVER = {
    *(
        "PartitionTimeLimit",
        "PartitionNodeLimit",
        "PartitionConfig",
        "BadConstraints",
        "JobHeldUser",
    ),
    *("JobHeldAdmin", "InvalidAccount", "InvalidQOS", "AccountNotAllowed", "QOSNotAllowed"),
    *("DependencyNeverSatisfied", "QOSTimeLimit", "MaxMemPerLimit", "ReservationDeleted"),
}
_ELSEWHERE = {"NODE_FAIL", "BOOT_FAIL", "PREEMPTED"}
_ENDINGS = {
    "CANCELLED": "the job was cancelled",
    "TIMEOUT": "the job came to its time limit: give it more with `time` in the options",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not boot",
    "PREEMPTED": "the job was preempted",
    "DEADLINE": "the job came to its deadline",
    "OUT_OF_MEMORY": "the job ran out of the memory that it was given",
    "REVOKED": "the job was revoked",
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    output: str
    error: str

    @property
    def reason(self) -> str:
        """What went wrong, in the command's words, on one line."""
        return " ".join((self.error.strip() or self.output.strip() or "it said nothing").split())

    @property
    def is_away(self) -> bool:
        return any(words.lower() in self.error.lower() for words in _AWAY)


def must_be_there() -> None:
    """Raise Unavailable where Slurm's commands are not on this machine."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        raise Unavailable(
            f"the executor 'slurm' needs Slurm's commands, and {', '.join(missing)} cannot be "
            f"found here: run this on a login node of the cluster, or install them (Debian: apt "
            f"install slurm-client)"
        )


def call(*words: str, text: str | None = None, seconds: float = _ANSWER_SECONDS) -> Said:
    """Run a command of Slurm's. Raises EngineSilent where the controller does not answer."""
    started = now_ns()
    try:
        done = subprocess.run(
            words,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        raise EngineSilent(f"{words[0]} did not come back within {seconds:.0f} s") from None
    except OSError as error:
        raise EngineSilent(f"{words[0]} cannot be run: {error.strerror or error}") from None
    said = Said(done.returncode, done.stdout, done.stderr)
    if said.code and said.is_away:
        tried = (now_ns() - started) / 1e9
        raise EngineSilent(f"{words[0]} tried for {tried:.0f} s: {said.reason}")
    return said


def state_of(word: str, node: str, reason: str) -> JobState:
    """Return a job's state from Slurm's words for it."""
    state = word.split(maxsplit=1)[0].rstrip("+") if word.strip() else "UNKNOWN"
    place = "" if node in {"", "(null)", "None assigned"} else node
    if state in _WAITING:
        lasting = " (does not pass by itself: `scontrol show job`)" if reason in _FOR_EVER else ""
        return JobState("waiting", place, "" if reason in {"None", ""} else f"{reason}{lasting}")
    if state in _UNDER_WAY:
        return JobState("running", place)
    if state == "COMPLETED":
        return JobState("ended", place)
    if state == "FAILED":
        # The node's process has a word of its own for every failure that it lives to tell.
        return JobState("ended", place, f"its job failed ({reason or state})", elsewhere=True)
    told = _ENDINGS.get(state, "its job ended")
    return JobState("ended", place, f"{told} ({state})", elsewhere=state in _ELSEWHERE)


def table(output: str, columns: int) -> list[list[str]]:
    """Return the rows of what was printed with bars between so many columns."""
    rows = [line.split("|", columns - 1) for line in output.splitlines() if line.strip()]
    return [[cell.strip() for cell in row] for row in rows if len(row) == columns]
