"""How noisy the machine is now, and how noisy it was while a run was measured.

Now: the same piece of work, again and again, and how long it took. Then: what the record says of
the machine around each epoch. A noisy epoch is marked, never dropped.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from benchbench.errors import UsageError
from benchbench.machines import GpuState, MachineState
from benchbench.measure.clock import now_ns
from benchbench.records import EpochRecord, RunRecord

# Beyond these ratios of the slowest to the fastest tenth, a reader is warned.
_QUIET = 1.05
_NOISY = 1.25

# See `noise_marks`.
_STEAL = 0.05
_FOREIGN = 0.10
_PRESSURE = 50.0

# See `short_epochs`.
_SHORT = 0.5
_SCHEDULING_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Noise:
    """What a reading says. Times are in seconds; `spread` is p90 / p10, `worst` is max / min."""

    samples: tuple[float, ...]
    median: float
    p10: float
    p90: float

    @property
    def spread(self) -> float:
        return self.p90 / self.p10

    @property
    def worst(self) -> float:
        return max(self.samples) / min(self.samples)

    def sentence(self) -> str:
        """Return the reading in plain words."""
        took = f"the same work took 1.00 to {self.worst:.2f} times its best"
        detail = f"{took} (middle 80 %: within {self.spread:.2f} times, {len(self.samples)} times)"
        if self.spread <= _QUIET:
            return f"quiet: {detail}"
        if self.spread <= _NOISY:
            return f"restless: {detail}; compare with several blocks"
        return f"noisy: {detail}; stop what else runs here, or compare with many blocks"


def read_noise(
    seconds: float, kernel: Callable[[], float], now: Callable[[], int] = now_ns
) -> tuple[float, ...]:
    """Run the kernel until `seconds` have passed, at least twice; return what it says it took."""
    if not seconds > 0:
        raise UsageError(f"a noise reading needs a positive number of seconds, not {seconds}")
    end = now() + round(seconds * 1e9)
    samples = [kernel(), kernel()]
    while now() < end:
        samples.append(kernel())
    return tuple(samples)


def summarise(samples: Sequence[float]) -> Noise:
    """Return median and spread of at least two samples, in seconds, all positive."""
    if len(samples) < 2 or min(samples) <= 0:
        raise UsageError("a noise summary needs at least two samples, all above zero")
    tenths = statistics.quantiles(samples, n=10, method="inclusive")
    return Noise(
        samples=tuple(samples),
        median=statistics.median(samples),
        p10=tenths[0],
        p90=tenths[-1],
    )


class NoiseMark(msgspec.Struct, frozen=True):
    """An epoch, counted from 1, and in words one reason to take its time with caution."""

    epoch: int
    reason: str


def noise_marks(
    record: RunRecord, usual_calibration_seconds: float | None
) -> tuple[NoiseMark, ...]:
    """Return the marks of a run's epochs, in order; what the record does not know marks nothing.

    An epoch is marked where

    - the calibration before it took more than 1.25 times the usual, or more than 5 % of the time
      before it was stolen, or the pressure was above 50 %. Source: these mark 5 of 442 epochs of
      sessions on a quiet machine and 563 of 590 where other work kept every core busy
      (docs/measured.md);
    - others used more than 10 % of the usable cores' time during it: a run that needs all of them
      is slower by up to as much, beyond any margin of interest. It marks 3 of 2,582 epochs of quiet
      sessions (until, gate), and 10 of 20 of a block that ran beside tests;
    - a control group's CPU quota was used up in a period of its turn: all threads were stopped;
    - the card that the run used was throttled right after it, by the driver's word.
    """
    return tuple(
        NoiseMark(number, reason)
        for number, epoch in enumerate(record.epochs, 1)
        for reason in _reasons(epoch, usual_calibration_seconds, _own_cards(record, epoch))
    )


def usual_calibration(records: Iterable[RunRecord]) -> float | None:
    """Return the median of the seconds of all calibrations, of one session; None without any."""
    seconds = [
        epoch.machine.calibration_seconds
        for record in records
        for epoch in record.epochs
        if epoch.machine and epoch.machine.calibration_seconds is not None
    ]
    return statistics.median(seconds) if seconds else None


def short_epochs(epochs: Sequence[EpochRecord]) -> Iterator[str]:
    """Yield a sentence for each epoch that took too short a time to have trained what others did.

    That is no time at all, or less than half of the median, both of the run's epochs and of its
    undisturbed ones (no mark, with the run's own quickest calibration as the usual one): where
    other work slows most of a run down, the rest of it is not too short. Ten milliseconds more or
    less are the system's scheduling: so long may another process have its turn. The epoch's CPU
    time, where it is known, must be short too: what another process slows down waits, and
    computes no more. The first epoch may be long, for a framework compiles in it.

    Source: of all runs in `results/` none has such an epoch; by the median of all epochs alone, six
    of those that other work disturbed would.
    """
    calibrations = [
        epoch.machine.calibration_seconds
        for epoch in epochs
        if epoch.machine and epoch.machine.calibration_seconds is not None
    ]
    usual = min(calibrations, default=None)
    undisturbed = [
        epoch.train_seconds for epoch in epochs if not any(_reasons(epoch, usual, epoch.gpus))
    ]
    everything = [epoch.train_seconds for epoch in epochs]
    # Without an undisturbed epoch nothing can be said.
    median = min(_middle(everything), _middle(undisturbed))
    cpu_median = _middle(
        [epoch.train_cpu_seconds for epoch in epochs if epoch.train_cpu_seconds is not None]
    )
    for number, epoch in enumerate(epochs, 1):
        seconds, cpu_seconds = epoch.train_seconds, epoch.train_cpu_seconds
        is_short = seconds < min(_SHORT * median, median - _SCHEDULING_SECONDS)
        has_computed_less = cpu_seconds is None or cpu_seconds < _SHORT * cpu_median
        if seconds <= 0 or (is_short and has_computed_less):
            yield (
                f"epoch {number} trained for {seconds:.3g} s: expected at least half of the run's "
                f"median of {median:.3g} s"
            )


def _middle(seconds: Sequence[float]) -> float:
    """Return the median; of two the lower, for the other may be a first epoch; of none 0."""
    if len(seconds) > 2:
        return statistics.median(seconds)
    return min(seconds, default=0.0)


def _own_cards(record: RunRecord, epoch: EpochRecord) -> tuple[GpuState, ...]:
    """Return the states of the card that the run used; of all where it is not known which."""
    if record.device == "cpu":
        return ()
    card = record.card
    return tuple(one for one in epoch.gpus if card is None or one.index == card.index)


def _reasons(epoch: EpochRecord, usual: float | None, cards: Iterable[GpuState]) -> Iterator[str]:
    state = epoch.machine or MachineState()
    # What is unknown exceeds nothing.
    calibration, steal = state.calibration_seconds or 0, state.steal_fraction or 0
    pressure, foreign = state.cpu_pressure or 0, epoch.foreign_cpu_fraction or 0
    if usual and calibration > _NOISY * usual:
        yield f"the calibration took {calibration / usual:.2f} times the usual"
    if steal > _STEAL:
        yield f"{100 * steal:.0f} % of the CPU was stolen"
    if epoch.throttled_periods:
        yield f"the CPU quota was used up in {epoch.throttled_periods} periods"
    if pressure > _PRESSURE:
        yield f"CPU pressure was {pressure:.0f} %"
    if foreign > _FOREIGN:
        yield f"others used {100 * foreign:.0f} % of the CPU"
    for card in cards:
        if card.throttling:
            yield f"card {card.index} was throttled ({', '.join(card.throttling)})"
