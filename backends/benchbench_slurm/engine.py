"""Blocks as the tasks of job arrays: one block a task, one task a node."""

from __future__ import annotations

import shlex
import socket
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from benchbench.errors import BenchbenchError, StoreError, Unavailable, UsageError, nearest
from benchbench.experiments.fleet.engine import EngineSilent, JobState
from benchbench.experiments.fleet.messages import Order
from benchbench.experiments.fleet.node_data import copy_into
from benchbench.experiments.fleet.order_book import OrderBook
from benchbench.experiments.saved_plan import SavedPlan
from benchbench_slurm.commands import Said, call, must_be_there, state_of, table
from benchbench_slurm.filesystems import local_kind
from benchbench_slurm.options import SlurmOptions, minutes, read_options

# What Slurm takes where it does not say: MaxArraySize and MaxJobCount by default.
_ARRAY_SIZE, _JOB_COUNT = 1001, 10_000


class Slurm:
    """Submits by `sbatch`, looks by `squeue`, ends by `scancel`."""

    def __init__(self) -> None:
        self._options = SlurmOptions()
        self._array_size = _ARRAY_SIZE
        # Whether nodes are other machines than this one, as far as it has been asked.
        self._elsewhere = False
        # The jobs that were seen at work.
        self._running: set[str] = set()

    def configure(self, options: str | None) -> str:
        self._options = read_options(options)
        return msgspec.json.encode(self._options).decode()

    def can_detach(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing is held."""

    def check(self, plan: SavedPlan, book: OrderBook, blocks: int) -> None:
        must_be_there()
        try:
            self._check_partition()
            self._check_limits(blocks)
            self._check_folder(plan, book)
            self._try_out(plan)
        except EngineSilent as silence:
            raise Unavailable(
                f"Slurm's controller does not answer: {silence}; `scontrol ping` says more"
            ) from None

    def submit(
        self,
        plan: SavedPlan,
        book: OrderBook,
        orders: Sequence[Order],
        *,
        avoid: Collection[str] = (),
    ) -> dict[int, str]:
        self._bring_data(plan, book)
        jobs: dict[int, str] = {}
        try:
            for first in range(0, len(orders), self._array_size):
                part = orders[first : first + self._array_size]
                jobs |= self._submit_array(plan, book, orders[0].key, part, avoid)
        except (BenchbenchError, EngineSilent) as error:
            self.cancel(jobs)
            if isinstance(error, EngineSilent):
                raise Unavailable(f"the jobs cannot be submitted: {error}") from None
            raise
        return jobs

    def look(self, jobs: Mapping[int, str]) -> dict[int, JobState]:
        found = self._listed(sorted({_array(job) for job in jobs.values()}))
        self._running |= {job for job, state in found.items() if state.phase == "running"}
        # Where the last of an array's tasks are cancelled before they begin, Slurm lists the array.
        named = {key: job if job in found else _array(job) for key, job in jobs.items()}
        states = {key: found[name] for key, name in named.items() if name in found}
        if missing := {key: jobs[key] for key, name in named.items() if name not in found}:
            states |= _accounted(missing, self._running)
        return states

    def cancel(self, jobs: Mapping[int, str]) -> None:
        names = sorted({_array(job) for job in jobs.values()})
        if names:
            said = call("scancel", *names)
            if said.code and "Invalid job id" not in said.error:
                raise BenchbenchError(f"scancel could not end the jobs: {said.reason}")

    def _submit_array(
        self,
        plan: SavedPlan,
        book: OrderBook,
        submission: int,
        orders: Sequence[Order],
        avoid: Collection[str],
    ) -> dict[int, str]:
        """Submit one array; its tasks count from 0, the keys from that of its first order."""
        base = orders[0].key
        tasks = f"0-{len(orders) - 1}" if len(orders) > 1 else "0"
        if self._options.at_once is not None:
            tasks += f"%{self._options.at_once}"
        # In a path to a log Slurm reads a % as the beginning of a number of its own.
        log = f"{book.folder}".replace("%", "%%") + f"/{book.log_path('%A_%a').name}"
        words = [*self._words(plan, avoid), f"--array={tasks}", f"--output={log}", "--parsable"]
        said = call("sbatch", *words, text=self._script(book, submission, base))
        if said.code:
            raise self._refused(said)
        number = said.output.strip().split(";")[0]
        if not number.isdecimal():
            raise BenchbenchError(f"sbatch answered what is no job: {said.reason}")
        return {order.key: f"{number}_{order.key - base}" for order in orders}

    def _words(self, plan: SavedPlan, avoid: Collection[str]) -> list[str]:
        excluded = [*filter(None, [self._options.exclude]), *sorted(avoid)]
        return [
            f"--job-name=benchbench-{plan.session.session_id}",
            *("--nodes=1", "--ntasks=1", "--no-requeue"),
            *self._options.words(),
            *([f"--exclude={','.join(excluded)}"] if excluded else []),
        ]

    def _script(self, book: OrderBook, submission: int, base: int) -> str:
        python = shlex.quote(self._options.python or sys.executable)
        folder = shlex.quote(str(book.folder))
        return (
            f"#!/bin/bash\n{self._options.setup}\n"
            f"exec {python} -m benchbench.experiments.fleet.node {folder} {submission} "
            f"$(({base} + SLURM_ARRAY_TASK_ID))\n"
        )

    def _refused(self, said: Said) -> UsageError:
        return UsageError(
            f"sbatch refuses the blocks: {said.reason} (options: "
            f"{self._options.in_words or 'none'})"
        )

    def _check_partition(self) -> None:
        said = call("sinfo", "--noheader", "--format=%R|%a|%l")
        if said.code:
            raise Unavailable(
                f"sinfo cannot say what partitions there are: {said.reason}; run this where jobs "
                f"are submitted from, such as a login node: there `sinfo` lists the partitions"
            )
        partitions = {name: (state, limit) for name, state, limit in table(said.output, 3)}
        wanted = self._options.partition
        if wanted is None:
            return
        for name in wanted.split(","):
            if name not in partitions:
                raise UsageError(
                    f"there is no partition '{name}'{nearest(name, partitions)} (known: "
                    f"{', '.join(partitions) or 'none'})"
                )
            state, limit = partitions[name]
            if state != "up":
                raise Unavailable(f"the partition '{name}' is {state}: it takes no jobs now")
            longest, asked = minutes(limit), minutes(str(self._options.time))
            if longest is not None and asked is not None and (asked > longest or asked == 0):
                no_limit = "" if asked else ", which is no limit"
                raise UsageError(
                    f"time is {self._options.time}{no_limit}, but the partition '{name}' lets jobs "
                    f"run for {limit} at most"
                )

    def _check_limits(self, blocks: int) -> None:
        said = call("scontrol", "show", "config")
        names = dict(line.split("=", 1) for line in said.output.splitlines() if "=" in line)
        limits = {name.strip(): value.strip() for name, value in names.items()}
        self._array_size = max(1, _number(limits.get("MaxArraySize"), _ARRAY_SIZE) - 1)
        most = _number(limits.get("MaxJobCount"), _JOB_COUNT)
        if blocks > most:
            raise UsageError(
                f"{blocks:,} blocks are more than this cluster takes: it holds {most:,} jobs at "
                f"once, of all users (MaxJobCount); run several sessions, or fewer --blocks"
            )

    def _check_folder(self, plan: SavedPlan, book: OrderBook) -> None:
        """Raise UsageError where records would go into a folder that nodes do not see."""
        partition = [f"--partition={self._options.partition}"] if self._options.partition else []
        said = call("sinfo", "--noheader", "--Node", "--format=%n", *partition)
        here = socket.gethostname().partition(".")[0]
        others = {name.strip().partition(".")[0] for name in said.output.split()} - {here}
        self._elsewhere = bool(others)
        kind = local_kind(book.folder)
        if others and kind and not self._options.shared:
            raise UsageError(
                f"the results folder {book.folder.parent.parent} is on a file system of this "
                f"machine ({kind}), which the nodes ({', '.join(sorted(others)[:3])}, ...) do not "
                f"see; name one on a shared file system with --results, or, if they do see it, "
                f"put `shared = true` into the options"
            )

    def _try_out(self, plan: SavedPlan) -> None:
        """Have Slurm look at the options without submitting anything. Raises UsageError."""
        said = call("sbatch", "--test-only", *self._words(plan, ()), text="#!/bin/bash\n")
        if said.code:
            raise self._refused(said)

    def _bring_data(self, plan: SavedPlan, book: OrderBook) -> None:
        """Copy the data set beside the records where nodes do not see it where it is."""
        place = plan.session.dataset.location
        if not self._elsewhere or place is None or book.data.exists():
            return
        if local_kind(Path(place)) and not self._options.shared:
            try:
                copy_into(book.data, plan.session.dataset)
            except OSError as error:
                raise StoreError(
                    f"the data set in {place} cannot be copied to {book.data}: "
                    f"{error.strerror or error}; put it where the nodes see it, or name a folder "
                    f"that takes it with --results"
                ) from None

    def _listed(self, arrays: Sequence[str]) -> dict[str, JobState]:
        """Return the states of jobs that Slurm still has in its list."""
        words = ["--noheader", "--array", "--states=all", "--format=%i|%T|%N|%r"]
        said = call("squeue", *words, f"--jobs={','.join(arrays)}")
        if said.code and "Invalid job id" in said.error:
            if len(arrays) == 1:
                return {}
            return {job: state for one in arrays for job, state in self._listed([one]).items()}
        if said.code:
            raise EngineSilent(said.reason)
        return {job: state_of(*rest) for job, *rest in table(said.output, 4)}


def _accounted(jobs: Mapping[int, str], running: Collection[str]) -> dict[int, JobState]:
    """Return the states of jobs that only the accounting may know, where there is one.

    `running` are those that were seen at work. A task that is cancelled while it waits leaves no
    trace in Slurm's list: it is not for us to submit it again.
    """
    known = dict(_from_sacct(sorted({_array(job) for job in jobs.values()})))
    lost = JobState("ended", reason="Slurm knows its job no longer", elsewhere=True)
    gone = JobState(
        "ended",
        reason="Slurm knows its job no longer: it was cancelled before it began, or Slurm lost it",
    )
    return {key: known.get(job, lost if job in running else gone) for key, job in jobs.items()}


def _from_sacct(arrays: Sequence[str]) -> Iterator[tuple[str, JobState]]:
    try:
        words = ["--noheader", "--allocations", "--parsable2", "--format=JobID,State,NodeList"]
        said = call("sacct", *words, f"--jobs={','.join(arrays)}")
    except EngineSilent:
        return
    for job, state, node in table(said.output, 3) if not said.code else ():
        yield job, state_of(state, node, "")


def _array(job: str) -> str:
    return job.partition("_")[0]


def _number(text: str | None, otherwise: int) -> int:
    found = (text or "").split(" ")[0]
    return int(found) if found.isdecimal() else otherwise
