"""Numbers and columns as people read them: in every table of every verb, the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchbench.compare.cells import Timing

# What stands for a value that is not known.
UNKNOWN = "\N{EN DASH}"


def seconds(value: float | None) -> str:
    """Write seconds with three significant digits and no exponent: 0.00123, 6.28, 118."""
    if value is None:
        return UNKNOWN
    decimals = 0
    while decimals < 6 and value < 100 / 10**decimals:
        decimals += 1
    return f"{value:,.{decimals}f}"


def count(value: float | None) -> str:
    """Write a whole number with its thousands apart: 17,578."""
    return UNKNOWN if value is None else f"{round(value):,}"


def fraction(value: float | None) -> str:
    """Write a fraction with four decimals: 0.9840."""
    return UNKNOWN if value is None else f"{value:.4f}"


def megabytes(value: float | None) -> str:
    """Write bytes as megabytes of a million bytes."""
    return UNKNOWN if value is None else f"{value / 1e6:,.0f}"


def interval(timing: Timing | None) -> str:
    """Write a confidence interval in seconds: 0.939 to 0.973."""
    if timing is None or timing.low is None or timing.high is None:
        return UNKNOWN
    return f"{seconds(timing.low)} to {seconds(timing.high)}"


def extent(timing: Timing | None) -> str:
    """Write the range of single values in seconds, which is no interval: 0.90 to 1.20."""
    if timing is None:
        return UNKNOWN
    return f"{seconds(timing.least)} to {seconds(timing.greatest)}"


def data_set(name: str) -> str:
    """Write the data set that a model is for: "mnist or digits", "diabetes"."""
    plain, colon, rest = name.partition(":")
    words = "mnist or digits" if plain == "auto" else plain
    return f"{words}, with :{rest}" if colon else words
