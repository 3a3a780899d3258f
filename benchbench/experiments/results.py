"""Runs, as a program takes them: records, data frames, comparisons."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench.compare.baseline import Baseline
from benchbench.compare.comparison import Comparison, compare
from benchbench.compare.contrast import (
    Question,
    Ratio,
    cold_total_seconds,
    first_epoch_seconds,
)
from benchbench.compare.validity import objection
from benchbench.compare.whole import standing
from benchbench.errors import Unavailable, UsageError
from benchbench.files import is_there
from benchbench.records import EpochRecord, RunRecord
from benchbench.run.store import Unreadable, nothing_in, read

if TYPE_CHECKING:
    import pandas as pd

    from benchbench.figures.plot import Plot


@dataclass(frozen=True)
class Results:
    """Runs, oldest first, and the files that could not be read as such, with the reason."""

    records: tuple[RunRecord, ...]
    unreadable: tuple[Unreadable, ...] = ()

    @property
    def runs(self) -> pd.DataFrame:
        """A row a run. Seconds, bytes and fractions are in the columns' names; unknown is NA.

        `steady_epoch_seconds` is the median of the run's second and later epochs; `objection` says
        why the run may not be compared, NA if it may.
        """
        return _frame([_run_row(record) for record in self.records], _RUN_COLUMNS)

    @property
    def epochs(self) -> pd.DataFrame:
        """A row an epoch, counted from 1, in the order of the runs."""
        rows = [
            _epoch_row(record, number, epoch)
            for record in self.records
            for number, epoch in enumerate(record.epochs, start=1)
        ]
        return _frame(rows, _EPOCH_COLUMNS)

    def compare(
        self,
        baseline: str | None = None,
        *,
        margin: float = 0.03,
        confidence: float = 0.95,
        allow_lost_blocks: bool = False,
    ) -> Comparisons:
        """Compare what may be compared with the baseline ("keras", "keras tuned").

        `margin` and `confidence` are fractions. A run that failed or is missing keeps its cell's
        verdict back, unless `allow_lost_blocks`. Raises UsageError for a baseline that is no cell.
        """
        question = Question(
            margin=margin, confidence=confidence, allow_lost_blocks=allow_lost_blocks
        )
        return Comparisons(compare(self.records, question, Baseline(baseline)))

    def plot(
        self,
        figure: str,
        *,
        baseline: str | None = None,
        margin: float = 0.03,
        confidence: float = 0.95,
    ) -> Plot:
        """Draw "ratios", "epochs", "curves", "phases" or "memory"; a notebook shows it.

        `plot.save("figure.svg")` writes SVG, PNG or PDF. Raises UsageError for a figure or baseline
        that there is not, NotMeasured for what no run measured, Unavailable without matplotlib.
        """
        from benchbench.figures.catalog import draw

        question = Question(margin=margin, confidence=confidence)
        return draw(figure, self.records, question, Baseline(baseline))

    @property
    def exit_code(self) -> int:
        """0 if all is well, 1 if a run, check or rung failed, 3 if nothing worse than a skip.

        A run whose block was run again (`run --resume`) is left out.
        """
        records = standing(self.records)
        statuses = {record.status for record in records}
        broken = any(
            record.certificate and record.certificate.verdict == "breaks" for record in records
        )
        if statuses <= {"ok"}:
            return 1 if broken else 0
        return Unavailable.exit_code if statuses <= {"ok", "skipped"} and not broken else 1

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        sessions = len({record.session_id for record in self.records})
        skipped = f", {len(self.unreadable)} files unreadable" if self.unreadable else ""
        return f"Results({len(self.records)} runs of {sessions} sessions{skipped})"

    def _repr_html_(self) -> str:
        shown = ["model", "backend", "division", "block", "status", "test_accuracy"]
        return str(self.runs[[*shown, "steady_epoch_seconds"]].to_html(index=False))


@dataclass(frozen=True)
class Comparisons:
    """Ratios and verdicts; a section is a data set on one device of one kind of machine."""

    sections: tuple[Comparison, ...]

    def to_dataframe(self) -> pd.DataFrame:
        """A row a ratio: time over the baseline's time, below 1 is faster."""
        rows = [
            {
                "dataset": section.dataset,
                "device": section.device,
                "machine": section.machine,
                "host": contrast.host,
                "model": contrast.model,
                "cell": str(contrast.cell),
                "baseline": str(contrast.baseline),
                **_ratio("time_ratio", contrast.steady),
                **_ratio("first_epoch_ratio", contrast.first_epoch),
                **_ratio("cold_total_ratio", contrast.cold_total),
                "break_even_epoch": str(contrast.break_even) if contrast.break_even else None,
                "blocks": contrast.steady.block_count if contrast.steady else None,
                "lost_blocks": "; ".join(contrast.left_out) or None,
                "verdict": contrast.verdict,
                "reason": contrast.reason or None,
            }
            for section in self.sections
            for contrast in section.contrasts
        ]
        return _frame(rows, _COMPARISON_COLUMNS)

    def over_machines(self) -> pd.DataFrame:
        """A row a ratio over the machines of one kind, where there are several.

        `time_ratio` is that of the middle machine, with its confidence interval; the prediction
        interval of a further machine is `predicted_low` to `predicted_high`. `between` is the
        standard deviation of the machines' true log-ratios, `within` that of blocks on a machine.
        """
        rows = [
            {
                "dataset": section.dataset,
                "device": section.device,
                "machine": section.machine,
                "software": section.software or None,
                "cell": str(one.cell),
                "baseline": str(one.baseline),
                "time_ratio": one.ratio,
                "time_ratio_low": one.low,
                "time_ratio_high": one.high,
                **{name: getattr(one, name) for name in _OVER_MACHINES_FIELDS},
                "left_out": "; ".join(one.left_out) or None,
            }
            for section in self.sections
            for one in section.over_machines
        ]
        return _frame(rows, _OVER_MACHINES_COLUMNS)

    def __repr__(self) -> str:
        count = sum(len(section.contrasts) for section in self.sections)
        return f"Comparisons({count} ratios in {len(self.sections)} sections)"

    def _repr_html_(self) -> str:
        hosts = ["host"] if any(section.hosts for section in self.sections) else []
        shown = ["model", "cell", *hosts, "baseline"]
        shown += ["time_ratio", "time_ratio_low", "time_ratio_high", "verdict"]
        return str(self.to_dataframe()[shown].to_html(index=False))


