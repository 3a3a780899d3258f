"""Requests, events and records as JSON, whatever a plugin has stated in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from benchbench.records import Setting
from benchbench.spec.identity import canonical


def plain_settings(stated: Mapping[Any, Any]) -> dict[str, Setting]:
    """Return settings as a record holds them: what is no plain, finite value goes as text."""

    def plain(value: Any) -> Setting:
        if isinstance(value, str | bool | int):
            return value
        finite = isinstance(value, float) and math.isfinite(value)
        return float(value) if finite else str(value)

    return {str(name): plain(value) for name, value in stated.items()}


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
