"""Learning rates by step: a number, or a schedule that gives the rate of each update.

`t` counts the updates already made: the first update of a training takes the rate at t = 0. A
schedule is data; `rate_at` is its formula. Each may begin with a linear warm-up of W steps from
`warmup_from` (a) up to its own first rate, and counts its own steps from the end of that:

    rate(t) = a + (first - a) t / W    for t < W,    else the schedule's at t - W
"""

from __future__ import annotations

import math
import sys
from itertools import pairwise
from typing import Annotated, ClassVar, TypeAlias

import msgspec

from benchbench.errors import SpecError
from benchbench.spec.fields import settle_fields

Positive = Annotated[float, msgspec.Meta(gt=0, le=sys.float_info.max)]
StepCount = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
_WarmupSteps = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_WarmupFrom = Annotated[
    float,
    msgspec.Meta(
        gt=0,
        le=sys.float_info.max,
        description="the rate of the first update, above 0 (of 0 it would train nothing)",
    ),
]


class _Schedule(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", kw_only=True
):
    """What the schedules have in common: the warm-up. Raises SpecError for half a warm-up."""

    warmup_steps: _WarmupSteps = 0
    warmup_from: _WarmupFrom | None = None

    def __post_init__(self) -> None:
        settle_fields(self)
        if (self.warmup_steps > 0) != (self.warmup_from is not None):
            given = "warmup_steps" if self.warmup_steps else "warmup_from"
            raise SpecError(
                "a warm-up needs both warmup_steps, at least 1, and warmup_from, the rate of the "
                f"first update; only {given} is given",
                (given,),
            )
        if self.warmup_from is not None and self.warmup_from >= self.first_rate:
            raise SpecError(
                f"a warm-up goes up: warmup_from must be below the rate that it leads to, "
                f"{self.first_rate:g}, but it is {self.warmup_from:g}",
                ("warmup_from",),
            )

    @property
    def first_rate(self) -> float:
        """The rate with which the schedule itself begins, after the warm-up."""
        raise NotImplementedError

    @property
    def stretch(self) -> int:
        """The number of steps within which all happens that ever does, warm-up included."""
        raise NotImplementedError

    def rate_at(self, step: int) -> float:
        """Return the rate of the update before which `step` others were made."""
        if self.warmup_from is not None and step < self.warmup_steps:
            share = step / self.warmup_steps
            return self.warmup_from + (self.first_rate - self.warmup_from) * share
        return self._after_warmup(step - self.warmup_steps)

    def _after_warmup(self, step: int) -> float:
        raise NotImplementedError

    def _warmup_scaled(self, factor: float) -> float | None:
        return None if self.warmup_from is None else factor * self.warmup_from

    def _warmup_shortened(self, steps: int, room: int) -> int:
        """Return the steps of the warm-up of a schedule within `steps`, `room` its own at least."""
        # Of two steps at least the slope shows.
        share = round(self.warmup_steps * steps / self.stretch)
        return min(self.warmup_steps, max(2, min(share, steps - room)))

    def _warmup_words(self) -> str:
        if self.warmup_from is None:
            return ""
        return f", after {self.warmup_steps:,} steps up from {self.warmup_from:g}"


class Cosine(_Schedule, frozen=True, tag="Cosine"):
    """Half a cosine down to a share `alpha` of the first rate, where it stays.

        rate(t) = learning_rate (alpha + (1 - alpha) (1 + cos(pi min(t, T) / T)) / 2)

    with T = `decay_steps`, the warm-up not included. Where T is the number of all steps, the last
    update is made at t = T - 1, with a rate above the final one. Source: Loshchilov and Hutter,
    "SGDR", ICLR 2017, equation 5, without restarts.
    """

    original_fields: ClassVar = ("learning_rate", "decay_steps", "alpha")

    learning_rate: Positive
    decay_steps: StepCount
    alpha: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0

    @property
    def first_rate(self) -> float:
        return self.learning_rate

    @property
    def stretch(self) -> int:
        return self.warmup_steps + self.decay_steps

    def _after_warmup(self, step: int) -> float:
        share = min(step, self.decay_steps) / self.decay_steps
        cosine = (1 + math.cos(math.pi * share)) / 2
        return self.learning_rate * (self.alpha + (1 - self.alpha) * cosine)

    def scaled(self, factor: float) -> Cosine:
        """Return the schedule whose rates are `factor` times these."""
        return msgspec.structs.replace(
            self,
            learning_rate=factor * self.learning_rate,
            warmup_from=self._warmup_scaled(factor),
        )

    def shortened(self, steps: int) -> Cosine:
        """Return the schedule that goes through the same rates in `steps` steps, if it has more."""
        if self.stretch <= steps:
            return self
        warmup = self._warmup_shortened(steps, room=1)
        return msgspec.structs.replace(
            self, warmup_steps=warmup, decay_steps=max(1, steps - warmup)
        )

    def describe(self) -> str:
        """Return the schedule in words."""
        return (
            f"cosine from {self.learning_rate:g} to {self.alpha * self.learning_rate:g} in "
            f"{self.decay_steps:,} steps{self._warmup_words()}"
        )


