"""Residue: what a backend still does after its `synchronize` has said that all is done.

Work that is left over when the clock is read costs no time in the record. It shows in what it
uses, CPU time where this process should be idle, and in what it leads to, parameters that are slow
to read or still changing. All of it is looked for outside of timed regions.
"""

from __future__ import annotations

import hashlib
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchbench.measure.clock import cpu_ns, now_ns

if TYPE_CHECKING:
    import numpy.typing as npt

    Parameters = list[npt.NDArray[Any]]

_SLICE_SECONDS = 0.02
# A slice is quiet if the process used less than this share of one core in it.
_QUIET = 0.1
_QUIET_SLICES = 2

# The threads of a pool spin for a while before they sleep, and cannot be told from work: LLVM's and
# Intel's OpenMP for 0.2 s (KMP_BLOCKTIME), GNU's for some milliseconds, NumPy's OpenBLAS for 2^28
# ticks of the processor's counter, which is 0.10 s at the 2.6 GHz where it was measured, and 2.2 s
# on an ARM server that counts at 122 MHz.
_SPIN_SECONDS = 0.3 if platform.machine() in {"x86_64", "AMD64"} else 3.0

# A watch that goes on for longer was not left to itself: the machine stopped it.
LONGEST_WATCH_SECONDS = _SPIN_SECONDS + 0.5

# Beside the spinning, this share of the time of training is beneath notice.
_NEGLIGIBLE = 0.01
# A first read may warm up what a second finds warm; a shared machine stops for some milliseconds.
_READ_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Watch:
    """What was seen after an epoch's training: seconds until the process was idle, if it was."""

    epoch: int
    busy_seconds: float
    settled: bool


@dataclass(frozen=True, slots=True)
class Reads:
    """Two reads of the parameters in a row, after `fit`: seconds, and whether they differ.

    `changed_by_fit`: the first are not those after the last epoch.
    """

    first_seconds: float
    second_seconds: float
    changed: bool
    changed_by_fit: bool = False


@dataclass(frozen=True, slots=True)
class Residue:
    """All that was seen of one run.

    `waiting_cpu_seconds` is, for each epoch, the CPU time that the process used after it, while
    another had the baton; `epoch_reads` the seconds that reading the parameters took after those
    epochs after which they were read.
    """

    watches: tuple[Watch, ...]
    waiting_cpu_seconds: tuple[float, ...]
    reads: Reads
    epoch_reads: tuple[float, ...] = ()

    def signs(self, *, threads: int, train_seconds: float) -> list[str]:
        """Return in words whatever tells of work left over; nothing where all was done.

        `threads` may spin after each epoch; `train_seconds` are those of all epochs.
        """
        found = [
            f"{watch.busy_seconds:.2f} s after epoch {watch.epoch} was said to be trained, the "
            f"process was still at work"
            for watch in self.watches
            if not watch.settled
        ]
        epochs = len(self.waiting_cpu_seconds)
        used = sum(self.waiting_cpu_seconds)
        allowed = epochs * threads * _SPIN_SECONDS + _NEGLIGIBLE * train_seconds
        if used > allowed:
            found.append(
                f"it used {used:.2f} s of CPU time between its turns, after {epochs} epochs of "
                f"{train_seconds:.2f} s together"
            )
        first, second = self._first_read_seconds, self.reads.second_seconds
        if first - second > _READ_SECONDS + _NEGLIGIBLE * train_seconds / max(1, epochs):
            found.append(
                f"the first read of the parameters took {first:.2f} s and the last {second:.2f} s"
            )
        if self.reads.changed_by_fit:
            found.append("fit changed the parameters after its last epoch, where nothing is timed")
        if self.reads.changed:
            found.append("after fit the parameters changed from one read to the next")
        return found

    @property
    def _first_read_seconds(self) -> float:
        """What a read after training usually took, or the one after `fit`, if that was longer."""
        usual = statistics.median_low(self.epoch_reads) if self.epoch_reads else 0.0
        return max(usual, self.reads.first_seconds)

    def summary(self) -> str:
        """Return what was seen of a run that shows no signs."""
        slowest = max((watch.busy_seconds for watch in self.watches), default=0.0)
        used = sum(self.waiting_cpu_seconds)
        return (
            f"idle within {slowest:.2f} s of training, {used:.2f} s of CPU time between turns, "
            f"parameters read in {self._first_read_seconds:.3f} s"
        )


def watch(
    epoch: int,
    *,
    now: Callable[[], int] = now_ns,
    cpu: Callable[[], int] = cpu_ns,
    sleep: Callable[[float], None] = time.sleep,
    patience: float = _SPIN_SECONDS,
) -> Watch:
    """Wait until this process is idle, at most until its pools must have stopped spinning.

    Takes some 40 ms where it is idle at once, 0.1 s more where OpenBLAS spins.
    """
    started, quiet = now(), 0
    while True:
        began, used = now(), cpu()
        sleep(_SLICE_SECONDS)
        ended, used = now(), cpu() - used
        quiet = quiet + 1 if used < _QUIET * (ended - began) else 0
        elapsed = (ended - started) / 1e9
        if quiet == _QUIET_SLICES:
            return Watch(epoch, max(0.0, elapsed - _QUIET_SLICES * _SLICE_SECONDS), True)
        if not quiet and elapsed > patience:
            return Watch(epoch, elapsed, False)


def read_twice(
    read: Callable[[], Parameters], trained: bytes, now: Callable[[], int] = now_ns
) -> tuple[Parameters, Reads]:
    """Read the parameters twice; return those of the second read, and how the reads went.

    `trained` is the fingerprint of those after the last epoch.
    """
    before = now()
    first = read()
    between = now()
    # At once: a trainer that hands out its own arrays must not change what it was seen to have.
    seen = fingerprint(first)
    resumed = now()
    second = read()
    after = now()
    return second, Reads(
        (between - before) / 1e9,
        (after - resumed) / 1e9,
        changed=fingerprint(second) != seen,
        changed_by_fit=seen != trained,
    )


def fingerprint(arrays: Sequence[npt.NDArray[Any]]) -> bytes:
    """Return a hash of the arrays' shapes and bytes: equal for equal parameters."""
    digest = hashlib.blake2b()
    for array in arrays:
        digest.update(str(array.shape).encode())
        digest.update(np.asarray(array).tobytes())
    return digest.digest()
