"""For MLflow: a file store (`mlruns`), an MLflow run a run, its epochs as steps of the metrics.

Source: MLflow's `mlflow.store.tracking.file_store`: a folder an experiment, in it a folder a run
with `meta.yaml`, `metrics/NAME` (lines of time in ms, value, step), `params/NAME`, `tags/NAME`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from datetime import datetime

from benchbench.compare.contrast import cell_name, cold_total_seconds
from benchbench.errors import NotMeasured
from benchbench.printable import one_line
from benchbench.records import RunRecord

EXPERIMENT = "1"
# MLflow refuses longer values of parameters.
_LONGEST_PARAMETER = 500
_STATUS = {"ok": 3}
_FAILED = 4
_EPOCH_METRICS = ("train_seconds", "validation_seconds", "loss", "validation_loss")
_METRICS = (*_EPOCH_METRICS, "validation_accuracy", "validation_mean_absolute_error")


def export(records: Sequence[RunRecord]) -> dict[str, str]:
    """Return the content of each file by its path; a path that ends in / is a folder.

    Raises NotMeasured without runs.
    """
    if not records:
        raise NotMeasured("there is nothing to export: there is no run")
    files = {
        f"{EXPERIMENT}/meta.yaml": _yaml(
            {
                "artifact_location": "",
                "experiment_id": EXPERIMENT,
                "lifecycle_stage": "active",
                "name": "benchbench",
                "creation_time": min(map(_milliseconds, (run.started for run in records))),
                "last_update_time": max(map(_milliseconds, (run.finished for run in records))),
            }
        )
    }
    for run in records:
        identity = hashlib.sha256(run.run_id.encode("utf-8", "replace")).hexdigest()[:32]
        for name, content in _files(run, identity):
            files[f"{EXPERIMENT}/{identity}/{name}"] = content
    return files


def _files(run: RunRecord, identity: str) -> Iterator[tuple[str, str]]:
    begun, ended = _milliseconds(run.started), _milliseconds(run.finished)
    name = f"{run.model} {cell_name(run)}, block {run.block}"
    yield (
        "meta.yaml",
        _yaml(
            {
                "artifact_uri": "",
                "end_time": ended,
                "entry_point_name": "",
                "experiment_id": EXPERIMENT,
                "lifecycle_stage": "active",
                "run_id": identity,
                "run_name": one_line(name),
                "run_uuid": identity,
                "source_name": "",
                "source_type": 4,
                "source_version": "",
                "start_time": begun,
                "status": _STATUS.get(run.status, _FAILED),
                "tags": [],
                "user_id": "benchbench",
            }
        ),
    )
    yield "artifacts/", ""
    for field in ("model", "backend", "division", "dataset", "device", "threads", "seed"):
        value = getattr(run, field)
        if value is not None:
            yield f"params/{field}", one_line(str(value))[:_LONGEST_PARAMETER]
    yield "tags/mlflow.runName", one_line(name)
    yield "tags/benchbench.run_id", one_line(run.run_id)
    yield "tags/benchbench.session_id", one_line(run.session_id)
    yield "tags/benchbench.status", run.status
    if run.certificate:
        yield "tags/benchbench.certificate", run.certificate.verdict
    if run.error:
        yield "tags/benchbench.error", one_line(run.error)
    for metric, lines in _metrics(run, ended):
        yield f"metrics/{metric}", lines


def _metrics(run: RunRecord, when: int) -> Iterator[tuple[str, str]]:
    """Yield each metric that is known; an epoch of which it is not has no line."""
    for field in _METRICS:
        values = [(getattr(epoch, field), step) for step, epoch in enumerate(run.epochs, 1)]
        known = [(value, step) for value, step in values if _finite(value)]
        if known:
            yield field, "".join(f"{when} {value!r} {step}\n" for value, step in known)
    whole = {
        "test_accuracy": run.test.accuracy if run.test else None,
        "test_mean_absolute_error": run.test.mean_absolute_error if run.test else None,
        "test_loss": run.test.loss if run.test else None,
        "cold_total_seconds": cold_total_seconds(run),
        "peak_memory_bytes": run.peak_memory_bytes,
        "device_peak_memory_bytes": run.device_peak_memory_bytes,
    }
    for name, value in whole.items():
        if _finite(value):
            yield name, f"{when} {value!r} 0\n"


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _milliseconds(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def _yaml(values: dict[str, object]) -> str:
    """Return YAML, of which JSON's values are a part; texts are printable, so they stay as is."""
    return "".join(
        f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items()
    )
