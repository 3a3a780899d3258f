"""The figures by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import MappingProxyType

from benchbench.compare.baseline import Baseline
from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.errors import must_be_known
from benchbench.figures import curves, epochs, memory, phases, ratios
from benchbench.figures.plot import Plot
from benchbench.figures.selection import Selection, select
from benchbench.records import RunRecord

FIGURES: MappingProxyType[str, Callable[[Selection], Plot]] = MappingProxyType(
    {
        "ratios": ratios.plot,
        "epochs": epochs.plot,
        "curves": curves.plot,
        "phases": phases.plot,
        "memory": memory.plot,
    }
)


def draw(
    name: str,
    records: Iterable[RunRecord],
    question: Question | None = None,
    baseline: Baseline | None = None,
) -> Plot:
    """Draw one figure of these records.

    Raises UsageError for a figure or a baseline that there is not, NotMeasured for a figure of what
    no run measured, Unavailable where matplotlib is not installed.
    """
    must_be_known("figure", name, FIGURES)
    runs = list(records)
    return FIGURES[name](select(runs, compare(runs, question or Question(), baseline)))
