"""More of what users write: pooled and flat maps, layers of one shape, what optimizers do."""

from __future__ import annotations

import pytest

from benchbench.ports.process import PortFailure

SAME = [
    ("block", "block_shortcut_first"),
    ("norm", "norm_by_hand"),
    ("places_averaged", "places_by_functions"),
    ("token", "token_of_a_layer"),
    ("plain", "plain_one_hot"),
    ("plain", "plain_unused_layer"),
    ("images_layer_norm", "images_layer_norm"),
    pytest.param(("plain", "plain_compiled_inside"), marks=pytest.mark.exhaustive),
]
WRONG = {
    ("images", "images_averaged"): ("forward", "pooling"),
    ("images", "images_silu"): ("forward", "activation"),
    ("images_elu", "images_elu_of_half"): ("forward", "activation slope"),
    ("images_in_groups", "images_in_more_groups"): ("forward", "GroupNormalization groups"),
    ("images_in_groups", "images_layer_norm"): ("forward", "another normalization"),
    ("images", "images_padded"): ("architecture", "padding"),
    ("places_averaged", "places_at_their_maximum"): ("forward", "pooling"),
    ("steps_averaged", "steps_at_their_maximum"): ("forward", "pooling"),
    ("norm", "norm_in_groups"): ("forward", "another normalization"),
    ("norm", "norm_of_the_batch"): ("architecture", "another normalization"),
    ("token", "token_averaged"): ("forward", "pooling"),
    ("token", "token_epsilon"): ("forward", "LayerNorm epsilon"),
    ("plain", "plain_rescaled"): ("forward", "normalization of the inputs"),
    ("plain", "plain_frozen"): ("gradients", "not trained"),
    ("plain", "plain_last_layer_alone"): ("update after 1 step", "not trained"),
    ("plain", "plain_of_a_copy"): ("update after 1 step", "learning rate"),
    ("plain", "plain_two_rates"): ("update after 1 step", "learning rate"),
    ("plain", "plain_clipped"): ("update after 1 step", "gradient clipping"),
    ("plain", "plain_clipped_when_large"): ("large gradients", "gradient clipping"),
    ("plain", "plain_clipped_by_value"): ("update after 1 step", "gradient clipping"),
    ("plain", "plain_decaying_rate"): ("update after 2 steps", "learning-rate schedule"),
    ("plain", "plain_later_rate"): ("update after 10 steps", "learning-rate schedule"),
    ("adam", "adam_amsgrad"): ("update after 10 steps", "amsgrad"),
    ("adam_decay", "adam_less_decay"): ("update after 1 step", "weight decay"),
    ("two_dropouts", "two_alpha_dropouts"): ("dropout", "what is dropped"),
}
REFUSED = {
    "plain_quantized": "got a quantized Linear: return it before it is quantized",
    "plain_without_values": r"got weight on the device 'meta': make the network on the CPU",
    "plain_in_another_order": r"returned \(network, loss, optimizer\); expected \(network, optim",
    "plain_without_variables": "has no variables: there is nothing to train",
}


@pytest.mark.parametrize("pair", SAME, ids=str)
def test_the_same_in_other_words_is_the_same_function(gallery, pair):
    report = gallery(*(f"torch:{name}" for name in pair))
    assert report.same, report


def test_a_layer_that_is_never_called_is_told(gallery):
    report = gallery("torch:plain", "torch:plain_unused_layer")
    assert "torch_training.py:plain_unused_layer never calls spare: left out of the comparison" in (
        report.notes
    )


@pytest.mark.parametrize("pair", WRONG, ids=".".join)
def test_a_mistake_that_hides_is_named(gallery, pair):
    report = gallery(*(f"torch:{name}" for name in pair))
    assert (report.rung, report.trap) == WRONG[pair], report


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_trained_is_refused(gallery, name):
    with pytest.raises(PortFailure, match=f"(?s){REFUSED[name]}"):
        gallery("torch:plain", f"torch:{name}")
