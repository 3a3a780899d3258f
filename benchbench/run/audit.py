"""The audit of a run, in its worker: weights are kept while it trains, and judged when it is over.

What the audit costs lies in no timed region: the weights are read while `fit` waits, and epochs are
repeated when all times have been taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from benchbench.audits import Audit
from benchbench.measure.clock import now_ns
from benchbench.plugins.contract import Trainer

if TYPE_CHECKING:
    from benchbench.certify.stated_order import Order
    from benchbench.data.dataset import Dataset
    from benchbench.plugins.registry import Registry
    from benchbench.run.messages import RunRequest

Arrays = Sequence[npt.NDArray[Any]]

# What the reference may take, as it is reckoned beforehand; and by the clock, on a busy machine.
_SECONDS = 20.0
_LONGEST_SECONDS = 60.0
# What the weights that are kept may take.
_MOST_BYTES = 64 << 20
_NO_ORDER = "the backend states no order of the samples"


class _OutOfTimeError(Exception):
    """The reference takes longer than was reckoned."""


class Auditor:
    """What of one run is kept for its audit, and the audit.

    Runs of a session with audits are alike: the weights are read in each, whichever is audited.
    """

    def __init__(
        self,
        registry: Registry,
        request: RunRequest,
        dataset: Dataset,
        initial: Arrays,
        trainer: Trainer,
    ) -> None:
        self._registry = registry
        self._request = request
        self._train = dataset.train
        self._initial = initial
        self._trainer = trainer
        self._rows: list[npt.NDArray[np.float32]] = []
        # How many epochs can be repeated, and why not all.
        self._extent: tuple[int, str | None] = (0, None)

    def prepare(self) -> None:
        """Reckon how many epochs can be repeated, and import what says so."""
        if self._request.audited is not None:
            self._extent = _extent(self._request, len(self._train), self._trainer)

    def wants(self, number: int) -> bool:
        """Say whether the weights are to be read after this epoch, from 1."""
        return number <= self._extent[0]

    def keep(self, arrays: Arrays) -> None:
        """Take the weights as they are after an epoch for which they were wanted."""
        row = _as_row(arrays)
        if self._request.audited:
            self._rows.append(row)

    def audit(self, final: Arrays) -> Audit | None:
        """Repeat the epochs; return what came of it, None if it is another run that is audited.

        `final` are the variables after `fit`. Raises what the plugin raises.
        """
        if not self._request.audited:
            return None
        started = now_ns()
        found = self._judged(_as_row(final), started)
        return msgspec.structs.replace(found, seconds=(now_ns() - started) / 1e9)

    def _judged(self, final: npt.NDArray[np.float32], started: int) -> Audit:
        from benchbench.certify.audit import what_orders_share
        from benchbench.certify.stated_order import NoPermutation

        count, reason = self._extent
        if fault := self._fault_of_weights(final):
            return Audit(fault=fault)
        if not count:
            return Audit(reason=reason)
        protocol = self._request.protocol
        try:
            orders = list(self._orders())
        except NoPermutation as fault:
            return Audit(fault=str(fault))
        if len(orders) < count:
            return Audit(reason=_NO_ORDER)
        shared = what_orders_share(orders, self._train.targets, protocol.batch_size)
        if protocol.shuffle and shared:
            return Audit(fault=shared)
        return self._repeated(orders, started)

    def _fault_of_weights(self, final: npt.NDArray[np.float32]) -> str | None:
        expected = self._request.model.parameter_count
        if any(len(row) != expected for row in self._rows):
            return f"expected {expected:,} values in `variables()` after each epoch, found others"
        whole = len(self._rows) == self._request.protocol.epochs
        if whole and not np.array_equal(final, self._rows[-1], equal_nan=True):
            return "the weights after `fit` are not those after its last epoch"
        return None

    def _repeated(self, orders: Sequence[Order], started: int) -> Audit:
        from benchbench.certify.audit import compared
        from benchbench.certify.reference import REFERENCE
        from benchbench.certify.replay import Course

        request = self._request
        course = Course(
            request.model,
            request.protocol,
            self._train,
            _as_row(self._initial),
            self._rows,
            orders,
        )

        def check() -> None:
            if now_ns() - started > _LONGEST_SECONDS * 1e9:
                raise _OutOfTimeError

        backend = self._registry.backend(REFERENCE).create()
        try:
            epochs = tuple(compared(backend, course, seed=request.seed, check=check))
        except _OutOfTimeError:
            return Audit(reason=f"the reference took more than {_LONGEST_SECONDS:.0f} s")
        reason = self._extent[1]
        if len(epochs) < len(orders):
            reason = f"a rounding decides the course of epoch {len(epochs) + 1}"
        return Audit(epochs=epochs, reason=reason)

    def _orders(self) -> list[Order]:
        """Return the order of each epoch, those that the backend states. Raises NoPermutation."""
        from benchbench.certify.stated_order import stated_order

        samples, epochs = len(self._train), range(1, self._extent[0] + 1)
        if not self._request.protocol.shuffle:
            return [np.arange(samples)] * len(epochs)
        stated = [stated_order(self._trainer, number, samples) for number in epochs]
        return [order for order in stated if order is not None]


def _extent(request: RunRequest, samples: int, trainer: Trainer) -> tuple[int, str | None]:
    """Return how many epochs of a run can be repeated, and why not all."""
    from benchbench.certify.audit import epochs_within, why_never

    model, protocol = request.model, request.protocol
    states_none = getattr(trainer.order, "__func__", None) is Trainer.order
    if never := _NO_ORDER if protocol.shuffle and states_none else why_never(model):
        return 0, never
    affordable = epochs_within(model, protocol, samples, _SECONDS)
    if affordable < 1:
        return 0, f"an epoch would take the reference about {_span(_SECONDS / affordable)}"
    kept = _MOST_BYTES // (4 * model.parameter_count)
    if not kept:
        return 0, f"it has more than {_MOST_BYTES // 4:,} parameters"
    count = min(int(affordable), kept, protocol.epochs)
    whole = count == protocol.epochs
    return count, None if whole else f"more would take the reference over {_SECONDS:.0f} s"


def _as_row(arrays: Arrays) -> npt.NDArray[np.float32]:
    return np.concatenate([np.asarray(array, np.float32).ravel() for array in arrays])


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