def load_results(*places: str | Path) -> Results:
    """Read results folders and archives, several together; a run counts once by its id.

    Raises UsageError where nothing is named or nothing is there, StoreError for an archive that is
    not whole and for two different records of one run.
    """
    if not places:
        raise UsageError("load_results needs at least one results folder or archive")
    for place in places:
        if not isinstance(place, str | Path):
            raise UsageError(
                f"load_results takes results folders and archives by their paths, as in "
                f"load_results('results', 'more.jsonl.gz'), not {type(place).__name__}"
            )
    paths = [Path(place) for place in places]
    for path in paths:
        if not is_there(path):
            raise UsageError(f"there is no results folder or archive {path}")
    records, unreadable = read(*paths)
    if not records and not unreadable:
        raise UsageError(f"{nothing_in(*paths)}; `benchbench run` and `benchbench.run` make some")
    return Results(tuple(records), tuple(unreadable))


def _run_row(record: RunRecord) -> dict[str, object]:
    steady = [epoch.train_seconds for epoch in record.epochs[1:]]
    return {
        **{name: getattr(record, name) for name in _RUN_FIELDS},
        "variant": record.variant.label if record.variant else None,
        "test_loss": record.test.loss if record.test else None,
        "test_accuracy": record.test.accuracy if record.test else None,
        "test_mean_absolute_error": record.test.mean_absolute_error if record.test else None,
        "first_epoch_seconds": first_epoch_seconds(record),
        "steady_epoch_seconds": statistics.median(steady) if steady else None,
        "cold_total_seconds": cold_total_seconds(record),
        "certificate": record.certificate.verdict if record.certificate else None,
        "objection": objection(record),
    }


def _epoch_row(record: RunRecord, number: int, epoch: EpochRecord) -> dict[str, object]:
    return {
        **{name: getattr(record, name) for name in _EPOCH_RUN_FIELDS},
        "epoch": number,
        **{name: getattr(epoch, name) for name in _EPOCH_FIELDS},
        "calibration_seconds": epoch.machine.calibration_seconds if epoch.machine else None,
    }


def _ratio(name: str, ratio: Ratio | None) -> dict[str, object]:
    return {
        name: ratio.ratio if ratio else None,
        f"{name}_low": ratio.low if ratio else None,
        f"{name}_high": ratio.high if ratio else None,
    }


_RUN_FIELDS = (
    *("run_id", "session_id", "block", "status", "error", "backend", "division"),
    *("model", "dataset", "device", "threads", "seed", "parameter_count", "train_image_count"),
    *("threads_observed", "peak_memory_bytes", "device_peak_memory_bytes", "started", "finished"),
)
_RUN_COLUMNS = (
    *_RUN_FIELDS,
    *("variant", "test_loss", "test_accuracy", "test_mean_absolute_error"),
    *("first_epoch_seconds", "steady_epoch_seconds"),
    *("cold_total_seconds", "certificate", "objection"),
)
_EPOCH_RUN_FIELDS = ("run_id", "session_id", "block", "model", "backend", "division")
_EPOCH_FIELDS = (
    *("turn", "train_seconds", "validation_seconds", "train_cpu_seconds", "loss"),
    *("validation_loss", "validation_accuracy", "validation_mean_absolute_error"),
    *("waiting_cpu_seconds", "foreign_cpu_fraction"),
)
_EPOCH_COLUMNS = (*_EPOCH_RUN_FIELDS, "epoch", *_EPOCH_FIELDS, "calibration_seconds")
_COMPARISON_COLUMNS = (
    *("dataset", "device", "machine", "host", "model", "cell", "baseline"),
    *("time_ratio", "time_ratio_low", "time_ratio_high"),
    *("first_epoch_ratio", "first_epoch_ratio_low", "first_epoch_ratio_high"),
    *("cold_total_ratio", "cold_total_ratio_low", "cold_total_ratio_high", "break_even_epoch"),
    *("blocks", "lost_blocks", "verdict", "reason"),
)

_OVER_MACHINES_FIELDS = (
    *("model", "machine_count", "block_count", "predicted_low", "predicted_high"),
    *("between", "between_low", "between_high", "within", "heterogeneity", "verdict", "reason"),
)
_OVER_MACHINES_COLUMNS = (
    *("dataset", "device", "machine", "software", "model", "cell", "baseline"),
    *("time_ratio", "time_ratio_low", "time_ratio_high"),
    *_OVER_MACHINES_FIELDS[1:],
    "left_out",
)


def _frame(rows: Iterable[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows as a frame whose columns have types that know NA."""
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(columns)).convert_dtypes()
