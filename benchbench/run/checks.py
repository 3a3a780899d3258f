"""What must hold of every run. The core looks for itself: it does not take a plugin's word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchbench.certify.bands import find_band, shipped_band
from benchbench.certify.metrics import decision_count, metric_of, same_metric
from benchbench.measure.untimed import validation_time
from benchbench.records import Check, EpochRecord
from benchbench.run.messages import RunRequest
from benchbench.spec.identity import spec_sha256
from benchbench.spec.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from benchbench.spec.task import Task, task_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from benchbench.data.dataset import Dataset
    from benchbench.measure.residue import Residue
    from benchbench.plugins.contract import Score

# Affinity makes more CPU time than this impossible; readings of the two clocks differ a little.
_THREADS_SLACK = 0.1


def check_run(
    *,
    request: RunRequest,
    dataset: Dataset,
    initial: Sequence[npt.NDArray[Any]],
    parameters: Sequence[npt.NDArray[Any]],
    not_finite: Sequence[str],
    score: Score,
    predictions: npt.NDArray[Any],
    threads_observed: float | None,
    residue: Residue,
    epochs: Sequence[EpochRecord],
    evaluate_seconds: float,
) -> tuple[Check, ...]:
    """Return every check with its outcome. Never raises for what a plugin returned."""
    model = request.model
    task, targets = task_of(model, request.protocol), dataset.test.targets
    outputs = _check_outputs(task, predictions, len(targets))
    proper = predictions if outputs.passed else None
    train_seconds = sum(epoch.train_seconds for epoch in epochs)
    return (
        _check_count(parameters, model.parameter_count),
        _check_shapes(parameters, model.variable_shapes),
        _check_finite(not_finite, score, parameters),
        _check_moved(initial, parameters),
        outputs,
        _check_recomputed(task, proper, targets, score.metric),
        _check_band(request, dataset, score.metric),
        _check_first_image(request, dataset, proper),
        _check_threads(request.threads, threads_observed),
        _check_synchronization(residue, request.threads, train_seconds),
        _check_validation_time(dataset, epochs, evaluate_seconds),
    )


def _check_count(parameters: Sequence[npt.NDArray[Any]], expected: int) -> Check:
    count = sum(array.size for array in parameters)
    return Check("parameter count", count == expected, f"{expected:,}", f"{count:,}")


def _check_shapes(
    parameters: Sequence[npt.NDArray[Any]], expected: tuple[tuple[int, ...], ...]
) -> Check:
    shapes = tuple(array.shape for array in parameters)
    return Check("parameter shapes", shapes == expected, _shapes(expected), _shapes(shapes))


def _check_finite(
    not_finite: Sequence[str], score: Score, parameters: Sequence[npt.NDArray[Any]]
) -> Check:
    faults = list(not_finite)
    if not np.isfinite([score.loss, score.metric]).all():
        faults.append(f"test loss {score.loss}, test metric {score.metric}")
    faults += [
        f"array {index} of the parameters holds NaN or infinity"
        for index, array in enumerate(parameters)
        if not np.isfinite(array).all()
    ]
    observed = "; ".join(faults) or "all finite"
    return Check("finite", not faults, "losses, metrics and parameters are finite", observed)


def _check_moved(
    initial: Sequence[npt.NDArray[Any]], parameters: Sequence[npt.NDArray[Any]]
) -> Check:
    expected = "training changed every array"
    if [array.shape for array in initial] != [array.shape for array in parameters]:
        return Check("weights moved", None, expected, "the shapes differ")
    still = [
        str(index)
        for index, (before, after) in enumerate(zip(initial, parameters, strict=True))
        if np.array_equal(before, after)
    ]
    observed = f"array {', '.join(still)} did not change" if still else "every array changed"
    return Check("weights moved", not still, expected, observed)


def _check_outputs(task: Task, outputs: npt.NDArray[Any], count: int) -> Check:
    shape = (count, *task.output_shape)
    what = "values" if isinstance(task.loss, MeanSquaredError) else "probabilities"
    name, expected = "predictions", f"{what} of shape {shape}"
    if not isinstance(outputs, np.ndarray) or outputs.shape != shape:
        observed = f"{type(outputs).__name__} of shape {getattr(outputs, 'shape', None)}"
        return Check(name, False, expected, observed)
    if not np.isfinite(outputs).all():
        return Check(name, False, expected, "NaN or infinity among them")
    least, greatest = float(outputs.min()), float(outputs.max())
    match task.loss:
        case CrossEntropy():
            worst = float(np.abs(outputs.sum(axis=-1) - 1).max())
            observed = f"rows sum to 1 within {worst:.0e}, the least is {least:.1e}"
            return Check(name, worst <= 1e-3 and least >= 0, expected, observed)
        case BinaryCrossEntropy():
            passed = least >= 0 and greatest <= 1
            return Check(name, passed, expected, f"from {least:.1e} to {greatest:.4f}")
        case _:
            return Check(name, True, expected, f"from {least:.4g} to {greatest:.4g}")


def _check_recomputed(
    task: Task, outputs: npt.NDArray[Any] | None, targets: npt.NDArray[Any], claimed: float
) -> Check:
    name, expected = "metric recomputed", "evaluate and predict find the same"
    if outputs is None:
        return Check(name, None, expected, "there are no predictions to count")
    counted = metric_of(task, outputs, targets)
    passed = same_metric(task, counted, claimed, decision_count(task, outputs))
    return Check(name, passed, f"evaluate: {claimed:.4f}", f"predict: {counted:.4f}")


def _check_band(request: RunRequest, dataset: Dataset, metric: float) -> Check:
    name = "test metric"
    band = find_band(spec_sha256(request.model, request.protocol), dataset.sha256)
    if band is None:
        observed = f"{metric:.4f}; no band was measured for this model, protocol and data set"
        return Check(name, None, "within the measured band", observed)
    low, high = band.limits
    expected = f"{low:.4f} to {high:.4f} ({band.n} seeds: {band.mean:.4f}, sd {band.sd:.4f})"
    return Check(name, low <= metric <= high, expected, f"{metric:.4f}")


def _check_first_image(
    request: RunRequest, dataset: Dataset, outputs: npt.NDArray[Any] | None
) -> Check:
    """Look at the first test image of MNIST, a seven, which each of the four models learns."""
    name, expected = "first test image", "a 7"
    if dataset.name != "mnist":
        return Check(name, None, expected, f"the data set is {dataset.name}, not mnist")
    if shipped_band(spec_sha256(request.model, request.protocol), dataset.sha256) is None:
        return Check(name, None, expected, "this model or protocol is not one of the reference's")
    if outputs is None:
        return Check(name, None, expected, "there are no predictions to look at")
    seen = int(np.argmax(outputs[0]))
    return Check(name, seen == 7, expected, f"a {seen}")


def _check_threads(threads: int, observed: float | None) -> Check:
    name, expected = "threads", f"at most {threads} at work"
    if observed is None:
        return Check(name, None, expected, "not measured")
    return Check(name, observed <= threads + _THREADS_SLACK, expected, f"{observed:.2f}")


def _check_synchronization(residue: Residue, threads: int, train_seconds: float) -> Check:
    signs = residue.signs(threads=threads, train_seconds=train_seconds)
    observed = "; ".join(signs) or residue.summary()
    return Check("synchronization", not signs, "synchronize returns when all is done", observed)


def _check_validation_time(
    dataset: Dataset, epochs: Sequence[EpochRecord], evaluate_seconds: float
) -> Check:
    """Training that is done in validation makes it take longer than evaluating does."""
    name = "validation time"
    found = validation_time(
        epochs,
        evaluate_seconds=evaluate_seconds,
        train_samples=len(dataset.train),
        validation_samples=len(dataset.validation),
        test_samples=len(dataset.test),
    )
    if found is None:
        told = "there are fewer than two epochs after the first"
        return Check(name, None, "as long as evaluating takes", told)
    expected = f"at most {found.most_seconds:.3g} s an epoch, from the times of evaluate and fit"
    return Check(name, found.seconds <= found.most_seconds, expected, f"{found.seconds:.3g} s")


def _shapes(shapes: tuple[tuple[int, ...], ...]) -> str:
    return " ".join("x".join(str(size) for size in shape) for shape in shapes)
