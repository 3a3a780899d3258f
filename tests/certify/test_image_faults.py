"""Faults of layers of images and norms: caught where they belong, and named; right ones hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from faulty import FAULTS as FIRST
from faulty import binary, classes, late, protocols, schedules, sequences, values
from faulty.fault import Fault
from faulty.image_models import AVERAGES, DEPTHWISE, IMAGE_MODELS, NORMED, STRIDED
from faulty.images import FAULTS, PROTOCOL
from faulty.scoring import catch

import benchbench as bb
from benchbench.certify.variants import variants

MEASURED = Path(__file__).parents[2] / "docs" / "measured.md"

# What must be told of each fault, where it is caught.
WORDS = {
    "symmetric padding": "padding is symmetric, as torch's padding=1",
    "symmetric padding of averages": "padding is symmetric, as torch's padding=1",
    "symmetric padding of maxima": "padding is symmetric, as torch's padding=1",
    "padding counted": "the average counts the padding (count_include_pad",
    "border repeated": "a border that is repeated outwards, as in Keras on torch",
    "maxima over 0": "the maximum is taken over a padding of 0",
    "not dilated": "kernels are not dilated",
    "multiplier first": "in groups lie multiplier first, (m, c), not channel first",
    "global maximum": "GlobalAvgPool2D takes the maximum",
    "leaky 0.01": "the slope of leaky_relu below 0 is 0.01, the default of torch",
    "leaky 0.3": "the slope of leaky_relu below 0 is 0.3, the default of Keras's layer",
    "leaky open at 0": "the derivative of leaky_relu at 0 is 1, as JAX's",
    "elu of 2": "another function is computed",
    "momentum 0.99": "by 0.01 of the batch's; the spec's momentum 0.9 says 0.1",
    "scales frozen": "layers.1.gamma (BatchNorm), layers.1.beta (BatchNorm) did not move",
    "statistics of each place": "layers.1.moving_variance (BatchNorm) moved otherwise: look at its "
    "momentum, at the axes of its mean",
    "unbiased in training": "layers.0.kernel (Conv2D)",
    "statistics of each sample": "the update is off by",
    "norm behind activation": "a relative difference",
    "norm of all features": "another function is computed",
    "unbiased LayerNorm": "another function is computed",
    "no shortcut": "another function is computed",
    "branches swapped": "another function is computed",
    "scales decayed": "biases and scales are decayed too",
    "centered RMSprop": "the update is off by",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_caught_where_it_belongs_and_named(fault):
    caught = catch(fault, next(model for model in IMAGE_MODELS if fault.applies(model)))
    assert caught.where_it_belongs, caught.rung
    assert WORDS[fault.name] in caught.rung.explanation


@pytest.mark.parametrize(
    "model", [STRIDED, AVERAGES, DEPTHWISE, NORMED], ids=lambda model: model.name
)
def test_the_right_backend_holds(model):
    assert catch(Fault("none", "nothing is wrong", "", protocol=PROTOCOL), model).rung is None


def test_a_mistake_that_would_change_shapes_is_none():
    """Without a dilation the Dense layer would have another kernel; it ended the diagnosis."""
    valid = bb.ModelSpec(
        "valid", (8, 8, 1), (bb.Conv2D(3, (3, 3), dilation=(2, 2)), bb.Flatten(), bb.Dense(2))
    )
    assert "kernels are not dilated" not in [words for words, _ in variants(valid)]


def test_the_page_counts_every_fault():
    page = MEASURED.read_text(encoding="utf-8")
    tasks = (*binary.FAULTS, *classes.FAULTS, *values.FAULTS)
    ours = (*protocols.FAULTS, *schedules.FAULTS)
    lists = (FIRST, late.FAULTS, ours, sequences.FAULTS, tasks, FAULTS)
    for faults in lists:
        assert f"| {len(faults)} | {len(faults)} |" in page
    assert f"**{sum(map(len, lists)) + 14} faults" in page  # 14 of norms and dropout
