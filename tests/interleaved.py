"""Made-up sessions of certified cells that took turns: what figures, pages and exports show."""

from __future__ import annotations

import msgspec
from makers import make_certificate, make_record

from benchbench.records import RunRecord

SECONDS = {"torch": 1.0, "keras": 1.5, "numpy": 4.0}


def make_session(backends=("keras", "torch"), blocks=3, session="session", **changes):
    """Return a run a block of each backend, epochs in turn, each with its certificate."""
    return [
        _run(backend, block, turn, session, **changes)
        for block in range(blocks)
        for turn, backend in enumerate(backends)
    ]


def _run(backend, block, turn, session, **changes) -> RunRecord:
    pace = SECONDS.get(backend, 2.0) * (1 + 0.01 * block)
    made = make_record(
        run_id=f"{session}-{block}-{backend}",
        session_id=session,
        block=block,
        backend=backend,
        order_seed=block,
        train_seconds=[2 * pace, pace, 1.01 * pace, 0.99 * pace],
        **{"certificate": make_certificate(backend=backend)} | changes,
    )
    epochs = tuple(msgspec.structs.replace(one, turn=turn) for one in made.epochs)
    return msgspec.structs.replace(made, epochs=epochs)


def hostile(record: RunRecord, text: str) -> RunRecord:
    """Return the record with a text in the place of every free text in it."""
    return _poisoned(record, text)


_KEPT = {"status", "verdict", "started", "finished", "made", "run_id", "session_id"}


def _poisoned(value, text, name=""):
    match value:
        case str() if name not in _KEPT:
            return text
        case dict():
            return {_poisoned(key, text): _poisoned(one, text) for key, one in value.items()}
        case tuple():
            return tuple(_poisoned(one, text, name) for one in value)
        case msgspec.Struct() if name not in {"spec", "protocol"}:
            fields = value.__struct_fields__
            return msgspec.structs.replace(
                value, **{field: _poisoned(getattr(value, field), text, field) for field in fields}
            )
    return value
