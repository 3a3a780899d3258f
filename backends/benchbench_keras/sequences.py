"""The layers of sequences in Keras, and what of them Keras computes otherwise on TensorFlow."""

from __future__ import annotations

from typing import Any

import benchbench


def sequence_layer(keras: Any, trace: benchbench.LayerTrace, *, compiled: bool) -> Any:
    """Return the Keras layer of a layer of sequences; `compiled`: under TensorFlow's XLA.

    Raises Unsupported for any other layer.
    """
    layer = trace.layer
    # cuDNN's operations cannot be compiled: with them Keras leaves XLA out, with a warning.
    use_cudnn: bool | str = False if compiled else "auto"
    match layer:
        case benchbench.Embedding():
            return embedding(keras, layer)
        case benchbench.PositionEmbedding():
            return _positions(keras)
        case benchbench.MultiHeadAttention(heads):
            size = trace.input_shape[-1] // heads
            return keras.layers.MultiHeadAttention(heads, key_dim=size)
        case benchbench.LSTM():
            return keras.layers.LSTM(
                layer.units, return_sequences=layer.return_sequences, use_cudnn=use_cudnn
            )
        case benchbench.GRU():
            return keras.layers.GRU(
                layer.units,
                return_sequences=layer.return_sequences,
                reset_after=True,
                use_cudnn=use_cudnn,
            )
    raise benchbench.Unsupported(f"the Keras backends have no layer {type(layer).__name__} yet")


def embedding(keras: Any, layer: benchbench.Embedding) -> Any:
    """Return an Embedding whose gradient is one array, on every engine.

    On TensorFlow it would be an IndexedSlices with a row for each occurrence of a token. Adam and
    RMSprop square these rows, not the sum of a token's, and `global_clipnorm` takes their norm. A
    regularizer of weight 0 adds an array of zeros, and TensorFlow sums the rows to add to it.
    """
    on_tensorflow = keras.config.backend() == "tensorflow"
    return keras.layers.Embedding(
        layer.vocabulary,
        layer.features,
        embeddings_regularizer=keras.regularizers.L2(0.0) if on_tensorflow else None,
    )


def _positions(keras: Any) -> Any:
    """Return the layer that adds a row of its own to each place of a sequence."""

    class PositionEmbedding(keras.layers.Layer):
        def build(self, input_shape: tuple[int | None, ...]) -> None:
            self.embeddings = self.add_weight(shape=input_shape[1:], name="embeddings")

        def call(self, x: Any) -> Any:
            return x + self.embeddings

    return PositionEmbedding()
