"""Fractions and durations as people write them on a command line: 3%, 0.03, 30m."""

from __future__ import annotations

import re

from benchbench.errors import UsageError

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def fraction(option: str, text: str) -> float:
    """Return the fraction that is written as "3%" or "0.03". Raises UsageError for another."""
    number, percent = re.fullmatch(r"\s*([0-9.]+)\s*(%?)\s*", text, re.ASCII), text.strip()[-1:]
    try:
        value = float(number[1]) if number else -1.0
    except ValueError:
        value = -1.0
    value = value / 100 if percent == "%" else value
    if not 0 < value < 1:
        raise UsageError(
            f"{option} {text}: a fraction between 0 and 1 was expected, such as 3% or 0.03"
        )
    return value


def duration(option: str, text: str) -> float:
    """Return the seconds that are written as "90s", "30m" or "1.5h". Raises UsageError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", text, re.ASCII)
    seconds = float(found[1]) * _SECONDS[found[2] or "s"] if found else 0.0
    if not seconds > 0:
        raise UsageError(f"{option} {text}: a time was expected, such as 90s, 30m or 1.5h")
    return seconds
