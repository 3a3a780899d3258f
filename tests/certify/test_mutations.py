"""Every fault of `faulty` is caught at its rung, and told in words that a person can act on."""

from __future__ import annotations

import numpy as np
import pytest
from benchbench_numpy.backend import NumpyBackend
from faulty import FAULTS, Fault, FaultyBackend
from faulty.escapes import ESCAPES
from faulty.scoring import ALL_MODELS, catch, sides

from benchbench.certify.exercise import FRESH, SATURATED, TEN_STEPS
from benchbench.certify.implementation import Implementation

CHEAPEST = ("odd-sizes", "padding-absorbed", "dark-border", "single-layer")


def cheapest(fault):
    """Return the first of the cheap models in which the fault exists."""
    return next(ALL_MODELS[name] for name in CHEAPEST if fault.applies(ALL_MODELS[name]))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_caught_where_it_belongs(fault):
    caught = catch(fault, cheapest(fault))
    assert caught.rung is not None, "not caught"
    assert caught.rung.name in fault.rungs_in(caught.model), caught.rung.explanation
    assert set(fault.starts) <= set(caught.starts)
    assert caught.rung.explanation


def test_same_padding_shows_in_the_predictions_where_the_shapes_agree():
    (fault,) = (fault for fault in FAULTS if fault.name == "'same' padding")
    assert catch(fault, ALL_MODELS["padding-absorbed"]).rung.name == "forward"


def test_there_are_no_fewer_than_the_issue_asks_for():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 24


