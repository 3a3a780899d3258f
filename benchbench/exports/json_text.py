"""JSON that every reader takes: no NaN, no infinity, ASCII, texts on one line."""

from __future__ import annotations

import json

from benchbench.printable import one_line


def json_text(content: object) -> str:
    """Return the content as JSON. Raises ValueError for a number that is not finite."""
    return json.dumps(_clean(content), indent=1, allow_nan=False) + "\n"


def _clean(value: object) -> object:
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, dict):
        return {one_line(str(key)): _clean(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(one) for one in value]
    return value
