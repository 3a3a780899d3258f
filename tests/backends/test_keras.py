"""Keras conforms on each of its engines, and lets no setting of the user's in.

Keras fixes its engine at import, so each engine is tested in a process of its own; this process
never imports Keras.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from backends.own_process import assert_conforms, require

# What another engine can do otherwise: numbers, random draws, threads, work left behind.
ENGINE = "agrees_with_the_reference or order or shuffles or seed or synchronize or threads"
# Keras is the same under each engine; what an engine computes is convolutions, means, products.
LAYERS = "every_layer and (convolutions or norms or attentions)"
# Which tests of the suite; with --exhaustive, all.
CELLS = (
    ("keras", "idiomatic", None),
    # It has a program of its own for the layers that it knows; the rest the two share.
    ("keras", "tuned", ENGINE),
    ("keras-torch", "idiomatic", f"{ENGINE} or ({LAYERS})"),
    ("keras-jax", "idiomatic", f"{ENGINE} or ({LAYERS})"),
)
each_cell = pytest.mark.parametrize(("backend", "division", "only"), CELLS)


@each_cell
def test_conforms(
    backend: str, division: str, only: str | None, tmp_path: Path, exhaustive: bool
) -> None:
    assert_conforms(backend, division, "cpu", tmp_path, all_of_it=exhaustive, only=only)


@pytest.mark.exhaustive
def test_compiled_conforms(tmp_path: Path) -> None:
    assert_conforms("keras", "compiled", "cpu", tmp_path, all_of_it=True)


@pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="there is no NVIDIA driver here")
@each_cell
def test_conforms_on_cuda(
    backend: str, division: str, only: str | None, tmp_path: Path, exhaustive: bool
) -> None:
    assert_conforms(backend, division, "cuda:0", tmp_path, all_of_it=exhaustive, only=only)


def _run(code: str, **environment: str) -> list[str]:
    """Run Python code in a process of its own; return the lines it printed."""
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={name: value for name, value in os.environ.items() if name != "KERAS_HOME"}
        | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()


def test_declaring_imports_neither_framework_nor_numpy() -> None:
    (answer,) = _run(
        """
        import benchbench_keras, sys
        benchbench_keras.benchbench_backends()
        print({"keras", "tensorflow", "torch", "jax", "numpy"} & set(sys.modules) or "none")
        """
    )
    assert answer == "none"


FIT = """
    import numpy as np
    from benchbench import Dense, Flatten, ModelSpec, Split, TrainingProtocol
    from benchbench.plugins.registry import load_registry

    class Listener:
        def epoch_trained(self, loss): print("trained")
        def epoch_validated(self, score): print("validated")

    backend = load_registry().backend("keras-torch").create()
    model = ModelSpec("tiny", (2, 2, 1), (Flatten(), Dense(2, "softmax")))
    trainer = backend.trainer(
        model, TrainingProtocol(epochs=3, batch_size=4), device="cpu", division="idiomatic",
        threads=1, seed=0,
    )
    split = Split(np.ones((10, 2, 2, 1), np.float32), np.arange(10) % 2)
    trainer.fit(split, split, Listener())
    print(int(trainer._model.optimizer.iterations))
    print(sorted({str(array.dtype) for array in trainer.variables()}))
    print(trainer.settings()["image_data_format"], trainer.settings()["precision"])
