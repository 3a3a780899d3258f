"""The losses that a backend states: recounted from what it predicts, and held to the band."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchbench.certify.bands import find_band
from benchbench.certify.loss_bands import look_count, losses_of, stray_losses, told
from benchbench.certify.recounted_loss import agrees, in_words, recounted_loss
from benchbench.records import Check, EpochRecord
from benchbench.run.messages import RunRequest
from benchbench.spec.identity import spec_sha256
from benchbench.spec.task import Task, task_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from benchbench.data.dataset import Dataset, Split
    from benchbench.plugins.contract import Score

RECOUNTED, LOSSES = "losses recounted", "losses"


def check_losses(
    *,
    request: RunRequest,
    dataset: Dataset,
    epochs: Sequence[EpochRecord],
    score: Score,
    predictions: npt.NDArray[Any],
    predict: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
) -> tuple[Check, Check]:
    """Return both checks. Raises what `predict` raises of the validation samples."""
    task = task_of(request.model, request.protocol)
    last = epochs[request.protocol.epochs - 1]
    claims = (
        ("test loss", float(score.loss), dataset.test, lambda: predictions),
        (
            "validation loss of the last epoch",
            last.validation_loss,
            dataset.validation,
            lambda: predict(dataset.validation.inputs),
        ),
    )
    return _check_recounted(task, claims), _check_band(request, dataset, epochs, float(score.loss))


def _check_recounted(
    task: Task,
    claims: Sequence[tuple[str, float | None, Split, Callable[[], npt.NDArray[Any]]]],
) -> Check:
    """Compare the losses that were claimed with those of the predictions."""
    expected, observed, passed = [], [], []
    for what, claimed, split, predictions in claims:
        if claimed is None or not np.isfinite(claimed):
            continue
        outputs = predictions()
        shape = (len(split), *task.output_shape)
        if not isinstance(outputs, np.ndarray) or outputs.shape != shape:
            continue
        bounds = recounted_loss(task, outputs, split.targets)
        if np.isnan(bounds).any():
            continue
        passed.append(agrees(claimed, bounds))
        expected.append(f"{what} {in_words(bounds)}, as `predict` has it")
        observed.append(f"{claimed:.4g}")
    if not passed:
        return Check(RECOUNTED, None, "as `predict` has them", "there is nothing to recount")
    return Check(RECOUNTED, all(passed), "; ".join(expected), "; ".join(observed))


def _check_band(
    request: RunRequest, dataset: Dataset, epochs: Sequence[EpochRecord], test_loss: float
) -> Check:
    band = find_band(spec_sha256(request.model, request.protocol), dataset.sha256)
    expected = "within the measured band"
    if band is None or not look_count(band):
        return Check(LOSSES, None, expected, "no band was measured for this spec and data set")
    losses = losses_of(epochs, test_loss)
    strays = stray_losses(band, [losses])
    if strays:
        return Check(LOSSES, False, *told(strays, band))
    return Check(LOSSES, True, f"{expected} ({band.n} seeds)", f"all {look_count(band)} are")
