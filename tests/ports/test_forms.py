"""Other forms of the same: tied weights, dropout as a function; and what cannot be compared."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from benchbench.ports import climb
from benchbench.ports.process import PortFailure
from benchbench.ports.triple import Triple


@pytest.mark.parametrize("name", ["tied", "weight_norm", "norm_without_variables", "volumes"])
def test_a_form_of_torch_is_taken_up(gallery, name):
    report = gallery(f"torch:{name}", f"torch:{name}")
    assert report.same, report


def test_dropout_is_the_same_as_a_layer_and_as_a_function(gallery):
    report = gallery("torch:mlp_dropout", "torch:dropout_function")
    assert report.same, report
    report = gallery("torch:mlp_dropout", "torch:dropout_function_of_another_rate")
    assert (report.rung, report.trap) == ("dropout", "dropout rate")
    assert "[0.2] and [0.3]" in report.explanation


def test_a_layer_that_only_the_first_freezes_is_named(gallery):
    report = gallery("torch:first_layer_frozen", "torch:mlp")
    assert (report.rung, report.trap, report.layer) == ("gradients", "not trained", "first")
    assert report.explanation.startswith("A's gradient is zero")


def test_what_is_not_finite_equals_nothing(gallery):
    with pytest.raises(PortFailure, match="no_number computes numbers that are not finite"):
        gallery("torch:no_number", "torch:no_number")
    report = gallery("torch:mlp", "torch:no_number")
    assert (report.rung, report.trap) == ("evaluation mode", "")
    assert "answers NaN or infinity" in report.explanation


@pytest.mark.parametrize("pair", [("mlp", "loss_of_zero"), ("loss_of_zero", "mlp")])
def test_a_loss_of_zero_is_another_loss(gallery, pair):
    report = gallery(*(f"torch:{name}" for name in pair))
    assert (report.rung, report.trap) == ("loss", "")


@pytest.mark.parametrize("variances_differ", [True, False])
def test_only_the_other_variance_loosens_the_rung_after_training(variances_differ):
    outputs = Triple(np.array([1.0]), np.array([1.0]), np.array([1.02]))
    evidence = SimpleNamespace(
        trained_outputs=outputs,
        probabilities=lambda one: one,
        variances_differ=variances_differ,
        optimizers=(None, None),
        notes=["the second takes its inputs flat"],
    )
    if variances_differ:
        assert climb._after(evidence) == pytest.approx(0.02)
        return
    with pytest.raises(climb.Break, match="after training"):
        climb._after(evidence)
