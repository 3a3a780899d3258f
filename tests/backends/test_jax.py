"""The jax backend: the conformance suite for both divisions, and what is special to JAX.

XLA reads its flags when JAX is imported, so the suite runs in a process of its own.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from backends.own_process import assert_conforms
from backends.test_reference_gradients import NETWORKS

from benchbench import (
    SGD,
    Activation,
    AvgPool2D,
    BatchNorm,
    BinaryCrossEntropy,
    Concat,
    Conv2D,
    CrossEntropy,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    LayerNorm,
    Loss,
    MaxPool2D,
    MeanSquaredError,
    ModelSpec,
    Reshape,
    Residual,
    Split,
    Trainer,
    TrainingProtocol,
    Unsupported,
)
from benchbench.certify.exercise import relative_difference
from benchbench.plugins.registry import load_registry
from benchbench.testing.observer import RecordingObserver

DIVISIONS = ("idiomatic", "tuned")
each_division = pytest.mark.parametrize("division", DIVISIONS)


@pytest.mark.parametrize(
    ("division", "only"),
    # The two share layers, losses and optimizers: of the second, the ladder.
    [("idiomatic", None), ("tuned", "test_agrees_with_the_reference")],
)
def test_conforms(division: str, only: str | None, tmp_path: Path, exhaustive: bool) -> None:
    assert_conforms("jax", division, "cpu", tmp_path, all_of_it=exhaustive, only=only)


@pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="there is no NVIDIA driver here")
@each_division
def test_conforms_on_cuda(division: str, tmp_path: Path, exhaustive: bool) -> None:
    assert_conforms("jax", division, "cuda:0", tmp_path, all_of_it=exhaustive)


def test_declaring_imports_neither_jax_nor_numpy() -> None:
    code = (
        "import benchbench_jax, sys; benchbench_jax.benchbench_backends();"
        "print({'jax', 'flax', 'optax', 'numpy'} & set(sys.modules) or 'none')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "none"


def make_trainer(
    model: ModelSpec,
    division: str,
    protocol: TrainingProtocol,
    *,
    backend: str = "jax",
    device: str = "cpu",
) -> Trainer:
    pytest.importorskip("flax", reason="flax is not installed")
    created = load_registry().backend(backend).create()
    return created.trainer(model, protocol, device=device, division=division, threads=1, seed=0)


EVERY_LAYER = (
    Conv2D(4, (3, 3), strides=(2, 2), padding="same", use_bias=False),
    BatchNorm(momentum=0.8, epsilon=0.1),
    Activation("leaky_relu"),
    Residual((Conv2D(4, (3, 2), "silu", padding="same", groups=2),), (Conv2D(4, (1, 1)),)),
    Concat(
        (
            (Conv2D(3, (2, 2), "elu", padding="same", dilation=(2, 1)),),
            (),
            (MaxPool2D((3, 3), (1, 1), "same"),),
            (AvgPool2D((2, 3), (1, 1), "same"),),
        )
    ),
    MaxPool2D((2, 1)),
    Reshape((3, 15, 4)),
    Conv2D(6, (1, 2), "gelu"),
    GlobalAvgPool2D(),
    Dense(5, "tanh"),
    LayerNorm(epsilon=0.1),
    Dense(5, "gelu_tanh", use_bias=False),
    Activation("sigmoid"),
)
_LOSSES: dict[str, Loss] = {
    "softmax": CrossEntropy(label_smoothing=0.1),
    "sigmoid": BinaryCrossEntropy(),
    "linear": MeanSquaredError(),
}


def _samples(model: ModelSpec, output: str) -> Split:
    random = np.random.default_rng(0)
    inputs = random.random((10, *model.input_shape), np.float32)
    if output == "softmax":
        return Split(inputs, random.integers(0, 3, 10))
    return Split(inputs, random.random((10, 3), np.float32))


def _assert_trains_as_numpy(
    division: str, layers: tuple, output: str = "softmax", shape: tuple = (8, 9, 2)
) -> None:
    """Three steps, the last of them short: updates, statistics, score and outputs are NumPy's."""
    model = ModelSpec("network", shape, (*layers, Dense(3, output)))
    protocol = TrainingProtocol(
        epochs=1, batch_size=4, shuffle=False, optimizer=SGD(0.01), loss=_LOSSES[output]
    )
    split, random = _samples(model, output), np.random.default_rng(1)
    start = []
    for variable in model.variables:
        positive = variable.role in {"moving_variance", "gamma"}
        values = random.normal(size=variable.shape) / 2 + (2 if positive else 0)
        start.append(values.astype(np.float32))
    answers = []
    for backend, chosen in (("numpy-float64", "idiomatic"), ("jax", division)):
        trainer = make_trainer(model, chosen, protocol, backend=backend)
        trainer.set_variables(start)
        observer = RecordingObserver()
        trainer.fit(split, split, observer)
        answers.append((trainer.variables(), observer, trainer.predict(split.inputs)))
    (expected, heard, outputs), (observed, told, predicted) = answers
    for variable, first, one, other in zip(model.variables, start, expected, observed, strict=True):
        apart = np.linalg.norm((other - one).ravel())
        assert apart <= 1e-4 * np.linalg.norm((one - first).ravel()) + 1e-6, variable.name
    assert told.losses == pytest.approx(heard.losses, rel=1e-5)
    assert told.scores[0].loss == pytest.approx(heard.scores[0].loss, rel=1e-5)
    assert told.scores[0].metric == pytest.approx(heard.scores[0].metric, rel=1e-5)
    assert relative_difference(predicted, outputs) < 1e-5


