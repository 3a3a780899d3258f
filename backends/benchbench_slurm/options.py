"""What `--executor-options slurm.toml` says: where jobs go, and what they may take."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import msgspec

from benchbench.errors import UsageError
from benchbench.experiments.fleet.options import from_file, from_json

# Slurm's forms of a time limit: 30, 30:00, 2:00:00, 1-12, 1-12:00, 1-12:00:00; minutes first.
_TIME = re.compile(r"\d+(:\d\d){0,2}|\d+-\d+(:\d\d){0,2}")


class SlurmOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of a job, as `sbatch` has them; what is left out is the cluster's default.

    `at_once`: at most so many blocks at the same time. `shared`: the results folder is on a file
    system that nodes see, whatever it looks like. `setup`: lines of shell before Python starts.
    `python`: the interpreter on the nodes, where it is not this one. `extra`: further options of
    `sbatch`, a word each.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    time: str | int | None = None
    constraint: str | None = None
    nodelist: str | None = None
    exclude: str | None = None
    reservation: str | None = None
    gres: str | None = None
    memory: str | None = None
    cpus_per_task: int | None = None
    exclusive: bool = True
    at_once: int | None = None
    python: str | None = None
    setup: str = ""
    shared: bool = False
    extra: tuple[str, ...] = ()

    def words(self) -> Iterator[str]:
        """Yield the options of `sbatch`."""
        named = {
            "partition": self.partition,
            "account": self.account,
            "qos": self.qos,
            "time": self.time,
            "constraint": self.constraint,
            "nodelist": self.nodelist,
            "reservation": self.reservation,
            "gres": self.gres,
            "mem": self.memory,
            "cpus-per-task": self.cpus_per_task,
        }
        yield from (f"--{name}={value}" for name, value in named.items() if value is not None)
        if self.exclusive:
            yield "--exclusive"
        yield from self.extra

    @property
    def in_words(self) -> str:
        """The options as a user may repeat them."""
        return shlex.join(self.words())


def read_options(given: str | None) -> SlurmOptions:
    """Return the options of a TOML file, or those that a plan has kept. Raises UsageError."""
    if given is None:
        return SlurmOptions()
    more = "; `extra` takes any of sbatch's"
    if given.startswith("{"):
        return _checked(from_json(given, SlurmOptions, more=more), "in JSON")
    return _checked(from_file(given, SlurmOptions, "Slurm", more=more), given)


def _checked(options: SlurmOptions, source: str) -> SlurmOptions:
    for name in ("at_once", "cpus_per_task"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UsageError(f"--executor-options {source}: {name} is {value}: give 1 or more")
    if options.time is not None and not _TIME.fullmatch(str(options.time)):
        raise UsageError(
            f"--executor-options {source}: time is '{options.time}': expected minutes, or "
            f"hours:minutes:seconds, or days-hours, as sbatch has them"
        )
    names = options.__struct_fields__
    lines = {name: getattr(options, name) for name in names if name not in {"setup", "extra"}}
    for name, value in lines.items():
        if isinstance(value, str) and ("\n" in value or not value.strip()):
            raise UsageError(f"--executor-options {source}: {name} is {value!r}: expected a word")
    return options


def minutes(limit: str) -> float | None:
    """Return a time limit as Slurm writes it in minutes; None where there is none."""
    if not _TIME.fullmatch(limit):
        return None
    days, dash, rest = limit.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    if dash:
        hours, mins, seconds = (*parts, 0, 0)[:3]
        return int(days) * 1440 + hours * 60 + mins + seconds / 60
    if len(parts) == 3:
        return parts[0] * 60 + parts[1] + parts[2] / 60
    return parts[0] + (parts[1] / 60 if len(parts) == 2 else 0)
