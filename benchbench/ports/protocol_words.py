"""The optimizer and the loss of a file as a protocol of the spec, or why they are none."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from benchbench.errors import BenchbenchError, SpecError
from benchbench.plugins.ports import PortDescription, PortLoss, PortOptimizer, PortSetting
from benchbench.spec.losses import BinaryCrossEntropy, CrossEntropy, Loss, MeanSquaredError
from benchbench.spec.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from benchbench.spec.protocol import TrainingProtocol

_SQUARED = {"mseloss", "mse_loss", "meansquarederror", "mean_squared_error", "squared_error"}
# Where an optimizer has one of these, it trains otherwise than the spec's of its name.
_UNKNOWN = {
    "amsgrad": "amsgrad keeps the largest of the squares",
    "dampening": "dampening weakens the momentum",
    "centered": "centered takes the mean of the gradients off the squares",
    "use_ema": "an average of the weights takes their place in the end",
    "clipnorm": "clipnorm clips each variable by itself; global_clipnorm is the spec's clip_norm",
    "gradient_accumulation_steps": "gradients of several batches are one step there",
    "clipvalue": "clipvalue clips each number by itself; global_clipnorm is the spec's clip_norm",
}


class NoProtocol(BenchbenchError):  # noqa: N818 - an answer, not a failure
    """The file's training is none that a protocol can state; the message says why."""


def protocol_of(description: PortDescription) -> TrainingProtocol | None:
    """Return the protocol of a file that gives optimizer or loss, None where it gives neither.

    Raises NoProtocol.
    """
    if description.optimizer is None and description.loss is None:
        return None
    protocol = TrainingProtocol()
    changes: dict[str, object] = {}
    if description.loss is not None:
        changes["loss"] = loss_of(description.loss)
    clip_norm = None
    if description.optimizer is not None:
        changes["optimizer"] = optimizer_of(description.optimizer, description.framework)
        clip_norm = description.optimizer.settings.get("global_clipnorm")
    if clip_norm:
        changes["clip_norm"] = float(clip_norm)
    return msgspec.structs.replace(protocol, **changes)


def loss_of(loss: PortLoss) -> Loss:
    """Return the loss. Raises NoProtocol."""
    smoothing = float(loss.settings.get("label_smoothing", 0) or 0)
    if loss.settings.get("reduction", "mean") != "mean":
        raise NoProtocol(
            f"the loss {loss.name} is not a mean over the batch ({loss.settings['reduction']}), as "
            f"every loss of a protocol is"
        )
    weights = {"weight", "pos_weight"} & set(loss.settings)
    if weights or loss.settings.get("ignore_index", -100) != -100:
        raise NoProtocol(
            f"the loss {loss.name} counts classes otherwise ({', '.join(weights) or 'ignore_index'}"
            f"), where a protocol's counts every sample once"
        )
    if loss.targets in {"classes", "one_hot"}:
        return CrossEntropy(smoothing)
    if loss.targets == "binary" and not smoothing:
        return BinaryCrossEntropy()
    if loss.targets == "values" and loss.name.replace("-", "_").lower() in _SQUARED:
        return MeanSquaredError()
    raise NoProtocol(
        f"the loss {loss.name} is none of a protocol's: expected a cross-entropy, a binary "
        f"cross-entropy without smoothing, or the mean squared error"
    )


def optimizer_of(optimizer: PortOptimizer, framework: str) -> Optimizer:
    """Return the optimizer. Raises NoProtocol."""
    settings = optimizer.settings
    if framework == "flax":
        raise NoProtocol(
            "an optax optimizer is a function, which does not say what it does: write the protocol "
            "by hand (docs/protocols.md)"
        )
    for name, reason in _UNKNOWN.items():
        if settings.get(name):
            raise NoProtocol(f"{optimizer.name}({name}={settings[name]}): {reason}")
    rate, schedule = settings.get("learning_rate"), settings.get("schedule", "none")
    if not isinstance(rate, float | int) or schedule != "none":
        told = rate if schedule == "none" else schedule
        raise NoProtocol(
            f"the learning rate of {optimizer.name} is no number but {told}: write the schedule "
            f"into the protocol by hand (docs/protocols.md)"
        )
    decay = _decay(optimizer)
    try:
        return _made(optimizer.name, framework, settings, float(rate), decay)
    except SpecError as error:
        raise NoProtocol(f"{optimizer.name}: {error.reason}") from None


def _decay(optimizer: PortOptimizer) -> float:
    decay = float(optimizer.settings.get("weight_decay", 0) or 0)
    if not decay:
        return 0.0
    if not optimizer.settings.get("decoupled"):
        raise NoProtocol(
            f"{optimizer.name}(weight_decay={decay:g}) adds the decay to the gradient (L2); a "
            f"protocol's is decoupled: SGD of Keras, or AdamW"
        )
    if optimizer.settings.get("decays_biases"):
        raise NoProtocol(
            f"{optimizer.name}(weight_decay={decay:g}) decays biases and scales too; a protocol's "
            f"acts on kernels and embeddings alone: give the others a group without decay, or "
            f"exclude_from_weight_decay"
        )
    return decay


def _made(
    name: str,
    framework: str,
    settings: Mapping[str, PortSetting],
    rate: float,
    decay: float,
) -> Optimizer:
    number = {
        key: float(value) for key, value in settings.items() if isinstance(value, float | int)
    }
    if name == "SGD":
        nesterov = bool(settings.get("nesterov", False))
        return SGD(rate, number.get("momentum", 0.0), nesterov, decay)
    if name in {"Adam", "AdamW"}:
        betas = number.get("beta_1", 0.9), number.get("beta_2", 0.999)
        form = "corrected_root" if framework == "torch" else "uncorrected_root"
        if decay:
            return AdamW(
                learning_rate=rate,
                beta_1=betas[0],
                beta_2=betas[1],
                epsilon=number["epsilon"],
                epsilon_added_to=form,  # type: ignore[arg-type] # one of the two
                weight_decay=decay,
            )
        return Adam(rate, *betas, number["epsilon"], form)  # type: ignore[arg-type]
    if name == "RMSprop" and framework == "keras" and not number.get("momentum"):
        return RMSprop(rate, number.get("rho", 0.9), number.get("epsilon", 1e-7))
    if name == "RMSprop":
        raise NoProtocol(
            "RMSprop of torch adds epsilon to the root, and RMSprop with a momentum keeps a second "
            "mean: a protocol's has epsilon under the root and no momentum"
        )
    raise NoProtocol(
        f"the optimizer {name} is none of a protocol's: expected SGD, Adam, AdamW or RMSprop"
    )
