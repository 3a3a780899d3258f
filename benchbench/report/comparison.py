"""A comparison as people read it: ratios, intervals and verdicts, and what they leave out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from benchbench.compare.accuracy import Accuracy
from benchbench.compare.cells import CellTime
from benchbench.compare.comparison import Comparison, NotComparable
from benchbench.compare.contrast import OPEN, Contrast, Question
from benchbench.records import Stopping
from benchbench.report import text
from benchbench.report.document import Block, Document, Grid, Heading, Paragraph, grid, items

_TIMES = ("steady epoch s", "time ratio", "first epoch ratio", "cold total ratio")
_COUNTS = ("blocks", "noisy epochs")
_ACCURACIES = ("test accuracy", "sd", "seeds")


def build(comparisons: Sequence[Comparison]) -> Document:
    """Return a section each: its table, sentences, and what is not comparable."""
    return tuple(block for one in comparisons for block in _section(one))


def sentences(contrasts: Iterable[Contrast], question: Question) -> Iterator[str]:
    """Yield a sentence for every difference that was found."""
    level = f"{100 * question.confidence:g} %"
    for one in contrasts:
        ratio = one.steady
        if ratio is None or ratio.low is None or ratio.high is None:
            continue
        if one.verdict == "FASTER":
            times, low, high = 1 / ratio.ratio, 1 / ratio.high, 1 / ratio.low
            faster, slower = one.cell, one.baseline
        elif one.verdict == "SLOWER":
            times, low, high = ratio.ratio, ratio.low, ratio.high
            faster, slower = one.baseline, one.cell
        else:
            continue
        yield (
            f"{faster} is {times:.2f} times faster than {slower} on {one.model} here, "
            f"{level} interval {low:.2f} to {high:.2f}"
        )


def seconds_cell(time: CellTime) -> str:
    """Write the steady epoch in seconds with its interval."""
    middle = text.seconds(time.steady_epoch_seconds)
    if time.steady_low is None or time.steady_high is None:
        return middle
    return f"{middle} ({text.seconds(time.steady_low)} to {text.seconds(time.steady_high)})"


def _section(one: Comparison) -> Document:
    title = f"{one.dataset} on {one.device or 'an unknown device'} ({one.machine}), threads "
    blocks: list[Block] = [Heading(f"{title}{one.threads}")]
    if one.cells:
        rules = dict.fromkeys(row.stopping for row in one.contrasts if row.stopping)
        words = [_legend(one.question), *map(_rule, rules)]
        blocks += [_grid(one), Paragraph(" ".join(words))]
    blocks += items(list(sentences(one.contrasts, one.question)))
    undecided = [f"{_row_name(row)}: {row.reason}" for row in _open(one.contrasts)]
    left_out = [f"{_row_name(row)}: {why}" for row in one.contrasts for why in row.left_out]
    blocks += items(undecided, "Not decided:")
    blocks += items(list(_by_reason(one.not_comparable)), "Not comparable:")
    allowed = ", left out of the verdicts (--allow-lost-blocks)"
    title = f"Lost blocks{allowed if one.question.allow_lost_blocks else ''}:"
    blocks += items(left_out, title)
    blocks += items(list(one.remarks), "Remarks:")
    return tuple(blocks)


def _grid(one: Comparison) -> Grid:
    headers = ["model", "backend", *_TIMES, *_COUNTS, *_ACCURACIES, "outcome", "verdict"]
    contrasts = {(row.model, row.cell): row for row in one.contrasts}
    baselines = {(row.model, row.baseline) for row in one.contrasts}
    accuracies = {(row.model, row.cell): row for row in one.accuracies}
    rows = []
    for time in one.cells:
        key = time.model, time.cell
        row = contrasts.get(key)
        rows.append(
            [
                time.model,
                str(time.cell),
                seconds_cell(time),
                *_ratios(row, is_baseline=key in baselines),
                str(time.run_count),
                f"{time.noisy_epochs} of {time.epoch_count}",
                *_accuracy(accuracies.get(key)),
                _verdict(row, is_baseline=key in baselines),
            ]
        )
    return grid(rows, headers, right=[*_TIMES, *_COUNTS, *_ACCURACIES])


def _legend(question: Question) -> str:
    level = f"{100 * question.confidence:g} %"
    return (
        f"Ratios are time over the baseline's time, below 1 is faster, with {level} intervals; "
        f"verdicts are of the steady epoch, with a margin of {100 * question.margin:g} %, held "
        f"over the table (Holm)."
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


def _ratios(row: Contrast | None, *, is_baseline: bool) -> list[str]:
    if row:
        return [
            str(one) if one else text.UNKNOWN
            for one in (row.steady, row.first_epoch, row.cold_total)
        ]
    return ["1" if is_baseline else text.UNKNOWN] * 3


def _verdict(row: Contrast | None, *, is_baseline: bool) -> str:
    if row:
        return row.verdict if row.verdict != "EXPLORATORY" else "exploratory"
    return "baseline" if is_baseline else "not comparable"


def _accuracy(one: Accuracy | None) -> list[str]:
    if one is None:
        return [text.UNKNOWN] * 4
    outcome = one.outcome.verdict if one.outcome else text.UNKNOWN
    sd = text.UNKNOWN if one.sd is None else f"{one.sd:.4f}"
    return [text.fraction(one.mean), sd, str(one.seeds), outcome]


def _by_reason(rows: Iterable[NotComparable]) -> Iterator[str]:
    """Yield a sentence a reason, with the rows that share it, model by model."""
    by_reason: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        by_reason.setdefault(row.reason, {}).setdefault(row.model, []).append(str(row.cell))
    for reason, models in by_reason.items():
        names = "; ".join(f"{model}: {', '.join(cells)}" for model, cells in models.items())
        yield f"{reason} ({names})"


def _open(contrasts: Iterable[Contrast]) -> list[Contrast]:
    return [one for one in contrasts if one.verdict in OPEN]


def _row_name(row: Contrast) -> str:
    return f"{row.model}, {row.cell} against {row.baseline}"
