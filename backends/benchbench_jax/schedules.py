"""The learning rates of the spec as optax's schedules, which count updates from 0 as the spec."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import optax

from benchbench import Cosine, Exponential, Piecewise, Schedule, Unsupported


def rate_of(rate: float | Schedule) -> float | Any:
    """Return a number as it is, a schedule as a function of the count. Raises Unsupported."""
    if isinstance(rate, float):
        return rate
    own = _after_warmup(rate)
    if rate.warmup_from is None:
        return own
    warmup = optax.linear_schedule(rate.warmup_from, rate.first_rate, rate.warmup_steps)
    return optax.join_schedules([warmup, own], [rate.warmup_steps])


def _after_warmup(schedule: Schedule) -> Any:
    match schedule:
        case Cosine():
            return optax.cosine_decay_schedule(
                schedule.learning_rate, schedule.decay_steps, schedule.alpha
            )
        case Exponential():
            return optax.exponential_decay(
                schedule.learning_rate,
                schedule.decay_steps,
                schedule.decay_rate,
                staircase=schedule.staircase,
            )
        case Piecewise():
            factors = (after / before for before, after in pairwise(schedule.values))
            return optax.piecewise_constant_schedule(
                schedule.values[0], dict(zip(schedule.boundaries, factors, strict=True))
            )
    raise Unsupported(f"jax has no schedule {type(schedule).__name__}")
