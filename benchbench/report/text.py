"""Numbers and columns as people read them: in every table of every verb, the same."""

from __future__ import annotations

from collections.abc import Sequence

from benchbench.printable import one_line

# What stands for a value that is not known.
UNKNOWN = "\N{EN DASH}"


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Return names and values, one pair a line, values aligned."""
    lines = [(one_line(name), one_line(value)) for name, value in pairs]
    width = max((len(name) for name, _ in lines), default=0)
    return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in lines)


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
