"""One half of pairs across frameworks: `torch_pairs`."""

import keras
from keras import layers


def _compiled(*stack):
    network = keras.Sequential(list(stack))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.SGD(0.1), loss)
    return network


def flattened():
    return _compiled(
        keras.Input((28, 28, 1)),
        layers.Conv2D(4, 5, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(6, 5, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(10),
    )


def images_in_a_row():
    return _compiled(
        keras.Input((5, 8, 8, 1)),
        layers.TimeDistributed(layers.Conv2D(4, 3, activation="relu")),
        layers.TimeDistributed(layers.GlobalAveragePooling2D()),
        layers.LSTM(6),
        layers.Dense(3),
    )


def one_value():
    return keras.Sequential(
        [keras.Input((8,)), layers.Dense(16, activation="relu"), layers.Dense(1)]
    )


def concatenated():
    inputs = keras.Input((6, 6, 2))
    early = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    late = layers.Conv2D(4, 3, padding="same", activation="relu")(early)
    x = layers.Conv2D(3, 3, padding="same")(layers.Concatenate()([late, early]))
    network = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.SGD(0.1), loss)
    return network
