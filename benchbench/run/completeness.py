"""Whether a run that says it is finished is whole: the conductor looks for itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec

from benchbench.records import Phases
from benchbench.run.messages import RunRequest, WorkerReport

# Every check that is made of a run, by `check_run` and `check_losses`, in its order.
CHECKS = (
    "parameter count",
    "parameter shapes",
    "finite",
    "weights moved",
    "predictions",
    "metric recomputed",
    "test metric",
    "first test image",
    "threads",
    "synchronization",
    "validation time",
    "losses recounted",
    "losses",
)
# These apply to every run: one that was not decided hides something.
_ALWAYS_DECIDED = frozenset({"parameter count", "parameter shapes", "finite", "predictions"})


def shortcomings(
    request: RunRequest, epochs: Sequence[int], report: WorkerReport, *, own: bool
) -> Iterator[str]:
    """Yield what a finished run lacks; `epochs` are the numbers of those it told of.

    `own`: the worker is of this benchbench, whose checks are known; one of another revision may
    make fewer or more.
    """
    wanted = request.protocol.epochs + request.further_epochs
    if list(epochs) != list(range(1, wanted + 1)):
        told = ", ".join(map(str, epochs)) or "none"
        yield f"epochs: expected 1 to {wanted}, each once, found {told}"
    names = [check.name for check in report.checks]
    if own and names != list(CHECKS):
        missing = [name for name in CHECKS if name not in names]
        others = [name for name in names if name not in CHECKS or names.count(name) > 1]
        parts = [("missing", missing), ("unknown or twice", others)]
        told = "; ".join(f"{what}: {', '.join(found)}" for what, found in parts if found)
        yield f"checks: expected {len(CHECKS)} in their order, found {len(names)} ({told or names})"
    if not names:
        yield "checks: expected some, found none"
    open_ones = [one.name for one in report.checks if one.passed is None]
    if undecided := [name for name in open_ones if name in _ALWAYS_DECIDED]:
        yield f"checks: expected a decision of {', '.join(undecided)}, found none"
    if own and request.audited and report.audit is None:
        yield "audit: expected what came of it, or why there is none, found nothing"
    if report.test is None:
        yield "test: expected a loss and a metric of the test samples, found none"
    if report.phases is None:
        yield "phases: expected where the time went, found nothing"
    elif unsound := _unsound(report.phases):
        yield f"phases: expected finite parts that sum to the total, found {unsound}"


def _unsound(phases: Phases) -> str | None:
    parts = msgspec.structs.asdict(phases)
    total = parts.pop("total")
    bad = [name for name, seconds in parts.items() if not (math.isfinite(seconds))]
    if bad or not math.isfinite(total):
        return f"{', '.join(bad) or 'total'} not finite"
    whole = sum(parts.values())
    if abs(whole - total) > 1e-6 * abs(total) + 1e-6:
        return f"a sum of {whole:.6g} s for a total of {total:.6g} s"
    return None
