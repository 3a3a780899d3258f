"""Made-up sessions of certified cells that took turns: what figures, pages and exports show."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from makers import make_certificate, make_record

from benchbench.certificates import seal
from benchbench.certify.exercise import STARTS
from benchbench.records import RunRecord
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol

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


# What must keep its form, or its record is none: states, times, and what ties runs together.
_KEPT = {"status", "verdict", "started", "finished", "made", "run_id", "session_id", "rule"}


def hostile(record: RunRecord, text: str) -> RunRecord:
    """Return the record with a text in the place of every free text that a record can hold.

    The types are walked: what is null or empty in the record is filled. The spec is none: it takes
    names of small letters only.
    """
    kept = {name: getattr(record, name) for name in ("spec_sha256", "dataset_sha256")}
    found = _poisoned(record, RunRecord, text)
    kept["certificate"] = seal(found.certificate) if record.certificate else None
    return msgspec.structs.replace(found, **kept)


def _poisoned(value, kind, text, name=""):
    """Return the value with the text in it; a value of the kind in the place of nothing."""
    if get_origin(kind) in {Union, UnionType}:
        kind = next(one for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is Literal or name in _KEPT:
        return get_args(kind)[0] if value is None else value
    if kind in {ModelSpec, TrainingProtocol}:
        return value
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = get_type_hints(kind)
        fields = {
            one: _poisoned(getattr(value, one, None), hints[one], text, one)
            for one in kind.__struct_fields__
        }
        return kind(**fields)
    if get_origin(kind) is dict:
        inner = get_args(kind)[1]
        entries = (value or {"any": None}).items()
        return {_key(key, text): _poisoned(one, inner, text) for key, one in entries}
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        return tuple(_poisoned(one, inner, text) for one in value or (None,))
    filler = {str: text, int: 1, float: 0.5, bool: True}[kind]
    return filler if value is None or kind is str else value


def _key(key: str, text: str) -> str:
    return key if key in STARTS else text
