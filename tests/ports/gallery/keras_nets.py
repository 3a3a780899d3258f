"""Small programs as people write them in Keras."""

import keras
from keras import layers


def _compiled(network, optimizer=None, loss="sparse_categorical_crossentropy"):
    network.compile(optimizer=optimizer or keras.optimizers.SGD(0.1), loss=loss)
    return network


def _logits():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def mlp(optimizer=None, activation="relu"):
    return _compiled(
        keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                layers.Flatten(),
                layers.Dense(16, activation=activation),
                layers.Dense(10, activation="softmax"),
            ]
        ),
        optimizer,
    )


def mlp_adam():
    return mlp(keras.optimizers.Adam(1e-3))


def mlp_decay():
    optimizer = keras.optimizers.SGD(0.1, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return mlp(optimizer)


def mlp_momentum():
    return mlp(keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True))


def mlp_gelu():
    return mlp(activation="gelu")


def mlp_leaky():
    return mlp(activation=lambda x: keras.ops.leaky_relu(x, 0.3))


def mlp_dropout(rate=0.2):
    return _compiled(
        keras.Sequential(
            [
                keras.Input((64,)),
                layers.Dense(16, activation="relu"),
                layers.Dropout(rate),
                layers.Dense(10),
            ]
        ),
        loss=_logits(),
    )


def lenet():
    return _compiled(
        keras.Sequential(
            [
                keras.Input((12, 12, 1)),
                layers.Conv2D(4, 3, padding="same", activation="relu"),
                layers.AveragePooling2D(3, strides=1, padding="same"),
                layers.Conv2D(8, 3, activation="relu"),
                layers.MaxPooling2D(2),
                layers.Flatten(),
                layers.Dense(16, activation="tanh"),
                layers.Dense(5),
            ]
        ),
        keras.optimizers.SGD(0.05, momentum=0.9),
        _logits(),
    )


def strided():
    return _compiled(
        keras.Sequential(
            [
                keras.Input((12, 12, 2)),
                layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
                layers.Flatten(),
                layers.Dense(5),
            ]
        ),
        loss=_logits(),
    )


def resnet():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    x = shortcut = layers.ReLU()(x)
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(layers.Add()([x, shortcut]))
    x = layers.GlobalAveragePooling2D()(x)
    network = keras.Model(inputs, layers.Dense(5)(x))
    return _compiled(network, keras.optimizers.SGD(0.05, momentum=0.9), _logits())


def lstm():
    return _compiled(
        keras.Sequential(
            [keras.Input((7,)), layers.Embedding(20, 6), layers.LSTM(5), layers.Dense(3)]
        ),
        loss=_logits(),
    )


def transformer():
    inputs = keras.Input((6, 8))
    x = layers.LayerNormalization(epsilon=1e-5)(inputs)
    x = layers.Add()([inputs, layers.MultiHeadAttention(2, 4)(x, x)])
    y = layers.LayerNormalization(epsilon=1e-5)(x)
    y = layers.Dense(16, activation="gelu")(y)
    x = layers.Add()([x, layers.Dense(8)(y)])
    network = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))
    return _compiled(network, loss=_logits())


def lstm_adam():
    network = lstm()
    network.compile(keras.optimizers.Adam(1e-2, epsilon=1e-10), _logits())
    return network


def gru(**options):
    return _compiled(
        keras.Sequential(
            [
                keras.Input((7,)),
                layers.Embedding(20, 6),
                layers.GRU(5, return_sequences=True, **options),
                layers.Dense(20),
            ]
        ),
        loss=_logits(),
    )


def gru_reset_first():
    return gru(reset_after=False)


def stacked():
    network = keras.Sequential([keras.Input((7, 4))])
    network.add(layers.Bidirectional(layers.LSTM(5, return_sequences=True)))
    network.add(layers.LSTM(3))
    network.add(layers.Dense(2))
    return _compiled(network, loss=_logits())


class _Decoder(keras.Model):
    """Predicts a token at each place: tokens, places, a causal block."""

    def __init__(self):
        super().__init__()
        self.tokens, self.places = layers.Embedding(20, 8), layers.Embedding(7, 8)
        self.norm1, self.norm2 = (layers.LayerNormalization(epsilon=1e-5) for _ in range(2))
        self.attention = layers.MultiHeadAttention(2, 4)
        self.up, self.down = layers.Dense(16, activation="gelu"), layers.Dense(8)
        self.last = layers.Dense(20)

    def call(self, tokens):
        x = self.tokens(tokens) + self.places(keras.ops.arange(7))
        y = self.norm1(x)
        x = x + self.attention(y, y, use_causal_mask=True)
        x = x + self.down(self.up(self.norm2(x)))
        return self.last(x)


def decoder():
    return _compiled(_Decoder(), loss=_logits())


def vit():
    inputs = keras.Input((8, 12, 2))
    x = layers.Conv2D(8, 4, strides=4)(inputs)
    x = layers.Reshape((6, 8))(x)
    y = layers.LayerNormalization(epsilon=1e-5)(x)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 4)(y, y)])
    x = layers.GlobalAveragePooling1D()(x)
    return _compiled(keras.Model(inputs, layers.Dense(3)(x)), loss=_logits())


def lstm_mask_zero():
    return _compiled(
        keras.Sequential(
            [
                keras.Input((7,)),
                layers.Embedding(20, 6, mask_zero=True),
                layers.LSTM(5),
                layers.Dense(3),
            ]
        ),
        loss=_logits(),
    )


class _Waves(layers.Layer):
    """Adds sines and cosines: a constant, worked out where it is used."""

    def call(self, x):
        rate = keras.ops.exp(-keras.ops.arange(4, dtype=x.dtype) * 2)
        angle = keras.ops.arange(7, dtype=x.dtype)[:, None] * rate
        return x + keras.ops.concatenate([keras.ops.sin(angle), keras.ops.cos(angle)], -1)


def waves():
    return _compiled(
        keras.Sequential([keras.Input((7,)), layers.Embedding(20, 8), _Waves(), layers.Dense(20)]),
        loss=_logits(),
    )
