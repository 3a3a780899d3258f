"""What a plugin raised, in a line: the exception's type, its message, and where."""

from __future__ import annotations

import traceback
from pathlib import Path

_LONGEST = 300


def describe(error: BaseException) -> str:
    """Return "RuntimeError: the sky fell (backend.py, line 12, in fit)", on one line."""
    try:
        message = next(iter(str(error).splitlines()), "")
    except Exception:  # a stranger's `__str__`
        message = "its message cannot be had"
    kind = type(error).__name__
    return f"{kind}: {message}"[:_LONGEST] + place(error) if message else kind + place(error)


def place(error: BaseException) -> str:
    """Return " (backend.py, line 12, in fit)", where it was raised; nothing if nobody knows."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    innermost = frames[-1]
    return f" ({Path(innermost.filename).name}, line {innermost.lineno}, in {innermost.name})"
