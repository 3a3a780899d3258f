"""Training where none is timed: a validation that takes longer than evaluating as many samples.

A backend that trains less while it is timed, and the rest in validation, has honest weights and
losses. `evaluate`, which comes when training is over, says how long validation should take.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchbench.records import EpochRecord

# Of all valid runs in `results/` (1,083), the steady validations of none took longer than
# evaluating as many samples by more than 0.11 of an epoch's training.
_EVALUATIONS = 2.0
_FRACTION = 0.25
_SCHEDULING_SECONDS = 0.05
# Of a single epoch it cannot be told whether the system had other work meanwhile.
_FEWEST_EPOCHS = 2


@dataclass(frozen=True, slots=True)
class ValidationTime:
    """Seconds of a steady epoch's validation, and the most that it should take."""

    seconds: float
    most_seconds: float


def validation_time(
    epochs: Sequence[EpochRecord],
    *,
    evaluate_seconds: float,
    train_samples: int,
    validation_samples: int,
    test_samples: int,
) -> ValidationTime | None:
    """Return the median of the second and later epochs, of two the lower; None of fewer.

    At most twice what evaluating as many samples takes, and a quarter of an epoch's training more,
    or what training on so many samples takes. Other work slows all three down, and seldom one of
    them to half its speed over most epochs; what is fixed, as the start of a loop, counts whole
    however few the samples are.
    """
    steady = epochs[1:]
    if len(steady) < _FEWEST_EPOCHS or not min(train_samples, validation_samples, test_samples):
        return None
    training = statistics.median(epoch.train_seconds for epoch in steady)
    usual = evaluate_seconds * max(1.0, validation_samples / test_samples)
    more = training * max(_FRACTION, validation_samples / train_samples)
    return ValidationTime(
        seconds=statistics.median_low(epoch.validation_seconds for epoch in steady),
        most_seconds=_EVALUATIONS * usual + max(_SCHEDULING_SECONDS, more),
    )
