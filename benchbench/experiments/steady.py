"""How many steady epochs the runs of a session train: a number, or laid out by its first blocks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from benchbench.compare.allocation import Aim, steady_epochs
from benchbench.compare.whole import counted
from benchbench.errors import UsageError
from benchbench.records import RunRecord
from benchbench.run.further_epochs import refusal
from benchbench.run.plan import Session
from benchbench.spec.protocol import TrainingProtocol

Steady: TypeAlias = int | Literal["auto"]

AUTO: Literal["auto"] = "auto"
# The first trains the protocol's epochs, the second what the first suggests, the rest what both do.
PILOT_BLOCKS = 2
_MOST = 10_000


def find_steady(
    wanted: str | int | None, protocol: TrainingProtocol, *, blocks: int, more_to_come: bool = False
) -> Steady | None:
    """Return what `--steady-epochs` asks for: "auto", or a number of epochs 2 and on in each run.

    `more_to_come`: a rule adds blocks. Raises UsageError for what is neither, for fewer than the
    protocol has, and for a protocol that cannot go on.
    """
    if wanted is None:
        return None
    if why := refusal(protocol):
        raise UsageError(f"--steady-epochs {wanted}: {why}; give --epochs, or leave it out")
    if wanted == AUTO:
        if blocks == 1 and not more_to_come:
            raise UsageError(
                "--steady-epochs auto lays out later blocks by the first, but there is one: give "
                "--blocks 5, --until, or a number of epochs"
            )
        return AUTO
    least = max(1, protocol.epochs - 1)
    try:
        count = int(wanted)
    except ValueError:
        count = 0
    if not least <= count <= _MOST:
        raise UsageError(
            f"--steady-epochs: expected auto, or a number from {least} (the protocol's "
            f"{protocol.epochs} epochs without the first) to {_MOST:,}, but it is {wanted}"
        )
    return count


def with_steady(session: Session, steady: int) -> Session:
    """Return the session with so many steady epochs in every run."""
    return _with(session, dict.fromkeys(_models(session), steady))


def laid_out(
    session: Session,
    records: Sequence[RunRecord],
    limit_seconds: float,
    aim_of: Callable[[Sequence[RunRecord]], Mapping[str, Aim]],
) -> Session:
    """Return the session as its next block is to run; `records` are those of the blocks before.

    `limit_seconds` of work are given to each run; `aim_of` says what the blocks of each model are
    for, from its first ones. A model of whose first blocks nothing is known trains its protocol's
    epochs.
    """
    first = _first_blocks(records)
    aims = aim_of([run for runs in first.values() for run in runs])
    least = max(1, session.protocol.epochs - 1)
    return _with(
        session,
        {
            name: steady_epochs(first[name], aims.get(name, Aim()), limit_seconds, least=least)
            for name in _models(session)
        },
    )


def _models(session: Session) -> list[str]:
    return list(dict.fromkeys(cell.model.name for cell in session.cells))


def _with(session: Session, steady: Mapping[str, int]) -> Session:
    own = session.protocol.epochs - 1
    further = tuple((name, max(0, count - own)) for name, count in steady.items())
    return msgspec.structs.replace(session, further_epochs=further)


def layout_told(session: Session, number: int) -> str | None:
    """Say how many steady epochs the runs of a block train; None where none trains more."""
    told = [
        f"{session.protocol.epochs - 1 + further} of {name}"
        for name, further in session.further_epochs
        if further
    ]
    return f"block {number}: steady epochs a run: {', '.join(told)}" if told else None


def _first_blocks(records: Sequence[RunRecord]) -> defaultdict[str, list[RunRecord]]:
    """Return the runs of each model's first blocks that were not run again."""
    by_model: defaultdict[str, list[RunRecord]] = defaultdict(list)
    for run in counted(records):
        by_model[run.model].append(run)
    for model, runs in by_model.items():
        numbers = sorted({run.block for run in runs})[:PILOT_BLOCKS]
        by_model[model] = [run for run in runs if run.block in numbers]
    return by_model
