"""Some random specs a backend, and that the fuzzer finds and shrinks what breaks.

Those of Keras and JAX are tried in tests/backends/process_conformance.py. By hand, two hundred:
`python studies/fuzz.py --backend all`.
"""

from __future__ import annotations

import importlib
import shlex
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, seed, settings

from benchbench.certify.causality import is_causal
from benchbench.certify.exercise import Exercise
from benchbench.certify.size import too_large
from benchbench.plugins.registry import install_command, load_registry, missing_requirements
from benchbench.spec.files import dump, load_model, load_protocol
from benchbench.spec.layers import (
    GRU,
    LSTM,
    AvgPool2D,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    LayerNorm,
    MaxPool2D,
    MultiHeadAttention,
    PositionEmbedding,
    Residual,
)
from benchbench.spec.optimizers import SGD, Adam, AdamW, RMSprop

STUDIES = Path(__file__).parents[2] / "studies"
CELLS = (
    ("numpy", "idiomatic"),
    ("torch", "idiomatic"),
    ("torch", "tuned"),
)
# 50 are more than a portion.
MANY = {"numpy": 50, "torch": 20}

fuzzer = importlib.import_module("fuzzer")
strategies = importlib.import_module("strategies")

Finished = subprocess.CompletedProcess


def fuzz(backend: str, division: str, specs: int, folder: Path) -> Finished[str]:
    words = ("--backend", backend, "--division", division, "--into", str(folder))
    return subprocess.run(
        [sys.executable, str(STUDIES / "fuzz.py"), *words, "--specs", str(specs), "--seed", "0"],
        capture_output=True,
        text=True,
        check=False,
    )


def missing(backend: str) -> str | None:
    """Return why this backend cannot be fuzzed here."""
    info = load_registry().backend(backend)
    lacking = missing_requirements(info)
    return f"{backend} needs {', '.join(lacking)}: {install_command(info)}" if lacking else None


def assert_holds(done: Finished[str], backend: str, division: str, specs: int) -> None:
    assert done.returncode == 0, done.stderr
    _, _, row = done.stdout.splitlines()
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:5] == [backend, division, "cpu", "0", str(specs)]
    if division == "idiomatic":
        assert cells[5] == "0", "every layer of the spec is supported"
    assert int(cells[6]) < specs, "most specs can be certified"
    assert cells[7] == "0"


@pytest.mark.parametrize(("backend", "division"), CELLS)
def test_random_specs_hold(backend: str, division: str, tmp_path: Path, exhaustive: bool) -> None:
    if reason := missing(backend):
        pytest.skip(reason)
    specs = MANY[backend] if exhaustive else fuzzer.FEW
    assert_holds(fuzz(backend, division, specs, tmp_path), backend, division, specs)
    assert not list(tmp_path.iterdir())


