"""The beginning and the end of a text that may be of any length."""

from __future__ import annotations

from pathlib import Path

# What went wrong stands at the end, what led to it at the beginning.
_HEAD, _TAIL = 64 << 10, 192 << 10


def excerpt(text: str, *, head: int, tail: int) -> str:
    """Return the text, or so many characters of its beginning and of its end."""
    left_out = len(text) - head - tail
    if left_out <= 0:
        return text
    return f"{text[:head]}\n[... {left_out:,} characters left out ...]\n{text[len(text) - tail :]}"


def file_excerpt(path: Path) -> str:
    """Read a file like `excerpt`, by bytes, without ever holding more of it."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        if size <= _HEAD + _TAIL:
            return file.read(_HEAD + _TAIL).decode(errors="replace")
        head = file.read(_HEAD).decode(errors="replace")
        file.seek(size - _TAIL)
        tail = file.read(_TAIL).decode(errors="replace")
    return f"{head}\n[... {size - _HEAD - _TAIL:,} bytes left out ...]\n{tail}"