class Exponential(_Schedule, frozen=True, tag="Exponential"):
    """A rate that falls by the factor `decay_rate` in every `decay_steps` steps.

        rate(t) = learning_rate decay_rate^(t / decay_steps)

    With `staircase` the exponent is rounded down: the rate falls at once, every `decay_steps`.
    """

    original_fields: ClassVar = ("learning_rate", "decay_steps", "decay_rate", "staircase")

    learning_rate: Positive
    decay_steps: StepCount
    decay_rate: Annotated[float, msgspec.Meta(gt=0, le=1)]
    staircase: bool = False

    @property
    def first_rate(self) -> float:
        return self.learning_rate

    @property
    def stretch(self) -> int:
        # It never ends: within two falls all is seen that it does.
        return self.warmup_steps + 2 * self.decay_steps

    def _after_warmup(self, step: int) -> float:
        falls = step // self.decay_steps if self.staircase else step / self.decay_steps
        return self.learning_rate * float(self.decay_rate**falls)

    def scaled(self, factor: float) -> Exponential:
        """Return the schedule whose rates are `factor` times these."""
        return msgspec.structs.replace(
            self,
            learning_rate=factor * self.learning_rate,
            warmup_from=self._warmup_scaled(factor),
        )

    def shortened(self, steps: int) -> Exponential:
        """Return the schedule that falls twice in `steps` steps, if it takes more."""
        if self.stretch <= steps:
            return self
        warmup = self._warmup_shortened(steps, room=2)
        return msgspec.structs.replace(
            self, warmup_steps=warmup, decay_steps=max(1, (steps - warmup) // 2)
        )

    def describe(self) -> str:
        """Return the schedule in words."""
        return (
            f"{self.learning_rate:g}, times {self.decay_rate:g} "
            f"{'at once ' if self.staircase else ''}every {self.decay_steps:,} steps"
            f"{self._warmup_words()}"
        )


class Piecewise(_Schedule, frozen=True, tag="Piecewise"):
    """Rates that change at boundaries: `values[i]`, with i the number of boundaries b <= t.

    So the update before which b others were made is the first with the new rate. Boundaries count
    from the end of the warm-up. Raises SpecError where they do not rise, or the values are not one
    more than they.
    """

    original_fields: ClassVar = ("boundaries", "values")

    boundaries: Annotated[tuple[StepCount, ...], msgspec.Meta(min_length=1)]
    values: Annotated[tuple[Positive, ...], msgspec.Meta(min_length=2)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.values) != len(self.boundaries) + 1:
            raise SpecError(
                f"expected one value more than boundaries, one before the first and one from each "
                f"on: {len(self.boundaries) + 1}, but there are {len(self.values)}",
                ("values",),
            )
        for place, (before, after) in enumerate(pairwise(self.boundaries), 1):
            if after <= before:
                raise SpecError(
                    f"boundaries must rise, or a rate ends before it begins: {after} follows "
                    f"{before}",
                    ("boundaries", place),
                )

    @property
    def first_rate(self) -> float:
        return self.values[0]

    @property
    def stretch(self) -> int:
        return self.warmup_steps + self.boundaries[-1]

    def _after_warmup(self, step: int) -> float:
        return self.values[sum(boundary <= step for boundary in self.boundaries)]

    def scaled(self, factor: float) -> Piecewise:
        """Return the schedule whose rates are `factor` times these."""
        return msgspec.structs.replace(
            self,
            values=tuple(factor * value for value in self.values),
            warmup_from=self._warmup_scaled(factor),
        )

    def shortened(self, steps: int) -> Piecewise:
        """Return the schedule with its last boundary at `steps`, where there is room for all."""
        if self.stretch <= steps:
            return self
        warmup = self._warmup_shortened(steps, room=len(self.boundaries))
        share = (steps - warmup) / self.boundaries[-1]
        boundaries: list[int] = []
        for boundary in self.boundaries:
            least = boundaries[-1] + 1 if boundaries else 1
            boundaries.append(max(least, round(boundary * share)))
        return msgspec.structs.replace(self, warmup_steps=warmup, boundaries=tuple(boundaries))

    def describe(self) -> str:
        """Return the schedule in words."""
        later = (
            f"{value:g} from step {boundary:,} on"
            for boundary, value in zip(self.boundaries, self.values[1:], strict=True)
        )
        return f"{self.values[0]:g}, {', '.join(later)}{self._warmup_words()}"


Schedule: TypeAlias = Cosine | Exponential | Piecewise
