"""A functional model of Keras as a spec: its sums and branches; and what cannot be expressed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from benchbench.experiments.ports import ports_of
from benchbench.plugins.registry import load_registry
from benchbench.ports.importing import NotExpressed, import_by
from benchbench.ports.process import PortFailure, PortProcess
from benchbench.ports.subjects import find_factory
from benchbench.spec.layers import BatchNorm, Conv2D, Residual

KERAS = """
import keras
from keras import layers

def branches():
    x = inputs = keras.Input((8, 8, 3))
    x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    x = layers.Conv2D(4, 3, strides=2, activation="relu")(x)
    y = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Concatenate()([x, keras.activations.silu(y)])
    z = keras.Sequential([layers.Conv2D(8, 1), layers.BatchNormalization()])(x)
    x = layers.ReLU()(x + z)
    x = layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    network = keras.Model(inputs, x)
    network.compile(keras.optimizers.RMSprop(1e-3), "sparse_categorical_crossentropy")
    return network

class Mine(layers.Layer):
    def call(self, x):
        return x * 2

def odd():
    shared = layers.Dense(8, kernel_regularizer="l2")
    x = inputs = keras.Input((8,))
    x = Mine()(shared(shared(x)))
    x = layers.Dense(8, activation=lambda x: x)(layers.GaussianNoise(0.1)(x))
    return keras.Model(inputs, layers.Dense(5)(x))

class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.head = layers.Dense(5)

    def call(self, x):
        return self.head(x)

def subclass():
    return Own()
"""


@pytest.mark.skipif(find_spec("keras") is None, reason="keras is not installed")
def test_a_functional_model_of_keras(tmp_path):
    path = tmp_path / "nets.py"
    path.write_text(KERAS)
    with PortProcess(ports_of(load_registry()), timeout_seconds=60) as process:
        _check_keras(process, path)


def _check_keras(process, path):
    found = import_by(process, find_factory(f"{path}:branches"), name="mine")
    first, concat, residual, *rest = found.model.layers
    assert first == Conv2D(4, (3, 3), "relu", strides=(2, 2), padding="same")
    assert concat.branches[0] == ()
    assert concat.branches[1][0].groups == 4
    assert residual == Residual((Conv2D(8, (1, 1)), BatchNorm()))
    assert [one.describe() for one in rest] == [
        "Activation(relu)",
        "GlobalAvgPool2D()",
        "Dense(5, softmax)",
    ]
    with pytest.raises(NotExpressed) as stop:
        import_by(process, find_factory(f"{path}:odd"), name="mine")
    reasons = " ".join(one.reason for one in stop.value.found)
    for told in ("called twice", "kernel_regularizer", "a Mine of your own", "GaussianNoise"):
        assert told in reasons
    assert "<lambda>" in reasons
    with pytest.raises(PortFailure, match="a `call` of its own"):
        import_by(process, find_factory(f"{path}:subclass"), name="mine", shape=(8,))
