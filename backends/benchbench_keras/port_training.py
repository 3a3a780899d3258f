"""The loss and the optimizer that a user's Keras model was compiled with."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from benchbench.plugins.ports import PortLoss, PortOptimizer, PortOutputs, PortSetting, PortTargets

_TARGETS: dict[str, PortTargets] = {
    "sparsecategoricalcrossentropy": "classes",
    "categoricalcrossentropy": "one_hot",
    "binarycrossentropy": "binary",
    "meansquarederror": "values",
    "meanabsoluteerror": "values",
    "huber": "values",
}
_SETTINGS = (
    *("momentum", "nesterov", "beta_1", "beta_2", "epsilon", "rho", "amsgrad", "weight_decay"),
    *("clipnorm", "global_clipnorm", "clipvalue", "gradient_accumulation_steps"),
)


def describe_loss(loss: Any) -> PortLoss:
    """Return what a loss takes, given as Keras takes it: a name, a function, a `Loss`."""
    known = keras.losses.get(loss)
    name = getattr(known, "__name__", type(known).__name__)
    targets = _TARGETS.get(name.replace("_", "").lower(), "unknown")
    settings: dict[str, PortSetting] = {
        key: value
        for key, value in getattr(known, "_fn_kwargs", {}).items()
        if key in {"from_logits", "label_smoothing", "delta"}
    }
    if hasattr(known, "reduction"):
        mean = known.reduction in {"sum_over_batch_size", "mean"}
        settings["reduction"] = "mean" if mean else str(known.reduction)
    outputs: PortOutputs = "unknown"
    if targets == "values":
        outputs = "values"
    elif targets != "unknown":
        outputs = "logits" if settings.get("from_logits") else "probabilities"
    settings.pop("from_logits", None)
    return PortLoss(name=name, targets=targets, outputs=outputs, settings=settings)


def describe_optimizer(optimizer: Any) -> PortOptimizer:
    """Return an optimizer's settings by Keras's names."""
    config = optimizer.get_config()
    settings: dict[str, PortSetting] = {
        name: config[name] for name in _SETTINGS if config.get(name) not in {None, False}
    }
    rate = config["learning_rate"]
    schedule = rate["class_name"] if isinstance(rate, dict) else type(rate).__name__
    number = float(rate) if isinstance(rate, int | float) else f"of a schedule ({schedule})"
    settings["learning_rate"] = number
    if settings.get("weight_decay"):
        settings["decoupled"] = True
        excluded = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
        settings["decays_biases"] = not excluded
    return PortOptimizer(
        name=type(optimizer).__name__,
        settings=settings,
        steps_done=int(keras.ops.convert_to_numpy(optimizer.iterations)),
    )


def as_targets(
    targets: npt.NDArray[Any], kind: PortTargets, output: tuple[int, ...]
) -> npt.NDArray[Any]:
    """Return canonical targets as a loss of this kind takes them, for outputs of this shape."""
    if kind == "one_hot":
        return np.eye(output[-1], dtype=keras.config.floatx())[targets]
    return targets.astype(keras.config.floatx()).reshape(output)
