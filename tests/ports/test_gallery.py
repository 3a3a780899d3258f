"""Every right pair passes, every wrong one fails at the right place with the mistake named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
from pairs import RIGHT, WRONG

# torch against torch: one framework's start, and the mistakes that numbers or settings tell.
QUICK = {
    "mlp_softmax_twice": ("forward", "softmax twice"),
    "mlp_own_label_smoothing": ("loss", "label smoothing"),
    "mlp_own_sum": ("loss", "loss summed"),
    "mlp_learning_rate": ("update after 1 step", "learning rate"),
    "mlp_decay_of_biases": ("update after 1 step", "weight decay"),
    "mlp_no_bias": ("architecture", "bias missing"),
    "mlp_leaky_slope": ("forward", "activation slope"),
    "mlp_bfloat16": ("forward", "bfloat16"),
    "mlp_frozen": ("gradients", "not trained"),
}

# The same of sequences: a right form, and a form with a mistake.
QUICK_SEQUENCES = {
    ("lstm", "lstm_cell"): ("", ""),
    ("lstm", "lstm_steps_first"): ("", ""),
    ("lstm", "lstm_by_hand"): ("", ""),
    ("lstm", "lstm_gate_order"): ("forward", "gate order"),
    ("lstm", "lstm_forget_bias"): ("forward", "forget bias"),
    ("lstm", "lstm_time_first"): ("forward", "batch_first"),
    ("lstm", "lstm_padding_idx"): ("gradients", "padding_idx"),
    ("gru", "gru_by_hand"): ("", ""),
    ("gru_by_hand", "gru_gate_order"): ("forward", ""),
    ("gru", "gru_gate_order"): ("forward", "gate order"),
    ("gru_update_gate", "gru"): ("forward", "update gate"),
    ("transformer", "transformer_by_hand"): ("", ""),
    ("transformer_by_hand", "transformer_steps_first"): ("", ""),
    ("transformer", "transformer_no_scale"): ("forward", "attention scale missing"),
    ("transformer_no_scale", "transformer"): ("forward", "attention scale missing"),
    ("transformer", "transformer_heads"): ("forward", "attention heads"),
    ("transformer", "transformer_batch_first"): ("evaluation mode", "batch_first"),
    ("transformer_adam", "transformer_adam"): ("", ""),
    ("decoder", "decoder_of_rows"): ("", ""),
    ("decoder_of_rows", "decoder_mask_transposed"): ("forward", "causal mask"),
    ("decoder", "decoder_no_mask"): ("forward", "causal mask"),
    ("decoder", "decoder_true_means_seen"): ("forward", "causal mask"),
    ("decoder", "decoder_true_means_seen_slowly"): ("evaluation mode", "causal mask"),
    ("decoder", "decoder_mask_transposed"): ("forward", "causal mask"),
    ("waves", "waves"): ("", ""),
    ("waves", "waves_of_another_rate"): ("forward", ""),
}


def check(report, rung, trap, layer=""):
    assert report.same is not bool(rung), report.explanation
    assert (report.rung, report.trap) == (rung, trap), report
    assert layer in report.layer


def test_the_gallery_is_large_enough():
    assert len(RIGHT) >= 8
    assert len(RIGHT) + len(WRONG) >= 25
    assert len({pair.trap for pair in WRONG}) >= 15
    for one in ("keras", "torch", "flax"):
        assert any(pair.a.startswith(one) or pair.b.startswith(one) for pair in RIGHT)


def test_a_network_trains_as_itself(gallery):
    check(gallery("torch:mlp", "torch:mlp"), "", "")


@pytest.mark.parametrize("name", QUICK)
def test_a_mistake_in_torch_is_named(gallery, name):
    check(gallery("torch:mlp", f"torch:{name}"), *QUICK[name])


@pytest.mark.parametrize("pair", QUICK_SEQUENCES, ids=".".join)
def test_a_mistake_in_a_sequence_is_named(gallery, pair):
    check(gallery(*(f"torch:{name}" for name in pair)), *QUICK_SEQUENCES[pair])


@pytest.mark.exhaustive
@pytest.mark.parametrize("pair", RIGHT, ids=lambda pair: pair.label)
def test_a_right_port_is_the_same_function(gallery, pair):
    check(gallery(pair.a, pair.b), "", "")


@pytest.mark.exhaustive
@pytest.mark.parametrize("pair", WRONG, ids=lambda pair: pair.label)
def test_a_wrong_port_is_found_and_its_mistake_named(gallery, pair):
    check(gallery(pair.a, pair.b), pair.rung, pair.trap, pair.layer)
