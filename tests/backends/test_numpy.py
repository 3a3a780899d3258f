"""The NumPy backends conform, and what is special to them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import benchbench
from benchbench.errors import Unsupported
from benchbench.plugins.registry import load_registry
from benchbench.spec.catalog import MODELS
from benchbench.spec.initial import initial_variables
from benchbench.spec.protocol import TrainingProtocol
from benchbench.testing import BackendConformance


class TestNumpy(BackendConformance):
    backend = "numpy"


class TestNumpyFloat64(BackendConformance):
    """The reference against itself: exact by construction, but for what it declares and tells."""

    backend = "numpy-float64"


def _trainer(backend, model="single-layer", *, threads=1, device="cpu", division="idiomatic"):
    return (
        load_registry()
        .backend(backend)
        .create()
        .trainer(
            MODELS[model],
            TrainingProtocol(),
            device=device,
            division=division,
            threads=threads,
            seed=0,
        )
    )


def test_declaring_imports_no_numpy():
    code = (
        "import benchbench_numpy as p, sys; p.benchbench_backends(); print('numpy' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"


@pytest.mark.parametrize(("backend", "dtype"), [("numpy", "float32"), ("numpy-float64", "float64")])
def test_the_two_differ_in_dtype_alone(backend, dtype):
    trainer = _trainer(backend)
    assert {array.dtype.name for array in trainer.variables()} == {dtype}
    assert trainer.predict(np.zeros((3, 28, 28, 1), np.float32)).dtype == np.float32
    assert trainer.settings()["dtype"] == dtype


def test_the_settings_say_how_many_threads_multiply():
    assert _trainer("numpy", threads=1).settings()["blas_threads"] == 1


def test_the_order_in_which_libraries_were_loaded_is_no_setting(monkeypatch):
    trainer, said = _trainer("numpy"), []
    known = [{"internal_api": "openblas", "version": v, "num_threads": 1} for v in ("0.3.3", "0.3")]
    for libraries in (known, known[::-1]):
        monkeypatch.setattr(trainer._blas, "info", lambda libraries=libraries: libraries)
        said.append(trainer.settings()["blas"])
    assert said == ["openblas 0.3, openblas 0.3.3"] * 2


def test_weights_of_another_shape_are_refused():
    arrays = [array.T for array in initial_variables(MODELS["single-layer"], 0)]
    with pytest.raises(ValueError, match=r"expected .*\(784, 10\).* got .*\(10, 784\)"):
        _trainer("numpy").set_variables(arrays)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"device": "cuda:0"}, "'cpu' only, not on 'cuda:0'"),
        ({"division": "tuned"}, "'idiomatic' only, not 'tuned'"),
    ],
)
def test_what_it_does_not_do_is_refused_with_the_reason(choice, reason):
    with pytest.raises(Unsupported, match=reason):
        _trainer("numpy", **choice)


def test_probabilities_and_losses_by_hand():
    from benchbench_numpy.loss import cross_entropies, softmax

    logits = np.log([[1.0, 3.0], [4.0, 1.0]]) + 7
    np.testing.assert_allclose(softmax(logits), [[0.25, 0.75], [0.8, 0.2]])
    np.testing.assert_allclose(cross_entropies(logits, np.array([0, 1])), np.log([4, 5]))


def test_large_logits_neither_overflow_nor_are_clipped():
    """A logit of 1e4 against 0: the losses are 0 and 1e4, where clipping would say 16."""
    from benchbench_numpy.loss import cross_entropies, cross_entropy_gradient, softmax

    logits = np.array([[1e4, 0.0], [1e4, 0.0]], np.float32)
    labels = np.array([0, 1])
    np.testing.assert_array_equal(cross_entropies(logits, labels), [0, 1e4])
    np.testing.assert_array_equal(softmax(logits), [[1, 0], [1, 0]])
    np.testing.assert_array_equal(cross_entropy_gradient(logits, labels), [[0, 0], [0.5, -0.5]])


def test_the_first_of_equal_maxima_takes_the_derivative():
    from benchbench_numpy.layers import MaxPool, windows_of

    windows = windows_of(benchbench.MaxPool2D(), (3, 5, 1), (1, 2, 1))
    pool = MaxPool(input_shape=(3, 5, 1), windows=windows, batch_size=1, dtype=np.dtype("f4"))
    x = np.array([[1, 7, 5, 5, 9], [7, 0, 5, 5, 9], [8, 8, 8, 8, 8]], np.float32)
    y = pool.forward(x.reshape(1, 3, 5, 1))
    assert y.ravel().tolist() == [7, 5]
    dx = pool.backward_input(np.array([2, 3], np.float32).reshape(1, 1, 2, 1))
    assert dx.reshape(3, 5).tolist() == [[0, 2, 3, 0, 0], [0] * 5, [0] * 5]


def test_relu_passes_nothing_back_at_zero():
    from benchbench_numpy.layers import ReLU

    relu = ReLU(output_shape=(3,), batch_size=1, dtype=np.dtype("f4"))
    assert relu.forward(np.array([[-1, 0, 2]], np.float32)).tolist() == [[0, 0, 2]]
    assert relu.backward_input(np.array([[5, 6, 7]], np.float32)).tolist() == [[0, 0, 7]]