CORNERS: dict[str, Callable[[Exercise], bool]] = {
    "batches of one": lambda e: e.protocol.batch_size == 1,
    "a short last batch of several": lambda e: e.protocol.batch_size >= 5,
    "an image of one pixel": lambda e: _sides(e) == (1, 1),
    "an odd image, not square": lambda e: {side % 2 for side in _sides(e)} == {1} and _differ(e),
    "no convolution": lambda e: not _count(e, Conv2D),
    "three convolutions": lambda e: _count(e, Conv2D) == 3,
    "three pools": lambda e: _count(e, MaxPool2D) == 3,
    "a pool before a convolution": lambda e: (
        isinstance(e.model.layers[0], MaxPool2D) and _count(e, Conv2D) > 0
    ),
    "two pools in a row": lambda e: (MaxPool2D, MaxPool2D) in pairwise(map(type, e.model.layers)),
    "a kernel that is not square": lambda e: any(
        isinstance(layer, Conv2D) and len(set(layer.kernel_size)) == 2 for layer in e.model.layers
    ),
    "a pool that drops a row": lambda e: any(
        isinstance(trace.layer, MaxPool2D) and trace.input_shape[0] % trace.layer.pool_size[0]
        for trace in e.model.trace()
    ),
    "strides with same padding": lambda e: _has(
        e, Conv2D, lambda one: one.strides != (1, 1) and one.padding == "same"
    ),
    "a depthwise convolution": lambda e: _has(e, Conv2D, lambda one: one.groups > 1),
    "a dilated convolution": lambda e: _has(e, Conv2D, lambda one: one.dilation != (1, 1)),
    "no bias": lambda e: _has(e, Conv2D, lambda one: not one.use_bias),
    "a pool of averages with same padding": lambda e: _has(
        e, AvgPool2D, lambda one: one.padding == "same"
    ),
    "a block with a projection": lambda e: any(
        isinstance(layer, Residual) and layer.shortcut for layer in e.model.layers
    ),
    "branches side by side": lambda e: _count(e, Concat) > 0,
    "BatchNorm": lambda e: _has(e, BatchNorm),
    "LayerNorm": lambda e: _has(e, LayerNorm),
    "dropout": lambda e: _has(e, Dropout),
    "a row of a table": lambda e: len(e.model.input_shape) == 1 and not e.model.vocabulary,
    "a sequence of values": lambda e: len(e.model.input_shape) == 2,
    "tokens": lambda e: e.model.vocabulary is not None,
    "one token": lambda e: e.model.vocabulary == 1,
    "three hundred tokens": lambda e: e.model.vocabulary == 300,
    "a sequence of one step": lambda e: e.model.vocabulary and e.model.input_shape == (1,),
    "positions": lambda e: _has(e, PositionEmbedding),
    "several heads": lambda e: _has(e, MultiHeadAttention, lambda one: one.heads > 1),
    "causal attention": lambda e: _has(e, MultiHeadAttention, lambda one: one.causal),
    "attention that looks ahead": lambda e: _has(e, MultiHeadAttention, lambda one: not one.causal),
    "an LSTM of every step": lambda e: _has(e, LSTM, lambda one: one.return_sequences),
    "a GRU of the last": lambda e: _has(e, GRU, lambda one: not one.return_sequences),
    "a prediction at each place": lambda e: len(e.model.output_shape) == 2,
    "a causal network": lambda e: is_causal(e.model),
    "values to learn": lambda e: e.model.output_activation == "linear",
    "answers to learn": lambda e: e.model.output_activation == "sigmoid",
    "smoothed labels": lambda e: e.protocol.loss is not None,
    "clipped gradients": lambda e: e.protocol.clip_norm is not None,
    "a schedule": lambda e: e.protocol.optimizer.schedule is not None,
    **{
        kind.__name__: lambda e, kind=kind: isinstance(e.protocol.optimizer, kind)
        for kind in (SGD, AdamW, RMSprop)
    },
    "a hundred thousand operations": lambda e: e.model.forward_flops > 100_000,
    "no hidden layer": lambda e: _count(e, Dense) == 1,
    "three hidden layers": lambda e: _count(e, Dense) == 4,
    "a linear hidden layer": lambda e: any(
        isinstance(layer, Dense) and layer.activation == "linear" for layer in e.model.layers
    ),
    "a Flatten with nothing to do": lambda e: _count(e, Flatten) == 2,
    "twelve classes": lambda e: e.model.classes == 12,
    "the benchmark's Adam": lambda e: e.protocol.optimizer == Adam(),
    "another Adam": lambda e: e.protocol.optimizer != Adam(),
}


def _count(exercise: Exercise, kind: type) -> int:
    return sum(isinstance(layer, kind) for layer in exercise.model.layers)


def _has(exercise: Exercise, kind: type, fits: Callable[[Any], bool] = lambda _: True) -> bool:
    layers = [leaf.layer for leaf in exercise.model.leaves()]
    return any(isinstance(layer, kind) and fits(layer) for layer in layers)


