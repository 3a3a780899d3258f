"""Fractions and spans of time, as a user writes them."""

from __future__ import annotations

import operator
import re
from typing import Any

from benchbench.errors import UsageError

# Eleven days: the system calls that wait take no more than twice as much.
LONGEST_SECONDS = 1_000_000
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def fraction(words: str, option: str, example: str = "3% or 0.03") -> float:
    """Return "3%" or "0.03" as 0.03. Raises UsageError unless it is above 0 and below 1.

    `example` is what the message tells that would do.
    """
    number, percent, rest = words.strip().partition("%")
    try:
        value = float(number) / (100 if percent else 1)
    except ValueError:
        value = 0.0
    if rest or not 0 < value < 1:
        raise UsageError(f"{option} {words}: give a fraction above 0 and below 1, like {example}")
    return value


def seconds(words: str, option: str) -> float:
    """Return "90s", "30m", "2h" or "90" in seconds. Raises UsageError unless it is above 0."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", words)
    value = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not 0 < value <= LONGEST_SECONDS:
        raise UsageError(
            f"{option} {words}: give a time above 0, like 90s, 30m or 2h, of at most "
            f"{LONGEST_SECONDS:,} seconds"
        )
    return value


def time_limit(value: float, option: str, *, least: float = 1) -> float:
    """Return a number of seconds as it is. Raises UsageError for one that no clock can wait for."""
    # Not the other way round: whatever is compared with a NaN is false.
    if not least <= value <= LONGEST_SECONDS:
        raise UsageError(
            f"{option} {value:g}: give a number of seconds from {least:g} to {LONGEST_SECONDS:,}"
        )
    return value


def whole_number(value: Any, name: str, *, least: int = 0) -> int:
    """Return a whole number, of whatever type. Raises UsageError for what is none, or less."""
    try:
        number = least - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise UsageError(f"{name}: expected a whole number from {least} on, but it is {value!r}")
    return int(number)


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: "1 block", "2 blocks"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