# The other models of CHEAPEST have no layer that these two lack.
@pytest.mark.parametrize(
    "name",
    [
        "odd-sizes",
        "single-layer",
        pytest.param("padding-absorbed", marks=pytest.mark.exhaustive),
        pytest.param("dark-border", marks=pytest.mark.exhaustive),
    ],
)
def test_without_a_fault_the_backend_is_the_right_one_to_the_bit(name):
    exercise, reference = sides(ALL_MODELS[name])
    none = Fault("none", "nothing is wrong", "")
    assert catch(none, exercise.model).rung is None
    ours, theirs = (
        Implementation(backend).train(exercise, reference.start(FRESH), TEN_STEPS).variables()
        for backend in (FaultyBackend(none), NumpyBackend("float32"))
    )
    assert all(np.array_equal(*pair) for pair in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("fault", ESCAPES, ids=lambda fault: fault.name)
def test_what_is_said_to_escape_does(fault):
    names = ("pool-first", "single-layer")
    assert any(catch(fault, ALL_MODELS[name]).rung is None for name in names), (
        "it is caught: it belongs to FAULTS"
    )


# What must be told, by fault; the model is one in which there is enough to go by.
WORDS = [
    ("Kaiming weights", "odd-sizes", ["other weights came back", "layers.0.kernel (Conv2D)"]),
    ("bfloat16 weights", "odd-sizes", ["came back rounded", "bfloat16"]),
    ("transposed kernels", "odd-sizes", ["layers.3.kernel (Dense) is (7, 24)", "(in, out)"]),
    ("'same' padding", "odd-sizes", ["`set_variables` raised", "(60, 7)", "(24, 7)"]),
    ("no bias", "single-layer", ["`set_variables` raised"]),
    ("average pool", "odd-sizes", ["another function", "pool"]),
    ("Flatten in (c, h, w) order", "odd-sizes", ["Flatten runs over (channels, height, width)"]),
    ("turned kernels", "odd-sizes", ["kernels are turned round"]),
    ("transposed images", "dark-border", ["rows and columns swapped"]),
    ("a bias dropped", "single-layer", ["biases of Dense layers are not added"]),
    ("1/256", "single-layer", ["scaled by 1/256"]),
    ("bfloat16 inputs", "single-layer", ["rounded to bfloat16"]),
    ("TF32", "single-layer", ["low precision", "TF32"]),
    ("bfloat16 products", "odd-sizes", ["low precision", "bfloat16"]),
    ("half-precision accumulation", "odd-sizes", ["low precision", "half"]),
    ("double softmax", "odd-sizes", ["softmax is taken twice"]),
    ("double softmax in the loss", "odd-sizes", ["accuracy is right", "softmax taken twice"]),
    ("label smoothing 0.01", "odd-sizes", ["accuracy is right", "smoothed"]),
    ("logits predicted", "odd-sizes", ["no probabilities", "softmax missing"]),
    ("clamped probabilities", "odd-sizes", ["clamped"]),
    ("loss averaged over classes", "odd-sizes", ["divided by 3"]),
    ("accuracy over a half", "odd-sizes", ["the loss is right", "counted"]),
    ("labels of one class off", "odd-sizes", ["targets"]),
    (
        "epsilon 1e-8",
        "single-layer",
        ["gradients are small", "an epsilon of 1e-08, not 1e-07"],
    ),
    ("epsilon's place", "single-layer", ["epsilon", "as torch.optim.Adam does"]),
    ("beta_2 0.99", "single-layer", ["gradients are small", "beta_2 of 0.99"]),
    ("gradients summed", "single-layer", ["summed over the batch"]),
    ("gradients clipped", "single-layer", [f"from {SATURATED}", "clipped"]),
    ("label smoothing in training", "single-layer", ["not as another epsilon", "smoothed labels"]),
    ("bfloat16 inputs in training", "single-layer", ["not as another epsilon", "rounded images"]),
    ("learning rate 1 % off", "odd-sizes", ["1.0100 times as far", "learning rate"]),
    ("no bias correction", "odd-sizes", ["3.1623 times as far", "correction of Adam's bias"]),
    ("Nesterov's momentum", "odd-sizes", ["1.9000 times as far", "momentum"]),
    ("weight decay 1e-5", "single-layer", ["no gradient move towards 0", "weight decay"]),
    ("decoupled weight decay", "odd-sizes", ["shrink by 1.0e-05", "decoupled weight decay"]),
    ("last bias not trained", "odd-sizes", ["layers.5.bias (Dense) did not move: it is not"]),
    ("first bias not trained", "odd-sizes", ["layers.0.bias (Conv2D) did not move"]),
    ("last layer frozen", "odd-sizes", ["layers.5.kernel (Dense), layers.5.bias (Dense)"]),
    ("validation trained on", "odd-sizes", ["more steps", "validation images"]),
    ("first batch twice", "odd-sizes", ["more steps", "a batch used twice"]),
    ("short batch not trained on", "odd-sizes", ["fewer steps", "left out"]),
    ("beta_1 0.95", "odd-sizes", ["the first step is right", "beta_1"]),
    ("gradients accumulated", "odd-sizes", ["the first step is right", "gradients start from 0"]),
    ("shuffling", "odd-sizes", ["the first step is right", "order of samples"]),
    ("short batch underweighted", "odd-sizes", ["the first step is right", "short batch"]),
    ("one batch skipped", "single-layer", ["fewer steps", "9.1 times the learning rate"]),
    ("a batch used twice", "single-layer", ["more steps", "used twice"]),
    ("state forgotten", "odd-sizes", ["one epoch is right", "m, v and t"]),
    ("second epoch reversed", "odd-sizes", ["one epoch is right", "order of samples"]),
    ("one epoch", "odd-sizes", ["fewer steps", "an epoch left out"]),
    ("short batch not evaluated", "odd-sizes", ["where the short last batch is left out"]),
    ("batch means averaged", "odd-sizes", ["counts as much as a whole one"]),
    ("stale evaluation", "odd-sizes", ["the weights are those before training"]),
    ("predictions of the first weights", "odd-sizes", ["the weights are those before training"]),
    ("short batch not predicted", "odd-sizes", ["`predict` gives (128, 3), expected (180, 3)"]),
    ("predictions in one buffer", "odd-sizes", ["52 of 180 rows are wrong", "buffers"]),
]


@pytest.mark.parametrize(("name", "model", "words"), WORDS, ids=[row[0] for row in WORDS])
def test_the_explanation_says_what_to_look_at(name, model, words):
    (fault,) = (fault for fault in FAULTS if fault.name == name)
    told = catch(fault, ALL_MODELS[model]).rung.explanation
    assert all(word in told for word in words), told
