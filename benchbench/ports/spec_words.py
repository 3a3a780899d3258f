"""A spec in the words of ports, Keras's: kinds of layers, settings, the loss, the optimizer."""

from __future__ import annotations

from benchbench.plugins.ports import PortLoss, PortOptimizer, PortSetting
from benchbench.spec.layers import GRU, BatchNorm, Conv2D, Layer, LayerNorm, MultiHeadAttention
from benchbench.spec.losses import BinaryCrossEntropy, CrossEntropy, Loss
from benchbench.spec.optimizers import SGD, RMSprop
from benchbench.spec.protocol import TrainingProtocol

# The kinds that are called otherwise; the others have one name.
KINDS = {"BatchNorm": "BatchNormalization", "LayerNorm": "LayerNormalization"}


def settings_of(layer: Layer) -> dict[str, PortSetting]:
    """Return what changes the function of a layer that holds variables."""
    match layer:
        case BatchNorm():
            return {"epsilon": layer.epsilon, "momentum": layer.momentum}
        case LayerNorm():
            return {"epsilon": layer.epsilon}
        case Conv2D():
            return {
                "strides": str(layer.strides),
                "padding": layer.padding,
                "dilation_rate": str(layer.dilation),
                "groups": layer.groups,
            }
        case MultiHeadAttention():
            return {"heads": layer.heads}
        case GRU():
            return {"reset_after": True}
    return {}


def loss_words(loss: Loss) -> PortLoss:
    """Return a loss; it is of the outputs as a trainer predicts them."""
    match loss:
        case CrossEntropy():
            settings: dict[str, PortSetting] = {"reduction": "mean"}
            if loss.label_smoothing:
                settings["label_smoothing"] = loss.label_smoothing
            return PortLoss(
                name=loss.kind, targets="classes", outputs="probabilities", settings=settings
            )
        case BinaryCrossEntropy():
            return PortLoss(name=loss.kind, targets="binary", outputs="probabilities")
    return PortLoss(name=loss.kind, targets="values", outputs="values")


def optimizer_words(protocol: TrainingProtocol) -> PortOptimizer:
    """Return the optimizer with its settings, those of the first update."""
    rule = protocol.optimizer
    settings: dict[str, PortSetting] = {"learning_rate": rule.rate_at(0)}
    match rule:
        case SGD():
            settings |= {"momentum": rule.momentum, "nesterov": rule.nesterov}
        case RMSprop():
            settings |= {"rho": rule.rho, "epsilon": rule.epsilon}
        case _:
            settings |= {"beta_1": rule.beta_1, "beta_2": rule.beta_2, "epsilon": rule.epsilon}
    decay = getattr(rule, "weight_decay", 0.0)
    if decay:
        settings |= {"weight_decay": decay, "decoupled": True, "decays_biases": False}
    if protocol.clip_norm:
        settings["global_clipnorm"] = protocol.clip_norm
    return PortOptimizer(name=type(rule).__name__, settings=settings)
