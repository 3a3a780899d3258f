"""The order of training: each sample once an epoch, in batches drawn anew for every epoch."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchbench.certify.implementation import Implementation
from benchbench.certify.stated_order import steps_of
from benchbench.certify.traces import EPOCHS, UNREADABLE, UNUSED, Steps, Trace, TracedData, trace

# Of two orders drawn apart from each other a quantity lies so many standard deviations from its
# mean once in 10^12 pairs.
_UNLIKELY = 7.0
# Of the traces of a backend that is not reproducible, this fraction may be misread.
_MISREAD = 0.01
# Neighbours that stay together, in groups of so many.
_GROUPS = (2, 16)


@dataclass(frozen=True)
class Disorder:
    """One way in which samples were used other than the protocol says, and how many of them.

    `epoch`: the one in which, where it is a matter of one.
    """

    sample_count: int
    words: str
    epoch: int | None = None


def in_words(found: Sequence[Disorder]) -> str:
    """Say what was found; of epochs that went wrong the first one, and which others."""
    epochs = [one.epoch for one in found if one.epoch is not None]
    told = []
    for one in found:
        if one.epoch is None:
            told.append(one.words)
        elif one.epoch == epochs[0]:
            told.append(f"in epoch {one.epoch} {one.words}")
            if rest := epochs[1:]:
                told.append(f"not right either: epoch {', '.join(map(str, rest))}")
    return "; ".join(told)


@functools.lru_cache(maxsize=16)  # the same for every model that a process certifies
def disorders(
    implementation: Implementation, batch_size: int, *, seed: int
) -> tuple[Disorder, ...]:
    """Train twice on samples that leave traces; return what is wrong with their order.

    Raises Unsupported and PluginRaised.
    """
    first = trace(implementation, batch_size, seed=seed, epochs=EPOCHS)
    found = tuple(_of_use(first))
    if found:
        return found
    other = trace(implementation, batch_size, seed=seed + 1, epochs=1)
    train, _ = first.data.splits()
    return tuple(_of_use(other)) or (
        *shared(first.steps(), train.targets, other.steps()[0]),
        *misstatements(first),
    )


def misstatements(found: Trace, *, reproducible: bool = True) -> Iterator[Disorder]:
    """Yield in which epochs the order that a backend states is not that of the trace.

    Of samples that were used as the protocol says; nothing of a backend that states no order.
    Where sums are not reproducible a trace may be read one step wrongly, or not at all, and one
    in a hundred farther: an order that is not the one used is wrong for nearly all.
    """
    count = found.data.sample_count
    if found.misstated:
        yield Disorder(count, found.misstated)
    elif found.stated and len(found.stated) != len(found.steps()):
        yield Disorder(count, "an order is stated for some epochs, and for others none")
    slack, allowed = (0, 0) if reproducible else (1, int(_MISREAD * count))
    for epoch, (stated, steps) in enumerate(zip(found.stated, found.steps(), strict=False), 1):
        away = np.abs(steps_of(stated, found.data.batch_size) - steps)
        readable = (steps != UNREADABLE) | reproducible
        if (wrong := int(((away > slack) & readable).sum())) > allowed:
            words = f"`order({epoch})` states another step for {wrong} of {count} samples"
            yield Disorder(wrong, words)


def _of_use(found: Trace) -> Iterator[Disorder]:
    """Yield what is wrong with which samples were used, how often, and how."""
    data, count = found.data, found.data.sample_count
    if foreign := found.foreign():
        yield Disorder(
            foreign,
            f"{foreign} samples were trained on that are not in the training split: they are the "
            f"validation split's",
        )
    if wrong := int(found.wrong_labels().sum()):
        yield Disorder(wrong, f"{wrong} of {count} samples were trained on with another label")
    if not np.array_equal(found.final, found.kernels[-1]):
        yield Disorder(
            count,
            "the weights after `fit` are not those after its last epoch: an average of weights, a "
            "step more, or an earlier epoch's",
        )
    for epoch, steps in enumerate(found.steps(), 1):
        if unused := np.flatnonzero(steps == UNUSED).tolist():
            yield Disorder(
                len(unused),
                f"no step used {len(unused)} of {count} samples ({_numbers(unused)})",
                epoch,
            )
        elif unreadable := np.flatnonzero(steps == UNREADABLE).tolist():
            yield Disorder(
                len(unreadable),
                f"{len(unreadable)} of {count} samples ({_numbers(unreadable)}) moved their "
                f"weights as none of its {data.step_count} steps would: they were used more than "
                f"once, in another number of steps, or in a batch of another size",
                epoch,
            )
        elif sizes := _odd_sizes(steps, data):
            off = sum(abs(size) for size in sizes.values())
            yield Disorder(off, _told(sizes, data), epoch)


def shared(
    epochs: Sequence[Steps], labels: Steps | None, other_seed: Steps | None = None
) -> Iterator[Disorder]:
    """Yield what the order of one epoch has in common with what it should not depend on.

    Each is the steps, from 1, that used the samples; `labels` are the samples' classes.
    """
    count = len(epochs[0])
    given = np.arange(count)
    if labels is not None and _related([(labels, steps) for steps in epochs]):
        yield Disorder(count, "samples of one class come together, or apart")
        return
    for size in (*_GROUPS, math.ceil(count / epochs[0].max())):
        groups = given // size
        if _related([(groups, steps) for steps in epochs]):
            yield Disorder(
                count,
                f"neighbours in the data, {size} in a row, share batches more or less often than "
                f"by chance",
            )
            return
    if _related([(given, steps) for steps in epochs]):
        yield Disorder(count, "samples that come early in the data are used early in every epoch")
    later = [(first, second) for i, first in enumerate(epochs) for second in epochs[i + 1 :]]
    if _related(later):
        yield Disorder(count, "the order of an epoch depends on that of an epoch before it")
    elif other_seed is not None and _related([(epochs[0], other_seed)]):
        yield Disorder(count, "another seed gives the same order")


def _related(pairs: Sequence[tuple[Steps, Steps]]) -> bool:
    """Say whether any pair of orders, or all of them together, have more in common than chance."""
    if not pairs:
        return False
    scores = np.array([[_together(*pair), _correlation(*pair)] for pair in pairs])
    combined = np.abs(scores.sum(axis=0)) / math.sqrt(len(pairs))
    return bool(np.abs(scores).max() > _UNLIKELY or combined.max() > _UNLIKELY)


def _together(first: Steps, second: Steps) -> float:
    """Return how many more pairs of samples than by chance share a group in both, in deviations.

    By chance: the pairs of one times the share that the pairs of the other have in all; their
    number is near to Poisson's.
    """
    count = len(first)
    both = _pairs(first * (int(second.max()) + 1) + second)
    expected = _pairs(first) * _pairs(second) / (count * (count - 1) / 2)
    return float((both - expected) / math.sqrt(expected + _UNLIKELY**2))


def _pairs(groups: npt.NDArray[np.int64]) -> int:
    sizes = np.unique(groups, return_counts=True)[1]
    return int((sizes * (sizes - 1) // 2).sum())


def _correlation(first: Steps, second: Steps) -> float:
    """Return the correlation of two orders in standard deviations: r * sqrt(n - 1)."""
    return float(np.corrcoef(first, second)[0, 1] * math.sqrt(len(first) - 1))


def _odd_sizes(steps: Steps, data: TracedData) -> dict[int, int]:
    """Return by its number how many samples too many a step used."""
    sizes = np.bincount(steps, minlength=data.step_count + 1)[1:]
    expected = np.full(data.step_count, data.batch_size)
    expected[-1] = data.short
    return {
        int(number) + 1: int(sizes[number] - expected[number])
        for number in np.flatnonzero(sizes != expected)
    }


def _told(sizes: dict[int, int], data: TracedData) -> str:
    number, excess = next(iter(sizes.items()))
    expected = data.batch_size if number < data.step_count else data.short
    return (
        f"step {number} used {expected + excess} samples, expected {expected}"
        f"{f'; {len(sizes) - 1} more steps are of another size' if len(sizes) > 1 else ''}"
    )


def _numbers(samples: list[int]) -> str:
    """Name samples by their place in the data: "1448 to 1499", or the first few."""
    if len(samples) > 1 and samples[-1] - samples[0] == len(samples) - 1:
        return f"numbers {samples[0]} to {samples[-1]}"
    shown = ", ".join(str(one) for one in samples[:3])
    return f"numbers {shown}{', ...' if len(samples) > len(shown.split(', ')) else ''}"
