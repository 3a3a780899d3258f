"""The gallery: pairs of small programs, right ones and ones with one classic mistake each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """Two programs, "framework:factory" each, and where they differ: "" where nowhere."""

    a: str
    b: str
    rung: str = ""
    trap: str = ""
    layer: str = ""

    @property
    def label(self) -> str:
        return f"{self.a}-{self.b}"


def _mlp(rung: str, trap: str, *names: str, layer: str = "", a: str = "mlp") -> list[Pair]:
    return [Pair(f"keras:{a}", f"torch:{name}", rung, trap, layer) for name in names]


RIGHT = [
    Pair("keras:mlp", "torch:mlp"),
    Pair("keras:mlp", "torch:mlp_log_softmax"),
    Pair("keras:mlp_decay", "torch:mlp_decay"),
    Pair("keras:mlp_momentum", "torch:mlp_momentum"),
    Pair("keras:mlp_gelu", "torch:mlp_gelu"),
    Pair("keras:mlp_leaky", "torch:mlp_leaky"),
    Pair("keras:mlp_dropout", "torch:mlp_dropout"),
    Pair("keras:lenet", "torch:lenet"),
    Pair("keras:strided", "torch:strided"),
    Pair("keras:resnet", "torch:resnet"),
    Pair("keras:lstm", "torch:lstm"),
    Pair("keras:lstm", "torch:lstm_by_hand"),
    Pair("keras:transformer", "torch:transformer"),
    Pair("torch:mlp", "flax:mlp"),
    Pair("torch:mlp_adam", "flax:mlp_adam"),
    Pair("torch:attention", "flax:attention"),
    Pair("keras:lenet", "flax:lenet"),
    Pair("keras:resnet", "flax:resnet"),
    Pair("keras:lstm", "torch:lstm_cell"),
    Pair("keras:lstm", "torch:lstm_steps_first"),
    Pair("keras:lstm", "flax:lstm"),
    Pair("flax:lstm_of_four_products", "torch:lstm"),
    Pair("keras:gru", "torch:gru"),
    Pair("keras:gru", "torch:gru_by_hand"),
    Pair("torch:gru", "flax:gru"),
    Pair("keras:gru", "flax:gru"),
    Pair("keras:stacked", "torch:stacked"),
    Pair("keras:transformer", "torch:transformer_by_hand"),
    Pair("torch:transformer_by_hand", "flax:transformer"),
    Pair("keras:transformer", "torch:transformer_steps_first"),
    Pair("torch:transformer_adam", "flax:transformer_adam"),
    Pair("keras:decoder", "torch:decoder"),
    Pair("torch:decoder", "flax:decoder"),
    Pair("keras:vit", "torch:vit"),
    Pair("keras:waves", "torch:waves"),
    Pair("keras:habit_block", "torch:block"),
    Pair("keras:habit_block", "torch:block_shortcut_first"),
    Pair("keras:habit_prelu", "torch:images_prelu"),
    Pair("keras:habit_gray", "torch:gray"),
    Pair("keras:habit_steps", "torch:steps"),
    Pair("keras:habit_dropout", "torch:two_dropouts"),
    Pair("torch:two_dropouts", "flax:shared_dropout"),
]
WRONG = [
    *_mlp("forward", "softmax twice", "mlp_softmax_twice", layer="output"),
    *_mlp("forward", "probabilities for log-probabilities", "mlp_nll_of_probabilities"),
    *_mlp("update after 1 step", "learning rate", "mlp_learning_rate"),
    *_mlp("architecture", "bias missing", "mlp_no_bias"),
    *_mlp("loss", "label smoothing", "mlp_label_smoothing", "mlp_own_label_smoothing"),
    *_mlp("loss", "loss summed", "mlp_summed", "mlp_own_sum"),
    *_mlp("loss", "L2 penalty", "mlp_l2_in_loss"),
    *_mlp("update after 1 step", "epsilon of the optimizer", "mlp_adam", a="mlp_adam"),
    *_mlp("update after 1 step", "decay of biases", "mlp_decay_of_biases", a="mlp_decay"),
    *_mlp("update after 1 step", "Nesterov left out", "mlp_without_nesterov", a="mlp_momentum"),
    *_mlp("forward", "GELU by tanh", "mlp_gelu_tanh", a="mlp_gelu"),
    *_mlp("forward", "activation slope", "mlp_leaky_slope", a="mlp_leaky", layer="between"),
    *_mlp("forward", "bfloat16", "mlp_bfloat16", layer="dense"),
    *_mlp("evaluation mode", "dropout left on", "mlp_dropout_left_on", a="mlp_dropout"),
    *_mlp("dropout", "rate taken for keep", "mlp_rate_for_keep", a="mlp_dropout"),
    *_mlp("gradients", "not trained", "mlp_frozen", layer="dense"),
    Pair(
        "keras:lenet", "torch:lenet_pool_counts_padding", "forward", "average pool counting padding"
    ),
    Pair("keras:lenet", "torch:lenet_max_pool", "forward", "pooling", "conv2d"),
    Pair("keras:lenet", "torch:lenet_flatten_order", "forward", "Flatten order", "dense"),
    Pair("keras:strided", "torch:strided_symmetric", "forward", "symmetric padding", "conv2d"),
    Pair("keras:resnet", "torch:resnet_epsilon", "forward", "BatchNorm epsilon", "bn1"),
    Pair("keras:resnet", "torch:resnet_momentum", "statistics", "momentum complement", "batch"),
    Pair("keras:resnet", "torch:resnet_no_shortcut", "forward", "residual connection"),
    Pair(
        "keras:resnet",
        "torch:resnet_never_eval",
        "evaluation mode",
        "batch statistics at evaluation",
    ),
    Pair("keras:lstm", "torch:lstm_both_biases", "gradients", "both biases trained", "lstm"),
    Pair("keras:lstm", "torch:lstm_time_first", "forward", "batch_first"),
    Pair("keras:lstm", "torch:lstm_gate_order", "forward", "gate order", "lstm"),
    Pair("keras:transformer", "torch:transformer_epsilon", "forward", "LayerNorm epsilon", "norm1"),
    Pair("keras:mlp", "flax:mlp_tanh", "forward", "activation", "between"),
    Pair("torch:mlp", "flax:mlp_learning_rate", "update after 1 step", "learning rate"),
    Pair("torch:mlp", "flax:mlp_momentum", "update after 2 steps", "momentum"),
    Pair("torch:resnet", "flax:resnet_epsilon", "forward", "BatchNorm epsilon", "bn1"),
    Pair("torch:attention", "flax:attention_scale", "forward", "attention scale missing"),
    Pair("keras:waves", "torch:waves_of_another_rate", "forward", "", "between"),
    Pair("keras:lstm_mask_zero", "torch:lstm", "forward", "mask_zero", "lstm"),
    Pair("keras:lstm", "torch:lstm_padding_idx", "gradients", "padding_idx", "embedding"),
    Pair("keras:lstm", "torch:lstm_forget_bias", "forward", "forget bias", "lstm"),
    Pair(
        "keras:lstm_adam",
        "torch:lstm_adam",
        "update after 1 step",
        "embedding gradients not summed",
        "embedding",
    ),
    Pair("torch:lstm", "flax:lstm_backwards", "forward", "LSTM go_backwards", "lstm"),
    Pair("keras:gru", "torch:gru_gate_order", "forward", "gate order", "gru"),
    Pair("keras:gru", "torch:gru_update_gate", "forward", "update gate", "gru"),
    Pair("keras:gru_reset_first", "torch:gru", "architecture", "GRU reset_after", "gru"),
    Pair("torch:gru", "flax:gru_one_bias", "architecture", "recurrent bias missing", "gru"),
    Pair(
        "keras:transformer",
        "torch:transformer_no_scale",
        "forward",
        "attention scale missing",
        "multi_head_attention",
    ),
    Pair(
        "keras:transformer",
        "torch:transformer_heads",
        "forward",
        "attention heads",
        "multi_head_attention",
    ),
    Pair("keras:transformer", "torch:transformer_batch_first", "evaluation mode", "batch_first"),
    Pair("keras:decoder", "torch:decoder_no_mask", "forward", "causal mask", "attention"),
    Pair(
        "keras:decoder",
        "torch:decoder_true_means_seen",
        "forward",
        "causal mask",
        "attention",
    ),
    Pair("keras:decoder", "torch:decoder_mask_transposed", "forward", "causal mask", "attention"),
    Pair("torch:decoder", "flax:decoder_mask_turned", "forward", "causal mask", "attention"),
    Pair("keras:habit_steps", "torch:steps_averaged_in_windows", "forward", "pooling", "between"),
    Pair("keras:habit_averaged", "torch:plain", "after training", "average of the weights"),
    Pair("keras:habit_clipped", "torch:plain", "large gradients", "gradient clipping"),
    Pair(
        "keras:habit_slow_schedule",
        "torch:plain",
        "update after 10 steps",
        "learning-rate schedule",
    ),
    Pair("keras:habit_own_step", "torch:plain", "gradients", "loss scale"),
    Pair("torch:plain", "flax:plain_clipped", "update after 1 step", "gradient clipping"),
]