"""


def test_nothing_the_user_has_set_changes_the_training(tmp_path: Path) -> None:
    """Neither the caps, which shorten a training with a warning, nor `keras.json`."""
    require("keras-torch")
    home = tmp_path / "keras-home"
    home.mkdir()
    settings = '{"floatx": "float64", "epsilon": 0.1, "image_data_format": "channels_first"}'
    (home / "keras.json").write_text(settings)
    *epochs, steps, dtypes, resolved = _run(
        FIT,
        HOME=str(tmp_path),
        KERAS_HOME=str(home),
        KERAS_MAX_EPOCHS="1",
        KERAS_MAX_STEPS_PER_EPOCH="1",
    )
    assert epochs == ["trained", "validated"] * 3
    assert steps == "9"  # three batches an epoch, the last of them short
    assert dtypes == "['float32']"
    assert resolved == "channels_last float32"
    assert not (tmp_path / ".keras").exists()


REFUSALS = """
    from itertools import product
    import numpy as np
    from benchbench import (
        Conv2D, Dense, Flatten, ModelSpec, Split, TrainingProtocol, Unsupported,
    )
    from benchbench.plugins.registry import load_registry
    from benchbench_keras.engines import TorchEngine

    class Listener:
        def epoch_trained(self, loss): pass
        def epoch_validated(self, score): pass

    backend = load_registry().backend("keras-torch").create()

    def fails(channels, filters, kernel, images):
        layers = (Conv2D(filters, kernel, "relu"), Flatten(), Dense(2, "softmax"))
        trainer = backend.trainer(
            ModelSpec("tiny", (3, 3, channels), layers), TrainingProtocol(epochs=1, batch_size=4),
            device="cpu", division="idiomatic", threads=1, seed=0,
        )
        split = Split(np.ones((images, 3, 3, channels), np.float32), np.arange(images) % 2)
        try:
            trainer.fit(split, split, Listener())
        except (Unsupported, RuntimeError) as error:
            assert "contiguous" in str(error)
            return type(error).__name__

    cases = list(product((1, 2), (1, 2), ((1, 1), (1, 2)), (1, 5, 6)))
    print({case: fail for case in cases if (fail := fails(*case))})
    TorchEngine.refusal = lambda *_: None
    print({case: fail for case in cases if (fail := fails(*case))})
"""


@pytest.mark.exhaustive
def test_what_torch_has_no_gradient_of_is_refused_and_nothing_else(tmp_path: Path) -> None:
    """Should Keras or torch mend it, this fails: the refusal can go."""
    require("keras-torch")
    refused, failing = map(ast.literal_eval, _run(REFUSALS, HOME=str(tmp_path)))
    of_one_image = [(2, 1, (1, 2), 1), (2, 1, (1, 2), 5)]  # channels, filters, kernel, images
    assert refused == dict.fromkeys(of_one_image, "Unsupported")
    assert failing == dict.fromkeys(of_one_image, "RuntimeError")


@pytest.mark.exhaustive
def test_without_a_home_of_keras_s_own_the_user_s_is_left_alone(tmp_path: Path) -> None:
    require("keras-torch")
    code = "from benchbench.plugins.registry import load_registry as load\n"
    _run(code + 'load().backend("keras-torch").create()', HOME=str(tmp_path))
    assert not (tmp_path / ".keras").exists()


def test_another_engine_in_the_process_is_an_error(tmp_path: Path) -> None:
    require("keras", "keras-torch")
    (message,) = _run(
        """
        import keras
        from benchbench import BenchbenchError
        from benchbench.plugins.registry import load_registry
        try:
            load_registry().backend("keras").create()
        except BenchbenchError as error:
            print(error)
        """,
        KERAS_BACKEND="torch",
        KERAS_HOME=str(tmp_path),
    )
    assert "expected Keras on tensorflow" in message
    assert "imported it on torch" in message
    assert "fresh process with KERAS_BACKEND=tensorflow" in message


def test_fit_has_let_go_of_the_epochs_iterator_before_another_process_has_its_turn() -> None:
    """Its destructor may wait for as long as the iterator is old: see `epoch_iterator.py`."""
    require("keras")
    looks = """
        def epoch_trained(self, loss): print("trained", held())
        def epoch_validated(self, score): print("validated", held())

    def held():
        import sys
        frame = sys._getframe()
        while (frame.f_globals["__name__"], frame.f_code.co_name) != (
            "keras.src.backend.tensorflow.trainer", "fit"
        ):
            frame = frame.f_back
        return frame.f_locals["iterator"] is not None
    """
    begin, end = FIT.index("        def epoch_trained"), FIT.index("    backend = ")
    code = FIT[:begin] + looks.lstrip("\n") + "\n" + FIT[end:].replace("keras-torch", "keras")
    assert _run(code)[:6] == ["trained True", "validated False"] * 3
