"""Requests, events and records as JSON, whatever a plugin has stated in them."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from benchbench.records import Setting
from benchbench.run.excerpt import excerpt
from benchbench.spec.identity import canonical

_LARGEST_INTEGER = 2**63 - 1
# A setting is a word or a number; who states more than this has it cut.
_TEXT_HEAD, _TEXT_TAIL = 1500, 500
_MOST_ENTRIES = 200


def plain_settings(stated: object) -> dict[str, Setting]:
    """Return settings as a record holds them: what is no plain, finite value goes as text.

    Nothing that a plugin returns for its settings is a reason to lose a run that is over.
    """

    def plain(value: object) -> Setting:
        if isinstance(value, bool):
            return value
        if isinstance(value, int) and abs(value) <= _LARGEST_INTEGER:
            return int(value)
        if isinstance(value, float) and math.isfinite(value):
            return float(value)
        return plain_text(value)

    return {name: plain(value) for name, value in _entries(stated, "settings")}


def plain_versions(stated: object) -> dict[str, str]:
    """Return versions as a record holds them, whatever a plugin returns for them."""
    return {name: plain_text(value) for name, value in _entries(stated, "versions")}


def plain_count(stated: object) -> int | None:
    """Return what a plugin counted, None where it is no count."""
    try:
        count = operator.index(stated)  # type: ignore[arg-type] # that is the question
    except TypeError:
        return None
    return count if 0 <= count <= _LARGEST_INTEGER else None


def plain_text(value: object) -> str:
    """Return a value as text, without the middle of a long one; never raises."""
    try:
        text = str(value)
    except Exception as error:
        return f"(its text cannot be had: {type(error).__name__})"
    return excerpt(text, head=_TEXT_HEAD, tail=_TEXT_TAIL)


def _entries(stated: object, name: str) -> Iterator[tuple[str, object]]:
    """Yield the entries of a mapping; what is none is one entry of this name."""
    entries = list(stated.items()) if isinstance(stated, Mapping) else [(name, stated)]
    for key, value in entries[:_MOST_ENTRIES]:
        yield plain_text(key), value
    if len(entries) > _MOST_ENTRIES:
        yield f"{name} left out", len(entries) - _MOST_ENTRIES


def to_json(value: object) -> bytes:
    """Encode requests, events and records.

    What a plugin stated in a type of its own goes as text; a character that no file can hold, a
    lone surrogate, goes as its escape: a run that is over must not be lost by what it is called.
    """
    content = canonical(value)
    try:
        return msgspec.json.encode(content, enc_hook=str)
    except UnicodeEncodeError:
        return msgspec.json.encode(_escaped(msgspec.to_builtins(content, enc_hook=str)))


def _escaped(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_escaped(key): _escaped(item) for key, item in value.items()}
        case list() | tuple():
            return [_escaped(item) for item in value]
        case _:
            return value
