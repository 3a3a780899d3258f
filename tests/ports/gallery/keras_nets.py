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
