"""The order in which a backend says that it met the samples: `Trainer.order`, asked after `fit`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchbench.certify.calls import call
from benchbench.plugins.contract import Trainer

Order = npt.NDArray[np.int64]


class NoPermutation(ValueError):  # noqa: N818 - what was found, in words
    """What was stated is no order of the samples; the text says in what way."""


def stated_order(trainer: Trainer, epoch: int, count: int) -> Order | None:
    """Return the order of an epoch, from 1, of `count` samples; None where the backend has none.

    Raises NoPermutation, and PluginRaised.
    """
    stated = call("order", trainer.order, epoch)
    if stated is None:
        return None
    order = np.asarray(stated)
    if order.shape != (count,) or not np.issubdtype(order.dtype, np.integer):
        raise NoPermutation(
            f"the order stated for epoch {epoch} is {order.dtype} of shape {order.shape}, expected "
            f"whole numbers of shape ({count},)"
        )
    if not np.array_equal(np.sort(order), np.arange(count)):
        raise NoPermutation(
            f"the order stated for epoch {epoch} does not have each of {count} samples once"
        )
    return order.astype(np.int64)


def steps_of(order: Order, batch_size: int) -> Order:
    """Return the step, from 1, that used each sample of an epoch."""
    steps = np.empty_like(order)
    steps[order] = np.arange(len(order)) // batch_size + 1
    return steps
