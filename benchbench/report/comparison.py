"""The relative view of what was compared: ratios, intervals and verdicts, and what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from benchbench.compare.accuracy import Accuracy
from benchbench.compare.cells import Timing
from benchbench.compare.comparison import Comparison, NotComparable
from benchbench.compare.contrast import Contrast, Question, Ratio
from benchbench.records import Stopping
from benchbench.report import text
from benchbench.report.document import Block, Document, Grid, Heading, Paragraph, grid, items
from benchbench.report.metrics import metric_column, metric_text
from benchbench.report.sentences import Label, label_of, sentences
from benchbench.spec.losses import ACCURACY

_WORDS = {"model", "backend", "outcome", "verdict"}


def build(comparisons: Sequence[Comparison]) -> Document:
    """Return a section each: its table, a sentence a model, and what is not comparable."""
    return tuple(block for one in comparisons for block in _section(one))


def _section(one: Comparison) -> Document:
    if not (one.cells or one.contrasts or one.not_comparable):
        return ()
    label = label_of(one, versions=True)
    blocks: list[Block] = [Heading(one.title)]
    if one.cells:
        blocks.append(_grid(one, label))
    blocks += items(list(sentences(one)))
    if one.contrasts:
        rules = dict.fromkeys(row.stopping for row in one.contrasts if row.stopping)
        words = [_legend(one.question, len(one.contrasts)), *map(_rule, rules)]
        blocks.append(Paragraph(" ".join(words)))
    blocks += items(list(_by_reason(one.not_comparable, label)), "Not comparable:")
    left_out = [
        f"{row.model}, {label(row.cell)} against {label(row.baseline)}: {why}"
        for row in one.contrasts
        for why in row.left_out
    ]
    allowed = ", left out of the verdicts (--allow-lost-blocks)"
    title = f"Lost blocks{allowed if one.question.allow_lost_blocks else ''}:"
    remarks = items(list(one.remarks), "Remarks:")
    return (*blocks, *items(left_out, title), *remarks)


def _grid(one: Comparison, label: Label) -> Grid:
    level = f"{100 * one.question.confidence:g} %"
    contrasts = {(row.model, row.cell): row for row in one.contrasts}
    baselines = {(row.model, row.baseline) for row in one.contrasts}
    accuracies = {(row.model, row.cell): row for row in one.accuracies}
    metric, write = metric_column(one.cells)
    rows = []
    for cell in one.cells:
        key = cell.model, cell.name
        row = contrasts.get(key)
        first, steady, cold = _ratios(row, is_baseline=key in baselines)
        rows.append(
            {
                "model": cell.model,
                "backend": label(cell.name),
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
                **_over_seeds(accuracies.get(key), metric),
                "verdict": _verdict(row, is_baseline=key in baselines),
            }
        )
    headers = list(rows[0])
    shown = {"model", "backend", "epoch s", f"time ratio ({level})", metric, "verdict"}
    return grid(
        [list(row.values()) for row in rows],
        headers,
        right=[header for header in headers if header not in _WORDS],
        extra=[header for header in headers if header not in shown],
        states=["verdict", "outcome"],
    )


def _seconds(timing: Timing | None) -> float | None:
    return timing.seconds if timing else None


def _legend(question: Question, count: int) -> str:
    level = f"{100 * question.confidence:g} %"
    family = f", Holm-corrected for {count} comparisons" if count > 1 else ""
    return (
        f"A time ratio is the cell's epoch time over the baseline's, with its {level} confidence "
        f"interval: below 1 is faster. Verdicts: equivalence margin {100 * question.margin:g} %"
        f"{family}. Epochs are the second and later ones."
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


def _by_reason(rows: Iterable[NotComparable], label: Label) -> Iterator[str]:
    """Yield a sentence a reason, with the rows that share it, model by model."""
    by_reason: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        by_reason.setdefault(row.reason, {}).setdefault(row.model, []).append(label(row.cell))
    for reason, models in by_reason.items():
        names = "; ".join(f"{model}: {', '.join(cells)}" for model, cells in models.items())
        yield f"{reason} ({names})"