def _sides(exercise: Exercise) -> tuple[int, ...]:
    """Return height and width; nothing of what is no image."""
    shape = exercise.model.input_shape
    return shape[:2] if len(shape) == 3 else ()


def _differ(exercise: Exercise) -> bool:
    return len(set(_sides(exercise))) == 2


def test_the_corners_are_reached() -> None:
    drawn: list[Exercise] = []

    @seed(0)
    @settings(max_examples=500, database=None)
    @given(strategies.exercises())
    def draw(exercise: Exercise) -> None:
        drawn.append(exercise)

    draw()
    reached = {name: sum(map(bool, map(corner, drawn))) for name, corner in CORNERS.items()}
    assert min(reached.values()) > 0, reached


@given(strategies.exercises())
def test_every_spec_is_valid_and_can_be_written_to_a_file(
    tmp_path_factory: pytest.TempPathFactory, exercise: Exercise
) -> None:
    path = tmp_path_factory.getbasetemp() / "spec.toml"
    path.write_text(dump(exercise.model))
    assert load_model(path) == exercise.model
    path.write_text(dump(exercise.protocol))
    assert load_protocol(path) == exercise.protocol
    assert too_large(exercise.model, exercise.protocol) is None


def test_portions_are_what_one_process_would_try(monkeypatch, tmp_path: Path) -> None:
    tried: list[str] = []
    monkeypatch.setattr(fuzzer.Fuzzer, "_climb", lambda _, exercise: tried.append(repr(exercise)))

    def portion(first: int, stop: int) -> list[str]:
        tried.clear()
        cell = fuzzer.Cell("numpy", "idiomatic", "cpu", tmp_path)
        assert fuzzer.Fuzzer(cell).fuzz(40, 0, range(first, stop)) == 0
        return list(tried)

    whole = portion(0, 40)
    assert len(set(whole)) > 35
    assert portion(0, 20) + portion(20, 40) == whole


FAULTY = '''
import msgspec
from benchbench import Backend, BackendInfo, MaxPool2D, hookimpl

class Faulty(Backend):
    """NumPy's, but with a pool and batches of an even size it learns 1 % too fast."""
    def versions(self):
        return {}
    def devices(self):
        return ("cpu",)
    def trainer(self, model, protocol, **options):
        from benchbench_numpy.backend import NumpyBackend
        pools = any(isinstance(layer, MaxPool2D) for layer in model.layers)
        if pools and protocol.batch_size % 2 == 0:
            adam = protocol.optimizer
            adam = msgspec.structs.replace(adam, learning_rate=1.01 * adam.learning_rate)
            protocol = msgspec.structs.replace(protocol, optimizer=adam)
        return NumpyBackend("float32").trainer(model, protocol, **options)

@hookimpl
def benchbench_backends():
    return [BackendInfo("faulty", ("numpy",), Faulty)]
'''


@pytest.mark.exhaustive
def test_what_breaks_is_shrunk_to_a_file_that_certify_takes(
    install, monkeypatch, tmp_path: Path
) -> None:
    install("faulty", FAULTY)
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path / "cache"))
    done = fuzz("faulty", "idiomatic", 100, tmp_path)
    assert done.returncode == 1, done.stderr
    assert "| 1 |" in done.stdout.splitlines()[-1]
    assert "everything moves 1.0100 times as far" in done.stderr
    model = load_model(tmp_path / "faulty-idiomatic.toml")
    # How small it gets is hypothesis's affair; that it still shows the fault is not.
    assert any(isinstance(layer, MaxPool2D) for layer in model.layers)
    assert load_protocol(tmp_path / "faulty-idiomatic-protocol.toml").batch_size % 2 == 0
    command, *words = shlex.split(done.stderr.strip().splitlines()[-1])
    assert command == "benchbench"
    certified = subprocess.run(
        [sys.executable, "-m", command, *words], capture_output=True, text=True, check=False
    )
    assert certified.returncode == 1, certified.stderr
    assert "BREAKS at update after 1 step" in certified.stdout
