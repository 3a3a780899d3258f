"""Mistakes that two losses, or two optimizers, own up to in their settings."""

from __future__ import annotations

from collections.abc import Sequence

from benchbench.plugins.ports import PortBlock, PortLoss, PortOptimizer, PortSetting
from benchbench.ports.layer_settings import same
from benchbench.ports.report import Trap

# Where a framework does not have the setting, it is as if it had this one.
_DEFAULTS: dict[str, PortSetting] = {
    "momentum": 0,
    "nesterov": False,
    "dampening": 0,
    "weight_decay": 0,
    "label_smoothing": 0,
    "reduction": "mean",
    "weight": "none",
    "pos_weight": "none",
    "ignore_index": -100,
    "gradient_accumulation_steps": 1,
    "amsgrad": False,
    "clipnorm": 0,
    "global_clipnorm": 0,
    "clipvalue": 0,
    "centered": False,
    "use_ema": False,
}


def of_masking(a: Sequence[PortBlock], b: Sequence[PortBlock]) -> Trap | None:
    """Return that one of two networks passes over token 0."""
    masked = [any(one.settings.get("mask_zero") for one in side) for side in (a, b)]
    if masked[0] == masked[1]:
        return None
    return Trap(
        "mask_zero",
        f"{'AB'[masked[1]]} has an Embedding with mask_zero=True: the layers behind it pass over "
        f"token 0, and so does the loss",
    )


def of_momentum(a: PortBlock, b: PortBlock) -> Trap | None:
    """Return that two BatchNorms move their statistics by another momentum."""
    left, right = a.settings.get("momentum"), b.settings.get("momentum")
    if not isinstance(left, float) or not isinstance(right, float) or same(left, right):
        return None
    complement = abs(left + right - 1) < 1e-9
    words = f"in Keras's terms it keeps {left:g} of the old statistics, the other {right:g}" + (
        ": the complement. torch's momentum is the share of the NEW batch" if complement else ""
    )
    return Trap("momentum complement" if complement else "BatchNorm momentum", words)


def of_losses(a: PortLoss | None, b: PortLoss | None) -> Trap | None:
    """Return the setting of two losses that differs."""
    left, right = (one.settings if one else {} for one in (a, b))
    for name, trap in _LOSS_TRAPS.items():
        values = [one.get(name, _DEFAULTS.get(name)) for one in (left, right)]
        if None not in values and not same(*values):  # type: ignore[arg-type] # none is None
            return Trap(trap, f"the loss has {name} {values[0]}, the other {values[1]}")
    names = {_plain(one.name) for one in (a, b) if one and one.targets == "values"}
    if a and b and len(names) > 1:
        return Trap("another loss", f"one trains by {a.name}, the other by {b.name}")
    return None


_LOSS_TRAPS = {
    "label_smoothing": "label smoothing",
    "reduction": "loss summed",
    "weight": "class weights",
    "pos_weight": "class weights",
    "ignore_index": "ignored class",
    "delta": "delta of the loss",
}


# As the frameworks call the same losses.
_ALIASES = {
    "mse": "meansquarederror",
    "squarederror": "meansquarederror",
    "l1": "meanabsoluteerror",
}


def _plain(name: str) -> str:
    """Return the name of a loss as all frameworks have it."""
    plain = name.lower().replace("_", "").removesuffix("loss")
    return _ALIASES.get(plain, plain)


def of_optimizers(a: PortOptimizer | None, b: PortOptimizer | None, *names: str) -> Trap | None:
    """Return what two optimizers differ in, among these settings; without any, in all."""
    if a is None or b is None:
        return None
    named = {a.name.lower().removesuffix("w"), b.name.lower().removesuffix("w")}
    if not names and len(named) > 1 and _UNKNOWN not in named:  # optax's are functions of no name
        return Trap("another optimizer", f"one trains by {a.name}, the other by {b.name}")
    for name in names or _TRAPS:
        values = [_setting(one, name) for one in (a, b)]
        if None in values or same(*values):  # type: ignore[arg-type] # neither is None
            continue
        trap = _TRAPS.get(name, name.replace("_", " "))
        if name == "learning_rate" and any(isinstance(one, str) for one in values):
            trap = "learning-rate schedule"
        return Trap(trap, f"{a.name} has {name} {values[0]}, {b.name} has {values[1]}")
    return None


def of_few_steps(a: PortOptimizer | None, b: PortOptimizer | None) -> Trap | None:
    """Return what two optimizers differ in that only many steps would show."""
    return of_optimizers(a, b, "amsgrad", "beta_2", "schedule")


def of_averages(a: PortOptimizer | None, b: PortOptimizer | None) -> Trap | None:
    """Return that two optimizers average the weights otherwise."""
    return of_optimizers(a, b, "use_ema", "ema_momentum")


def _setting(optimizer: PortOptimizer, name: str) -> PortSetting | None:
    """Return a setting; of an optimizer of optax, which is a function, none is known."""
    default = None if optimizer.name == _UNKNOWN else _DEFAULTS.get(name)
    return optimizer.settings.get(name, default)


_UNKNOWN = "optax"
_TRAPS = {
    "gradient_accumulation_steps": "gradient accumulation",
    "learning_rate": "learning rate",
    "nesterov": "Nesterov left out",
    "momentum": "momentum",
    "dampening": "dampening",
    "decoupled": "L2 in the gradient for decoupled decay",
    "weight_decay": "weight decay",
    "decays_biases": "decay of biases",
    "beta_1": "Adam's beta_1",
    "beta_2": "Adam's beta_2",
    "rho": "RMSprop's rho",
    "initial_accumulator_value": "initial accumulator",
    "centered": "RMSprop centered",
    "epsilon": "epsilon of the optimizer",
    "amsgrad": "amsgrad",
    "clipnorm": "gradient clipping",
    "global_clipnorm": "gradient clipping",
    "clipvalue": "gradient clipping",
    "use_ema": "average of the weights",
    "ema_momentum": "average of the weights",
    "schedule": "learning-rate schedule",
}
