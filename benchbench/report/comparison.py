"""The relative view of what was compared: ratios, intervals and verdicts, and what is left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from benchbench.compare.accuracy import Accuracy
from benchbench.compare.cells import Timing
from benchbench.compare.comparison import Comparison
from benchbench.compare.contrast import Contrast, Question, Ratio
from benchbench.compare.model_runs import NotComparable
from benchbench.compare.summary import CellSummary
from benchbench.records import Stopping
from benchbench.report import over_machines, text
from benchbench.report.document import (
    Block,
    CodeText,
    Document,
    Grid,
    Heading,
    Paragraph,
    grid,
    items,
)
from benchbench.report.labels import Label, label_of, machine_label
from benchbench.report.metrics import metric_column, metric_text
from benchbench.report.sentences import sentences
from benchbench.report.tables import remark_list
from benchbench.spec.losses import ACCURACY

_WORDS = {"model", "backend", "machine", "outcome", "verdict"}
_NOTHING = CodeText("There is nothing to compare: no run finished. `benchbench report` says why.")
# Of more machines a table shows those with the least and the greatest ratios.
_MOST_MACHINES = 24
# A list of lost blocks is no longer.
_MOST_LOSSES = 40
_MOST_NAMES = 4


def build(comparisons: Sequence[Comparison]) -> Document:
    """Return a section each: its table, a sentence a model, and what is not comparable."""
    found = tuple(block for one in comparisons for block in _section(one))
    return found or (Paragraph(_NOTHING),)


def _section(one: Comparison) -> Document:
    if not (one.cells or one.contrasts or one.not_comparable):
        return ()
    label = label_of(one, versions=True)
    blocks: list[Block] = [Heading(one.title)]
    if one.over_machines:
        blocks += over_machines.table(one, label)
    if one.cells:
        blocks.append(_grid(one, label))
    blocks += items(list(sentences(one)))
    if one.contrasts:
        rules = dict.fromkeys(row.stopping for row in one.contrasts if row.stopping)
        words = [_legend(one.question, len(one.contrasts)), *map(_rule, rules), *_cut(one)]
        blocks.append(Paragraph(" ".join(words)))
    blocks += items(list(_by_reason(one.not_comparable, label)), "Not comparable:")
    allowed = ", left out of the verdicts (--allow-lost-blocks)"
    title = f"Lost blocks{allowed if one.question.allow_lost_blocks else ''}:"
    return (*blocks, *items(list(_losses(one, label)), title), *remark_list(one))


def _grid(one: Comparison, label: Label) -> Grid:
    level = f"{100 * one.question.confidence:g} %"
    contrasts = {(row.model, row.cell, row.host): row for row in one.contrasts}
    baselines = {(row.model, row.baseline, row.host) for row in one.contrasts}
    accuracies = {(row.model, row.cell): row for row in one.accuracies}
    metric, write = metric_column(one.cells)
    rows = []
    for cell in _shown(one):
        key = cell.model, cell.name, cell.host
        row = contrasts.get(key)
        first, steady, cold = _ratios(row, is_baseline=key in baselines)
        rows.append(
            {
                "model": cell.model,
                "backend": label(cell.name),
                **({"machine": machine_label(cell.host)} if one.hosts else {}),
                "epoch s": text.seconds(_seconds(cell.steady_epoch_seconds)),
                f"epoch s, {level} interval": text.interval(cell.steady_epoch_seconds),
                "epoch s, range": text.extent(cell.steady_epoch_seconds),
                f"time ratio ({level})": steady,
                f"first epoch ratio ({level})": first,
                f"cold total ratio ({level})": cold,
                "break-even epoch": str(row.break_even) if row and row.break_even else text.UNKNOWN,
                "blocks": str(cell.run_count),
                "noisy epochs": f"{cell.noisy_epochs} of {cell.epochs_run}",
                metric: write(cell),
                **_over_seeds(accuracies.get((cell.model, cell.name)), metric),
                "verdict": _verdict(row, is_baseline=key in baselines),
            }
        )
    headers = list(rows[0])
    shown = {"model", "backend", "machine", "epoch s", f"time ratio ({level})", "verdict"}
    if not one.hosts:
        shown.add(metric)
    return grid(
        [list(row.values()) for row in rows],
        headers,
        right=[header for header in headers if header not in _WORDS],
        extra=[header for header in headers if header not in shown],
        states=["verdict", "outcome"],
    )


def _shown(one: Comparison) -> list[CellSummary]:
    """Return the cells that have a row: all, or of many machines the extremes of each ratio."""
    if len(one.hosts) <= _MOST_MACHINES:
        return list(one.cells)
    pairs: dict[tuple[object, ...], list[Contrast]] = defaultdict(list)
    for row in one.contrasts:
        if row.steady:
            pairs[row.model, row.cell, row.baseline].append(row)
    shown: set[tuple[object, ...]] = set()
    for rows in pairs.values():
        ranked = sorted(rows, key=lambda row: row.steady.ratio if row.steady else 0.0)
        for row in [*ranked[: _MOST_MACHINES // 2], *ranked[-_MOST_MACHINES // 2 :]]:
            shown |= {(row.model, row.cell, row.host), (row.model, row.baseline, row.host)}
    return [cell for cell in one.cells if (cell.model, cell.name, cell.host) in shown]


def _cut(one: Comparison) -> Iterator[str]:
    if len(one.hosts) > _MOST_MACHINES:
        yield (
            f"Of {len(one.hosts):,} machines those with the least and the greatest ratios are "
            f"shown; --format csv and json have all."
        )


def _seconds(timing: Timing | None) -> float | None:
    return timing.seconds if timing else None


def _legend(question: Question, count: int) -> str:
    level = f"{100 * question.confidence:g} %"
    family = f"; verdicts are Holm-corrected for {count:,} comparisons" if count > 1 else ""
    return (
        f"A time ratio is the epoch time over the baseline's, with its {level} confidence "
        f"interval: below 1 is faster. Times within {100 * question.margin:g} % of each other "
        f"count as the same{family}. The first epoch of each run is left out."
    )


def _rule(stopping: Stopping) -> str:
    """Say how the number of blocks was settled, and what holds for that."""
    if stopping.rule == "verdict":
        return (
            "Blocks were added until there were verdicts (--until verdict): intervals and verdicts "
            "hold at every block."
        )
    return (
        f"The scatter of the first {stopping.pilot_blocks} blocks settled their number (--until): "
        f"intervals and verdicts rest on that scatter."
    )


def _ratios(row: Contrast | None, *, is_baseline: bool) -> tuple[str, str, str]:
    if row:
        return _ratio(row.first_epoch), _ratio(row.steady), _ratio(row.cold_total)
    word = "1" if is_baseline else text.UNKNOWN
    return word, word, word


def _ratio(one: Ratio | None) -> str:
    """Write a ratio as narrow as can be: 0.956 (0.939-0.973)."""
    if one is None:
        return text.UNKNOWN
    if one.low is None or one.high is None:
        return f"{one.ratio:.3f}"
    return f"{one.ratio:.3f} ({one.low:.3f}-{one.high:.3f})"


def _verdict(row: Contrast | None, *, is_baseline: bool) -> str:
    if row:
        return row.verdict if row.verdict != "EXPLORATORY" else "no verdict"
    return "baseline" if is_baseline else text.UNKNOWN


def _over_seeds(one: Accuracy | None, title: str) -> dict[str, str]:
    metric = one.metric if one else ACCURACY
    return {
        f"{title} over seeds": metric_text(metric, one.mean if one else None),
        "sd": metric_text(metric, one.sd if one else None),
        "seeds": text.count(one.seeds if one else None),
        "outcome": one.outcome.verdict if one and one.outcome else text.UNKNOWN,
    }


def _losses(one: Comparison, label: Label) -> Iterator[str]:
    """Yield the blocks that are lost to a ratio, and why, up to so many."""
    yield from one.blocks_of_no_machine
    found = [
        f"{row.model}{_on(row.host) if one.hosts else ''}, {label(row.cell)} against "
        f"{label(row.baseline)}: {why}"
        for row in one.contrasts
        for why in row.left_out
    ]
    yield from found[:_MOST_LOSSES]
    if len(found) > _MOST_LOSSES:
        yield f"{len(found) - _MOST_LOSSES:,} more are in --format json"


def _on(host: str | None) -> str:
    return f" on machine {machine_label(host)}"


def _by_reason(rows: Iterable[NotComparable], label: Label) -> Iterator[str]:
    """Yield a sentence a reason, with the rows that share it, model by model."""
    by_reason: dict[str, dict[str, dict[str, list[str]]]] = {}
    for row in rows:
        models = by_reason.setdefault(row.reason, {})
        hosts = models.setdefault(row.model, {}).setdefault(label(row.cell), [])
        hosts += [row.host] if row.host else []
    for reason, models in by_reason.items():
        names = "; ".join(
            f"{model}: {', '.join(_on_machines(name, hosts) for name, hosts in cells.items())}"
            for model, cells in models.items()
        )
        yield f"{reason} ({names})"


def _on_machines(name: str, hosts: Sequence[str]) -> str:
    if not hosts:
        return name
    more = f" and {len(hosts) - _MOST_NAMES:,} more" if len(hosts) > _MOST_NAMES else ""
    return f"{name} on {', '.join(hosts[:_MOST_NAMES])}{more}"
