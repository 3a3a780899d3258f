"""How noisy the machine is now: the same piece of work, again and again, and how long it took."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchbench.errors import UsageError
from benchbench.measure.clock import now_ns

# Beyond these ratios of the slowest to the fastest tenth, a reader is warned.
_QUIET = 1.05
_NOISY = 1.25


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
    """Run the kernel until `seconds` have passed, at least twice; return what each run took."""
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
