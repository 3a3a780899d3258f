"""The reference's answers, worked out ahead on a second core while the candidate is at work.

NumPy lets go of Python's lock while it multiplies, so a thread does: it has begun before the
candidate's framework is imported, and goes through the rungs from the last to the first. Who climbs
them from the first to the last works out what is not there yet, and both meet somewhere between.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress

from benchbench.certify.exercise import PROGRAMS, STARTS
from benchbench.certify.reference import Reference
from benchbench.certify.starting_weights import Answers, Memory


class SharedMemory:
    """A memory that several threads may ask: every answer is worked out by one of them, once."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        self._answers: dict[str, Future[Answers]] = {}

    def __call__(self, name: str, work_out: Callable[[], Answers]) -> Answers:
        """Return the answer of this name: from the memory, or from who is at it, or worked out."""
        with self._lock:
            first = name not in self._answers
            answer = self._answers.setdefault(name, Future())
        if first:
            try:
                answer.set_result(self._memory(name, work_out))
            except BaseException as error:
                answer.set_exception(error)
        return answer.result()


@contextmanager
def worked_out_ahead(reference: Reference) -> Iterator[None]:
    """Have a thread work out what the ladder will ask of a reference, as long as the block lasts.

    The memory of the reference must be a `SharedMemory`. An answer that is begun is finished.
    """
    over = threading.Event()

    def work() -> None:
        for question in reversed(_questions(reference)):
            if over.is_set():
                return
            # Whoever asks meets it too, and says it.
            with suppress(Exception):
                question()

    threading.Thread(target=work, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _questions(reference: Reference) -> list[Callable[[], object]]:
    """Return what takes the reference long of what the ladder asks, in its order."""
    updates = [
        functools.partial(reference.update, start, program)
        for program in PROGRAMS
        for start in STARTS
    ]
    return [*updates, reference.course.rows]