@pytest.mark.parametrize("output", _LOSSES)
def test_each_loss_trains_as_in_numpy(output: str) -> None:
    _assert_trains_as_numpy("idiomatic", (Flatten(), Dense(4, "tanh")), output)


# `test_trains_every_layer` of the conformance suite does it in the ordinary suite.
@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("division", "output"), [("idiomatic", "softmax"), ("tuned", "sigmoid"), ("tuned", "linear")]
)
def test_every_layer_and_loss_trains_as_in_numpy(division: str, output: str) -> None:
    _assert_trains_as_numpy(division, EVERY_LAYER, output, (9, 12, 2))


@pytest.mark.exhaustive
@each_division
@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_trains_as_in_numpy(name: str, division: str) -> None:
    _assert_trains_as_numpy(division, NETWORKS[name])


@each_division
def test_dropout_drops_and_scales_in_training_alone(division: str) -> None:
    """A row of the kernel moves if and only if its input was kept, and then twice as far."""
    model = ModelSpec("dropped", (20, 20, 1), (Flatten(), Dropout(0.5), Dense(2, "softmax")))
    protocol = TrainingProtocol(epochs=2, batch_size=1, shuffle=False, optimizer=SGD(0.01))
    trainer = make_trainer(model, division, protocol)
    trainer.set_variables([np.zeros((400, 2), np.float32), np.zeros(2, np.float32)])
    one = Split(np.ones((1, 20, 20, 1), np.float32), np.zeros(1, np.int64))
    moved = []

    class Reader:
        def epoch_trained(self, loss: float | None) -> None:
            moved.append(trainer.variables()[0][:, 0])

        def epoch_validated(self, score: object) -> None: ...

    trainer.fit(one, one, Reader())
    first, second = moved[0], moved[1] - moved[0]
    assert 140 < np.count_nonzero(first) < 260
    np.testing.assert_allclose(first[first != 0], 0.01 * 0.5 * 2, rtol=1e-5)
    assert np.any((first != 0) != (second != 0))
    np.testing.assert_array_equal(trainer.predict(one.inputs), trainer.predict(one.inputs))


@pytest.mark.parametrize(("size", "cut"), [((2, 2), 0), ((3, 2), 1)])
def test_the_fast_maximum_is_the_maximum_ties_included(size: tuple[int, int], cut: int) -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed")
    pytest.importorskip("flax", reason="flax is not installed")
    from benchbench_jax import functions

    random = np.random.default_rng(0)
    x = random.integers(0, 3, (4, 6 + cut, 6 + cut, 2)).astype(np.float32)
    pool = MaxPool2D(size)
    weights = random.random(functions.apply(pool, x).shape, np.float32)
    gradients = [
        jax.value_and_grad(lambda x, apply=apply: (weights * apply(pool, x)).sum())(x)
        for apply in (functions.apply, functions.apply_fast)
    ]
    assert gradients[0][0] == gradients[1][0]
    np.testing.assert_array_equal(gradients[0][1], gradients[1][1])


@pytest.mark.parametrize(
    ("name", "point", "expected"),
    [("relu", 0, 0), ("relu6", 0, 0), ("relu6", 6, 0), ("leaky_relu", 0, 0.2), ("elu", 0, 1)],
)
def test_derivatives_at_kinks_are_the_spec_s(name: str, point: float, expected: float) -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed")
    pytest.importorskip("flax", reason="flax is not installed")
    from benchbench_jax.functions import ACTIVATIONS

    assert jax.grad(ACTIVATIONS[name])(float(point)) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["cuda:99", "mps", "tpu"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    model = ModelSpec("tiny", (2, 2, 1), (Flatten(), Dense(2, "softmax")))
    with pytest.raises(Unsupported, match=f"no device '{name}'.* only cpu"):
        make_trainer(model, "idiomatic", TrainingProtocol(), device=name)


def test_the_worker_works_round_wrong_products_and_starts_without_a_cache() -> None:
    info = load_registry().backend("jax")
    assert ("XLA_FLAGS", "--xla_cpu_experimental_ynn_fusion_type=") in info.environment
    assert {"JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_X64", "JAX_DISABLE_JIT"} <= set(info.removes)
