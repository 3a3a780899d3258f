"""Where the losses of a run must lie: those that the same spec had on the same data over seeds.

The logarithm of a loss is near normal over seeds. Of n seeds with mean m and standard deviation s
of it, the mean of k runs lies within

    m +- t * s * sqrt(1/k + 1/n)

t being the quantile of Student's distribution with n - 1 degrees of freedom at 1 - a / (2 * looks).
A band has two looks an epoch, at the training and at the validation loss, and one at the test
loss. All of them together flag a right run with probability `FALSE_ALARM` at most (Bonferroni).
Source: Hahn and Meeker, "Statistical Intervals", 1991, section 4.7 (the mean of k future
observations of a normal distribution).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchbench.certify.bands import Band
from benchbench.records import EpochRecord

# That of a normal variable beyond five standard deviations, on either side: 5.7e-7.
FALSE_ALARM = math.erfc(5 / math.sqrt(2))
# Of a logarithm: float32 sums in another order leave about as much.
_LEAST_SD = 1e-4
TEST = "test loss"
# Losses that a message names beside the one that strays most.
_TOLD = 2


@dataclass(frozen=True, slots=True)
class StrayLoss:
    """A loss, or the geometric mean of several runs' losses, that is not as it has to be.

    `what` is the loss ("validation loss of epoch 3"); `low` and `high` are the limits, `usual` is
    the geometric mean over the band's seeds.
    """

    what: str
    loss: float
    low: float
    high: float
    usual: float

    @property
    def distance(self) -> float:
        """How far it is from the usual loss, in half-widths of the band."""
        if self.loss <= 0:
            return math.inf
        return abs(math.log(self.loss / self.usual)) / math.log(self.high / self.usual)


def losses_of(epochs: Sequence[EpochRecord], test_loss: float | None) -> dict[str, float]:
    """Return the losses that a run has stated, by what they are losses of."""
    stated = {TEST: test_loss}
    for number, epoch in enumerate(epochs, start=1):
        stated[_name("training", number)] = epoch.loss
        stated[_name("validation", number)] = epoch.validation_loss
    return {what: loss for what, loss in stated.items() if loss is not None}


def look_count(band: Band) -> int:
    """Return how many losses of a run the band judges."""
    return len(_looks(band))


def stray_losses(band: Band, runs: Sequence[Mapping[str, float]]) -> list[StrayLoss]:
    """Return the losses of a run, or of the mean of several, outside the band, the worst first.

    `runs` are as `losses_of` returns them, of different seeds. A loss that a run does not state is
    not judged, nor are those of epochs beyond the band's.
    """
    looks = _looks(band)
    width = _quantile(band.n, len(looks)) * math.sqrt(1 / len(runs) + 1 / band.n)
    strays = []
    for what, (mean, sd) in looks.items():
        if all(what in run for run in runs):
            loss = _geometric_mean([run[what] for run in runs])
            half = width * max(sd, _LEAST_SD)
            low, high = math.exp(mean - half), math.exp(mean + half)
            if not low <= loss <= high:
                strays.append(StrayLoss(what, loss, low, high, math.exp(mean)))
    return sorted(strays, key=lambda one: -one.distance)


def told(strays: Sequence[StrayLoss], band: Band) -> tuple[str, str]:
    """Return what was expected of the loss that strays most, and what came, with the others."""
    worst = strays[0]
    expected = (
        f"{worst.what} from {worst.low:.4g} to {worst.high:.4g} ({band.n} seeds: {worst.usual:.4g})"
    )
    others = [one.what for one in strays[1:]]
    named = ", ".join(others[:_TOLD])
    more = f" and {len(others) - _TOLD} more" if len(others) > _TOLD else ""
    outside = f"; outside as well: {named}{more}" if others else ""
    return expected, f"{worst.loss:.4g}{outside}"


def _looks(band: Band) -> dict[str, tuple[float, float]]:
    """Return mean and standard deviation of each logarithm, by what it is the loss of."""
    return dict(_each_look(band))


def _each_look(band: Band) -> Iterator[tuple[str, tuple[float, float]]]:
    for kind, curve in (("training", band.training_loss), ("validation", band.validation_loss)):
        if curve is not None:
            pairs = zip(curve.mean, curve.sd, strict=True)
            yield from ((_name(kind, number), pair) for number, pair in enumerate(pairs, start=1))
    if band.test_loss is not None:
        yield TEST, (band.test_loss.mean[0], band.test_loss.sd[0])


def _quantile(seeds: int, looks: int) -> float:
    from scipy import special

    return -float(special.stdtrit(seeds - 1, FALSE_ALARM / (2 * max(1, looks))))


def _geometric_mean(losses: Sequence[float]) -> float:
    if min(losses) <= 0:
        return 0.0
    return math.exp(statistics.fmean(map(math.log, losses)))


def _name(kind: str, epoch: int) -> str:
    return f"{kind} loss of epoch {epoch}"
