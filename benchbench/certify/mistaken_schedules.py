"""Usual mistakes of a schedule of the learning rate: a step ahead or behind, or left out."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from benchbench.certify.rules import Rate
from benchbench.spec.schedules import Cosine, Exponential, Piecewise, Schedule


def mistaken_rates(schedule: Schedule | None) -> Iterator[tuple[str, Rate]]:
    """Yield in words, with the rate it gives, each usual mistake of a schedule."""
    if schedule is None:
        return
    rate_at = schedule.rate_at
    yield (
        "the schedule is a step ahead: the first update takes the rate of the second",
        lambda place: rate_at(place.step + 1),
    )
    yield (
        "the schedule is a step behind (keras's PiecewiseConstantDecay changes the rate after its "
        "boundary, at step > boundary)",
        lambda place: rate_at(max(0, place.step - 1)),
    )
    yield (
        "the schedule moves on once an epoch, not at every batch (`scheduler.step()` outside the "
        "loop over batches, or a callback)",
        lambda place: rate_at(place.epoch),
    )
    yield (
        "the schedule begins anew with every epoch",
        lambda place: rate_at(place.step_of_epoch),
    )
    yield "the schedule is left out: every update takes its first rate", lambda _: rate_at(0)
    for words, other in _other_schedules(schedule):
        yield words, lambda place, other=other: other.rate_at(place.step)  # type: ignore[misc]
    if isinstance(schedule, Cosine):
        yield (
            "the cosine rises again after its end, as torch's CosineAnnealingLR does",
            lambda place: _unending(schedule, place.step),
        )


def _unending(schedule: Cosine, step: int) -> float:
    turn = step - schedule.warmup_steps
    if turn < schedule.decay_steps:
        return schedule.rate_at(step)
    cosine = (1 + math.cos(math.pi * turn / schedule.decay_steps)) / 2
    return schedule.learning_rate * (schedule.alpha + (1 - schedule.alpha) * cosine)


def _other_schedules(schedule: Schedule) -> Iterator[tuple[str, Schedule]]:
    change = msgspec.structs.replace
    warmup = schedule.warmup_steps
    if warmup:
        cold = change(schedule, warmup_steps=0, warmup_from=None)
        yield "the warm-up is left out", cold
        if not isinstance(schedule, Piecewise):
            longer = change(schedule, decay_steps=schedule.decay_steps + warmup)
            yield "the schedule is as many steps longer as the warm-up has", longer
            if schedule.decay_steps > warmup:
                shorter = change(schedule, decay_steps=schedule.decay_steps - warmup)
                yield (
                    "decay_steps include the warm-up, as in optax's warmup_cosine_decay_schedule",
                    shorter,
                )
    match schedule:
        case Exponential():
            other = change(schedule, staircase=not schedule.staircase)
            told = "falls evenly, not in stairs" if schedule.staircase else "falls in stairs"
            yield f"the rate {told}: `staircase` is {str(other.staircase).lower()}", other
            if schedule.decay_steps > 1:
                yield "the rate falls by decay_rate at every step", change(schedule, decay_steps=1)
        case Cosine() if schedule.alpha:
            yield "the cosine ends at 0: alpha is left out", change(schedule, alpha=0.0)
