"""More habits of people who write Keras, beside those of `torch_habits` and `torch_training`."""

import keras
from keras import layers


def _logits():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _compiled(*stack, optimizer=None):
    network = keras.Sequential(list(stack))
    network.compile(optimizer or keras.optimizers.SGD(0.1), _logits())
    return network


def _plain(optimizer=None):
    stack = (keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(3))
    return _compiled(*stack, optimizer=optimizer)


def habit_block():
    """The shortcut is made, and called, before the longer way."""
    inputs = keras.Input((8, 8, 2))
    options = {"momentum": 0.9, "epsilon": 1e-5}
    short = layers.BatchNormalization(**options)(layers.Conv2D(4, 1, use_bias=False)(inputs))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization(**options)(x))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.Add()([layers.BatchNormalization(**options)(x), short]))
    network = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    network.compile(keras.optimizers.SGD(0.1), _logits())
    return network


def habit_prelu():
    stack = (layers.Conv2D(4, 3), layers.PReLU(shared_axes=[1, 2]), layers.MaxPooling2D(2))
    return _compiled(keras.Input((12, 12, 2)), *stack, layers.Flatten(), layers.Dense(3))


def habit_gray():
    stack = (layers.Reshape((6, 8, 1)), layers.Conv2D(3, 3, activation="relu"), layers.Flatten())
    return _compiled(keras.Input((6, 8)), *stack, layers.Dense(3))


def habit_steps():
    stack = (layers.Conv1D(4, 3, activation="relu"), layers.MaxPooling1D(2), layers.Flatten())
    return _compiled(keras.Input((12, 3)), *stack, layers.Dense(3))


class _Shared(keras.Model):
    """One layer of dropout, called twice."""

    def __init__(self):
        super().__init__()
        self.first, self.second = (layers.Dense(8, activation="relu") for _ in range(2))
        self.last, self.drop = layers.Dense(3), layers.Dropout(0.2)

    def call(self, x, training=None):
        x = self.drop(self.first(x), training=training)
        return self.last(self.drop(self.second(x), training=training))


def habit_dropout():
    network = _Shared()
    network.compile(keras.optimizers.SGD(0.1), _logits())
    return network


def habit_averaged():
    return _plain(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9))


def habit_clipped():
    return _plain(keras.optimizers.SGD(0.1, global_clipnorm=1.0))


def habit_slow_schedule():
    return _plain(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 1000)))


class _Halved(keras.Model):
    """A step of training by hand, with half the loss."""

    def train_step(self, data):
        import tensorflow as tf

        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True)) / 2
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}


def habit_own_step():
    inputs = keras.Input((6,))
    network = _Halved(inputs, layers.Dense(3)(layers.Dense(8, activation="relu")(inputs)))
    network.compile(keras.optimizers.SGD(0.1), _logits())
    return network
