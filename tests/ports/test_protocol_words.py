"""The optimizer and the loss of a file as a protocol, or why they are none."""

from __future__ import annotations

import pytest

from benchbench.plugins.ports import PortDescription, PortLoss, PortOptimizer
from benchbench.ports.protocol_words import NoProtocol, loss_of, optimizer_of, protocol_of
from benchbench.spec.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from benchbench.spec.optimizers import SGD, Adam, AdamW, RMSprop


def _optimizer(name, **settings):
    return PortOptimizer(name=name, settings={"learning_rate": 0.01} | settings)


ADAM = {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-8}
DECAY = {"weight_decay": 0.1, "decoupled": True, "decays_biases": False}


@pytest.mark.parametrize(
    ("optimizer", "framework", "expected"),
    [
        (_optimizer("SGD"), "torch", SGD(0.01)),
        (
            _optimizer("SGD", momentum=0.9, nesterov=True),
            "keras",
            SGD(0.01, momentum=0.9, nesterov=True),
        ),
        (_optimizer("SGD", **DECAY), "keras", SGD(0.01, weight_decay=0.1)),
        (_optimizer("Adam", **ADAM), "keras", Adam(0.01, 0.8, 0.99, 1e-8)),
        (_optimizer("Adam", **ADAM), "torch", Adam(0.01, 0.8, 0.99, 1e-8, "corrected_root")),
        (
            _optimizer("AdamW", **ADAM, **DECAY),
            "keras",
            AdamW(learning_rate=0.01, beta_1=0.8, beta_2=0.99, epsilon=1e-8, weight_decay=0.1),
        ),
        (_optimizer("RMSprop", rho=0.8, epsilon=1e-6), "keras", RMSprop(0.01, 0.8, 1e-6)),
    ],
)
def test_an_optimizer_is_the_protocols(optimizer, framework, expected):
    assert optimizer_of(optimizer, framework) == expected


@pytest.mark.parametrize(
    ("optimizer", "framework", "reason"),
    [
        (_optimizer("Lion"), "keras", "expected SGD, Adam, AdamW or RMSprop"),
        (_optimizer("RMSprop"), "torch", "adds epsilon to the root"),
        (_optimizer("Adam", **ADAM, amsgrad=True), "torch", "largest of the squares"),
        (_optimizer("SGD", weight_decay=0.1), "torch", "is decoupled"),
        (_optimizer("AdamW", **ADAM, **DECAY | {"decays_biases": True}), "torch", "decays biases"),
        (_optimizer("SGD", clipnorm=1.0), "keras", "global_clipnorm is"),
        (_optimizer("SGD", dampening=0.5), "torch", "weakens the momentum"),
        (_optimizer("SGD", learning_rate="<CosineDecay>"), "keras", "is no number"),
        (PortOptimizer(name="optax"), "flax", "does not say what it does"),
        (_optimizer("SGD", nesterov=True), "torch", "nesterov needs a momentum"),
    ],
)
def test_what_trains_otherwise_is_refused_with_the_reason(optimizer, framework, reason):
    with pytest.raises(NoProtocol, match=reason):
        optimizer_of(optimizer, framework)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (PortLoss(name="x", targets="classes"), CrossEntropy()),
        (
            PortLoss(name="x", targets="one_hot", settings={"label_smoothing": 0.1}),
            CrossEntropy(0.1),
        ),
        (PortLoss(name="x", targets="binary"), BinaryCrossEntropy()),
        (PortLoss(name="MSELoss", targets="values"), MeanSquaredError()),
        (PortLoss(name="mean_squared_error", targets="values"), MeanSquaredError()),
    ],
)
def test_a_loss_is_the_protocols(loss, expected):
    assert loss_of(loss) == expected


@pytest.mark.parametrize(
    "loss",
    [
        PortLoss(name="huber", targets="values"),
        PortLoss(name="l2_loss", targets="values"),
        PortLoss(name="mine"),
        PortLoss(name="x", targets="classes", settings={"reduction": "sum"}),
        PortLoss(name="x", targets="binary", settings={"label_smoothing": 0.1}),
    ],
)
def test_another_loss_is_refused(loss):
    with pytest.raises(NoProtocol):
        loss_of(loss)


def test_a_clipped_gradient_and_a_file_without_training():
    clipped = _optimizer("SGD", global_clipnorm=2.0)
    description = PortDescription(framework="keras", blocks=(), optimizer=clipped)
    assert protocol_of(description).clip_norm == 2.0
    assert protocol_of(PortDescription(framework="keras", blocks=())) is None
