"""The protocol's optimizer as one of Keras's, with its schedule; what Keras computes by another
formula is a subclass with a step of its own.

Functions make the subclasses, since Keras is imported late, on the engine of this process. Of a
subclass Keras on torch does not take its own step over all variables at once
(`torch_optimizer.py`): `update_step` is what runs on every engine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from benchbench import (
    SGD,
    Adam,
    AdamW,
    Cosine,
    Exponential,
    Optimizer,
    Piecewise,
    RMSprop,
    Schedule,
    TrainingProtocol,
    Unsupported,
)


def make_optimizer(keras: Any, protocol: TrainingProtocol, undecayed: Sequence[Any]) -> Any:
    """Return the optimizer of a protocol; `undecayed` are the variables without weight decay."""
    formula = protocol.optimizer
    kind = _kind(keras, formula)
    optimizer = kind(**_settings(keras, formula), global_clipnorm=protocol.clip_norm)
    if getattr(formula, "weight_decay", 0):
        # By variable, not by name: on TensorFlow a name is the whole path, so a layer called
        # "unbiased" would lose its decay.
        optimizer.exclude_from_weight_decay(var_list=list(undecayed))
    return optimizer


def _kind(keras: Any, formula: Optimizer) -> Any:
    optimizers = keras.optimizers
    match formula:
        case SGD():
            own_form = formula.schedule is not None and formula.momentum
            return _scheduled_momentum(keras) if own_form else optimizers.SGD
        case Adam() | AdamW():
            kind = optimizers.Adam if isinstance(formula, Adam) else optimizers.AdamW
            corrected = formula.epsilon_added_to == "corrected_root"
            return _corrected(keras, kind) if corrected else kind
        case RMSprop():
            return optimizers.RMSprop
    raise Unsupported(f"the Keras backends have no optimizer {type(formula).__name__}")


def _settings(keras: Any, formula: Optimizer) -> dict[str, Any]:
    rate = formula.learning_rate
    settings: dict[str, Any] = {
        "learning_rate": rate if isinstance(rate, float) else make_schedule(keras, rate)
    }
    match formula:
        case SGD():
            settings |= {"momentum": formula.momentum, "nesterov": formula.nesterov}
        case Adam() | AdamW():
            settings |= {
                "beta_1": formula.beta_1,
                "beta_2": formula.beta_2,
                "epsilon": formula.epsilon,
            }
        case RMSprop():
            settings |= {"rho": formula.rho, "epsilon": formula.epsilon}
    if isinstance(formula, SGD | AdamW):
        settings["weight_decay"] = formula.weight_decay or None
    return settings


def _scheduled_momentum(keras: Any) -> Any:
    """Return SGD with the rate outside the momentum: b = momentum b + g, w -= rate b.

    Keras's own has the rate inside, v = momentum v - rate g: another function under a schedule.
    """
    ops = keras.ops

    class MomentumSGD(keras.optimizers.SGD):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            rate = ops.cast(learning_rate, variable.dtype)
            gradient = ops.cast(gradient, variable.dtype)
            velocity = self.momentums[self._get_variable_index(variable)]
            self.assign(velocity, ops.add(ops.multiply(velocity, self.momentum), gradient))
            step = velocity
            if self.nesterov:
                step = ops.add(gradient, ops.multiply(velocity, self.momentum))
            self.assign_sub(variable, ops.multiply(rate, step))

    return MomentumSGD


def _corrected(keras: Any, kind: Any) -> Any:
    """Return Keras's Adam or AdamW with epsilon added to the bias-corrected root, as torch does.

    1 - beta^t is computed as -expm1(t log(beta)): in float32 Keras's own way loses 7e-6 of it.
    """
    ops = keras.ops

    class CorrectedAdam(kind):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            rate = ops.cast(learning_rate, variable.dtype)
            gradient = ops.cast(gradient, variable.dtype)
            step = ops.cast(self.iterations + 1, variable.dtype)
            place = self._get_variable_index(variable)
            m, v = self._momentums[place], self._velocities[place]
            self.assign_add(m, ops.multiply(ops.subtract(gradient, m), 1 - self.beta_1))
            squares = ops.square(gradient)
            self.assign_add(v, ops.multiply(ops.subtract(squares, v), 1 - self.beta_2))
            mean = ops.divide(m, _correction(ops, self.beta_1, step))
            root = ops.sqrt(ops.divide(v, _correction(ops, self.beta_2, step)))
            moved = ops.divide(ops.multiply(mean, rate), ops.add(root, self.epsilon))
            self.assign_sub(variable, moved)

    return CorrectedAdam


def _correction(ops: Any, beta: float, step: Any) -> Any:
    """Return 1 - beta^step."""
    return ops.negative(ops.expm1(ops.multiply(step, math.log(beta)))) if beta else 1.0


def make_schedule(keras: Any, schedule: Schedule) -> Any:
    """Return Keras's own schedule, under a warm-up where there is one."""
    own = _without_warmup(keras, schedule)
    if schedule.warmup_from is None:
        return own
    return _warmup(keras)(own, schedule.warmup_from, schedule.first_rate, schedule.warmup_steps)


def _without_warmup(keras: Any, schedule: Schedule) -> Any:
    schedules = keras.optimizers.schedules
    match schedule:
        case Cosine():
            return schedules.CosineDecay(
                schedule.learning_rate, schedule.decay_steps, alpha=schedule.alpha
            )
        case Exponential():
            return schedules.ExponentialDecay(
                schedule.learning_rate,
                schedule.decay_steps,
                schedule.decay_rate,
                staircase=schedule.staircase,
            )
        case Piecewise():
            # Keras changes the rate after the boundary, at step > boundary.
            boundaries = [boundary - 1 for boundary in schedule.boundaries]
            return schedules.PiecewiseConstantDecay(boundaries, list(schedule.values))
    raise Unsupported(f"the Keras backends have no schedule {type(schedule).__name__}")


def _warmup(keras: Any) -> Any:
    """Return the schedule that rises linearly before another begins.

    Of Keras's own only CosineDecay has a warm-up.
    """
    ops = keras.ops

    class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
        def __init__(self, after: Any, start: float, target: float, steps: int) -> None:
            super().__init__()
            self.after, self.start, self.target, self.steps = after, start, target, steps

        def __call__(self, step: Any) -> Any:
            step = ops.cast(step, "float32")
            slope = (self.target - self.start) / self.steps
            rising = ops.add(self.start, ops.multiply(step, slope))
            later = self.after(ops.maximum(ops.subtract(step, self.steps), 0.0))
            return ops.where(ops.less(step, self.steps), rising, later)

        def get_config(self) -> dict[str, Any]:
            return {
                "after": self.after,
                "start": self.start,
                "target": self.target,
                "steps": self.steps,
            }

    return WarmUp


def optimizer_settings(network: Any, protocol: TrainingProtocol) -> dict[str, Any]:
    """Return what `settings` says of the optimizer of a compiled model."""
    kind = type(network.optimizer)
    said = {"optimizer": f"{kind.__module__}.{kind.__name__}"}
    if protocol.optimizer.schedule:
        schedule = type(network.optimizer._learning_rate)
        said["schedule"] = schedule.__name__
    if protocol.clip_norm is not None:
        said["clipping"] = "global_clipnorm"
    return said
