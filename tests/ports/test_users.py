"""Networks as users write them: other forms that are the same, mistakes, and what is refused."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from benchbench.ports.process import PortFailure

SAME = [
    ("user_images", "user_images_channels_last"),
    ("user_images", "user_images_by_function"),
    ("user_binary", "user_binary_without_axis"),
    ("user_mlp", "user_double"),
    ("user_lazy", "user_lazy"),
    ("user_clipped", "user_clipped"),
    pytest.param(("user_mlp", "user_compiled"), marks=pytest.mark.exhaustive),
    ("user_decoder", "user_decoder"),
]
WRONG = {
    ("user_mlp", "user_softmax_over_the_batch"): ("evaluation mode", "softmax over the batch"),
    ("user_mlp", "user_inputs_scaled"): ("forward", "factor"),
    ("user_mlp", "user_bfloat16"): ("forward", "bfloat16"),
    ("user_bfloat16", "user_mlp"): ("forward", "bfloat16"),
    ("user_products", "user_products_tanh"): ("forward", ""),
    ("user_images", "user_images_normalized"): ("forward", "normalization of the inputs"),
    ("user_block", "user_block_norm_last"): ("forward", "norm first"),
    ("user_block", "user_block_activation_before_the_sum"): (
        "forward",
        "activation before the sum",
    ),
    ("user_both_ways", "user_both_ways_last_place"): ("forward", "last step of both directions"),
    ("user_both_ways_last_place", "user_both_ways"): ("forward", "last step of both directions"),
    ("user_binary", "user_sigmoid_twice"): ("forward", "sigmoid twice"),
    ("user_sigmoid_missing", "user_binary"): ("loss", ""),
    ("user_binary", "user_positive_weight"): ("loss", "class weights"),
    ("user_values", "user_values_absolute"): ("loss", "another loss"),
    ("user_values", "user_values_half"): ("loss", "loss scale"),
    ("user_values", "user_values_broadcast"): ("loss", "targets broadcast"),
    ("user_huber", "user_huber_of_another_delta"): ("loss", "delta of the loss"),
    ("user_classes", "user_classes_weighted"): ("loss", "class weights"),
    ("user_classes", "user_classes_ignored"): ("loss", "ignored class"),
    ("user_classes", "user_classes_squared"): ("loss", "another loss"),
}
REFUSED = {
    "user_stochastic_depth": "draws random numbers in training: the gradient of .* differs",
    "user_scripted": r"return it before torch\.jit\.script",
    "user_answers_a_tuple": r"returns a tuple of 2 \(\(3, 4\), \(3, 2\)\); expected one array",
    "user_answers_a_dictionary": "returns a dict of logits; expected one array",
    "user_answers_nothing": "is a `return` missing",
    "user_with_a_schedule": "a tuple of 4; expected .*register_step_post_hook",
}


@pytest.mark.parametrize("pair", SAME, ids=str)
def test_another_form_is_the_same_function(gallery, pair):
    report = gallery(*(f"torch:{name}" for name in pair))
    assert report.same, report


@pytest.mark.parametrize("name", ["user_products", "user_products_turned"])
def test_parameters_without_layers_are_paired_by_their_order(gallery, name):
    report = gallery("torch:user_layers_of_products", f"torch:{name}")
    assert report.same, report
    turned = [note for note in report.notes if "_Products.w1: taken transposed" in note]
    assert bool(turned) is (name == "user_products_turned")


@pytest.mark.parametrize("pair", WRONG, ids=".".join)
def test_a_mistake_of_users_is_named(gallery, pair):
    report = gallery(*(f"torch:{name}" for name in pair))
    assert (report.rung, report.trap) == WRONG[pair], report


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_compared_is_said(gallery, name):
    with pytest.raises(PortFailure, match=f"(?s){REFUSED[name]}"):
        gallery("torch:user_mlp", f"torch:{name}")


@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")
def test_a_precision_that_the_file_has_set_is_what_it_is_trained_in():
    import torch
    from benchbench_torch.ports import TorchPort

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with TorchPort.working_in("float32"):
            assert torch.get_default_dtype() == torch.bfloat16
        with TorchPort.working_in("float64"):
            assert torch.get_default_dtype() == torch.float64
        assert torch.get_default_dtype() == torch.bfloat16
    finally:
        torch.set_default_dtype(before)
