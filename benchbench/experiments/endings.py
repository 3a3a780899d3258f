"""How a session ends that is not whole: interrupted, left to run elsewhere, or with blocks lost."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchbench.errors import BenchbenchError, StoreError
from benchbench.experiments.fleet.order_book import OrderBook
from benchbench.experiments.saved_plan import SavedPlan
from benchbench.experiments.units import unseen
from benchbench.interrupts import interrupts_wait
from benchbench.records import RunRecord
from benchbench.run.store import Store

# So many lost blocks are named with their reasons.
_MOST_TOLD = 5


class BlocksLost(BenchbenchError):  # noqa: N818 - what happened, like SessionInterrupted
    """Blocks of a session left no record; `records` are those of the others."""

    def __init__(self, session_id: str, records: Sequence[RunRecord], told: str) -> None:
        super().__init__(told)
        self.session_id = session_id
        self.records = records


class SessionDetached(Exception):  # noqa: N818 - no error: what was asked for
    """The blocks were submitted, and run without this command."""

    def __init__(self, session_id: str) -> None:
        super().__init__()
        self.session_id = session_id


class SessionInterrupted(KeyboardInterrupt):
    """Ctrl-C or the like, with the records that the session has by now."""

    def __init__(self, session_id: str, records: Sequence[RunRecord]) -> None:
        super().__init__()
        self.session_id = session_id
        self.records = records


def must_have_records(plan: SavedPlan, store: Store, records: Sequence[RunRecord]) -> None:
    """Raise BlocksLost, with the reasons, where blocks of a session left none."""
    book = OrderBook(store, plan.session.session_id)
    orders = book.orders()
    gone = unseen(records, orders.values())
    if gone:
        lost = {order.number: book.lost(key) for key, order in orders.items()}
        named = [(one, why) for one in gone[:_MOST_TOLD] if (why := lost[one])]
        told = [f"block {one}: {why.reason}" for one, why in named]
        more = f"; and {len(gone) - len(told)} more" if len(gone) > len(told) else ""
        raise BlocksLost(
            plan.session.session_id,
            records,
            f"blocks that left no record: {len(gone)} ({'; '.join(told)}{more})",
        )


@contextmanager
def records_told(store: Store, session_id: str) -> Iterator[None]:
    """Raise SessionInterrupted, with the same notes, for a KeyboardInterrupt.

    A StoreError is told with the command that goes on.
    """
    try:
        yield
    except StoreError as error:
        raise StoreError(
            f"{error}\nonce records can be written: benchbench run --results "
            f"{shlex.quote(str(store.folder.parent))} --resume {session_id}"
        ) from None
    except KeyboardInterrupt as interrupt:
        with interrupts_wait():
            told = SessionInterrupted(session_id, store.session(session_id))
            for note in getattr(interrupt, "__notes__", ()):
                told.add_note(note)
        raise told from None
