"""How long a fixed piece of work takes on this machine now."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from benchbench.measure.clock import now_ns

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

# The product takes half of the tenth of a second on two cores of 2023, the streaming the rest.
_PRODUCT_SIDE = 512
_PRODUCTS = 24
_STREAM_FLOATS = 8 * 1024 * 1024
_STREAMS = 14


def calibrate(threads: int) -> float:
    """Do a fixed piece of work, about a tenth of a second, and return the seconds it took.

    Half of it is a float32 matrix product, which feels a core that is shared or slowed down; half
    is streaming through memory, which feels a neighbour's traffic. The first call in a process
    also allocates the buffers and warms the libraries up, untimed.
    """
    work, controller = _calibration()
    with controller.limit(limits=threads, user_api="blas"):
        started = now_ns()
        work()
        return (now_ns() - started) / 1e9


@functools.cache
def _calibration() -> tuple[Callable[[], None], ThreadpoolController]:
    import numpy as np
    from threadpoolctl import ThreadpoolController

    random = np.random.default_rng(0)
    left = random.random((_PRODUCT_SIDE, _PRODUCT_SIDE), np.float32)
    product = np.empty_like(left)
    source = np.ones(_STREAM_FLOATS, np.float32)
    target = np.empty_like(source)

    def work() -> None:
        # The product comes first: if it may use several threads, OpenBLAS's idle ones spin for some
        # 0.1 s after it, which should not reach into a worker's turn.
        for _ in range(_PRODUCTS):
            np.matmul(left, left, out=product)
        for _ in range(_STREAMS):
            np.multiply(source, np.float32(0.5), out=target)

    work()
    return work, ThreadpoolController()
