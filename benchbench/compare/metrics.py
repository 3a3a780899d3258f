"""The metric of a run's task: its name, and what it was on the test samples."""

from __future__ import annotations

from benchbench.data.names import AUTOENCODER
from benchbench.records import RunRecord
from benchbench.spec.losses import Metric
from benchbench.spec.task import task_of


def metric_of(record: RunRecord) -> Metric:
    """Return the metric of the task that the run trained."""
    return task_of(record.spec, record.protocol).metric


def metric_name(record: RunRecord) -> str:
    """Return its name: "accuracy"."""
    return metric_of(record).name


def tested_metric(record: RunRecord) -> float | None:
    """Return what it was on the test samples; None where it is unknown or says nothing."""
    return record.test.metric if record.test else None


def standardised_target(record: RunRecord) -> tuple[str | None, float | None]:
    """Return the name and the deviation of the column that was learnt standardised, if one was."""
    scaled = record.standardization
    if scaled is None or AUTOENCODER in record.dataset:
        return None, None
    return scaled.columns[-1], scaled.scale[-1]
