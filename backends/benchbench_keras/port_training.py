"""The loss and the optimizer that a user's Keras model was compiled with."""

from __future__ import annotations

from collections.abc import Callable
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
    *("initial_accumulator_value", "centered", "use_ema"),
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
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of what scales the loss
    config = optimizer.get_config()
    settings: dict[str, PortSetting] = {
        name: config[name] for name in _SETTINGS if config.get(name) not in {None, False}
    }
    rate = config["learning_rate"]
    fixed = isinstance(rate, int | float)
    settings["learning_rate"] = float(rate) if fixed else _first_rate(optimizer)
    settings["schedule"] = "none" if fixed else _schedule(rate)
    if settings.get("use_ema"):
        settings["ema_momentum"] = config["ema_momentum"]
    if settings.get("weight_decay"):
        settings["decoupled"] = True
        excluded = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
        settings["decays_biases"] = not excluded
    return PortOptimizer(
        name=type(optimizer).__name__,
        settings=settings,
        steps_done=int(keras.ops.convert_to_numpy(optimizer.iterations)),
    )


def _first_rate(optimizer: Any) -> float:
    """Return the rate of the first step, where a schedule gives it."""
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


def _schedule(rate: Any) -> str:
    """Return what a schedule is made of, or the name of a function."""
    if not isinstance(rate, dict):
        return getattr(rate, "__name__", type(rate).__name__)
    numbers = {name: value for name, value in rate["config"].items() if name != "name"}
    told = ", ".join(f"{name}={value}" for name, value in numbers.items())
    return f"{rate['class_name']}({told})"


def as_targets(
    targets: npt.NDArray[Any], kind: PortTargets, output: tuple[int, ...]
) -> npt.NDArray[Any]:
    """Return canonical targets as a loss of this kind takes them, for outputs of this shape."""
    if kind == "one_hot":
        return np.eye(output[-1], dtype=keras.config.floatx())[targets]
    return targets.astype(keras.config.floatx()).reshape(output)


def step_of(model: Any, mode: str) -> Callable[[Any, Any], Any]:
    """Return what trains or tests a model on a batch; a `train_step` of the file's is `fit`'s.

    `train_on_batch` would give it weights of the samples besides, which `fit` does not.
    """
    own = not getattr(type(model), f"{mode}_step").__module__.startswith("keras.")
    if not own:
        return {
            "train": model.train_on_batch,
            "test": lambda x, y: model.test_on_batch(x, y, return_dict=True),
        }[mode]

    def whole(x: Any, y: Any) -> Any:
        if mode == "train":
            return model.fit(x, y, batch_size=len(x), shuffle=False, verbose=0)
        return model.evaluate(x, y, batch_size=len(x), verbose=0, return_dict=True)

    return whole
