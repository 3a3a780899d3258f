"""What reports are made of, as JSON: everything there is, raw numbers, unknown is null, no NaN."""

from __future__ import annotations

from typing import Any

import msgspec

from benchbench.run.encoding import to_json


def render(content: Any, *, indent: int = 1) -> str:
    """Return a result, or a sequence of them, indented; texts that no file can hold are escaped.

    So is, as JSON escapes it, what a terminal obeys: such characters stand in texts only.
    """
    text = msgspec.json.format(to_json(content), indent=indent).decode()
    return "".join(c if c == "\n" or c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return "".join(f"\\u{unit:04x}" for unit in _utf16(character))


def _utf16(character: str) -> tuple[int, ...]:
    code = ord(character)
    if code < 0x10000:
        return (code,)
    return 0xD800 + (code - 0x10000 >> 10), 0xDC00 + (code - 0x10000 & 0x3FF)
