"""The torch backend: the conformance suite for both divisions, and what is special to torch."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from benchbench import (
    Conv2D,
    Dense,
    Flatten,
    MaxPool2D,
    ModelSpec,
    Split,
    Trainer,
    TrainingProtocol,
    Unsupported,
)
from benchbench.spec.catalog import MODELS
from benchbench.spec.initial import initial_variables
from benchbench.testing import BackendConformance

torch = pytest.importorskip("torch", reason="torch is not installed")

from benchbench_torch import device, written_out  # noqa: E402
from benchbench_torch.backend import TorchBackend  # noqa: E402
from benchbench_torch.layout import tensor_of  # noqa: E402
from benchbench_torch.network import Network  # noqa: E402

DIVISIONS = ("idiomatic", "tuned")
each_division = pytest.mark.parametrize("division", DIVISIONS)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")

NOT_SQUARE = ModelSpec(
    "not-square",
    (9, 13, 3),
    (
        Conv2D(4, (3, 2), "relu"),
        MaxPool2D((2, 3)),
        Conv2D(5, (2, 2)),
        Flatten(),
        Dense(6, "softmax"),
    ),
)


class TestIdiomatic(BackendConformance):
    backend = "torch"
    division = "idiomatic"


class TestTuned(BackendConformance):
    backend = "torch"
    division = "tuned"


@pytest.mark.exhaustive
class TestCompiled(BackendConformance):
    backend = "torch"
    division = "compiled"


@needs_cuda
class TestCompiledOnCuda(BackendConformance):
    backend = "torch"
    division = "compiled"
    device = "cuda:0"


@needs_cuda
class TestIdiomaticOnCuda(BackendConformance):
    backend = "torch"
    division = "idiomatic"
    device = "cuda:0"


@needs_cuda
class TestTunedOnCuda(BackendConformance):
    backend = "torch"
    division = "tuned"
    device = "cuda:0"


@pytest.fixture(autouse=True)
def process_as_found() -> Iterator[None]:
    """Trainers set threads and denormals for their process, which here is everybody's."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)


def make_trainer(model: ModelSpec, division: str, **options: object) -> Trainer:
    protocol = TrainingProtocol(epochs=1, batch_size=32)
    chosen = {"device": "cpu", "threads": 1, "seed": 0} | options
    trainer = TorchBackend().trainer(model, protocol, division=division, **chosen)  # type: ignore[arg-type]
    trainer.set_variables(initial_variables(model, 0))
    return trainer


def random_split(model: ModelSpec, count: int) -> Split:
    random = np.random.default_rng(0)
    images = random.random((count, *model.input_shape), dtype=np.float32)
    labels = random.integers(0, model.classes, count)
    images.flags.writeable = labels.flags.writeable = False
    return Split(images, labels)


class Silence:
    """An observer that keeps nothing."""

    def epoch_trained(self, loss: float | None) -> None: ...

    def epoch_validated(self, score: object) -> None: ...


@pytest.mark.parametrize("model", [*MODELS.values(), NOT_SQUARE], ids=lambda model: model.name)
def test_layout_there_and_back_is_the_identity(model: ModelSpec) -> None:
    arrays = initial_variables(model, 0)
    there = Network(model, torch.device("cpu"))
    there.load(arrays)
    for array, back in zip(arrays, there.canonical(), strict=True):
        np.testing.assert_array_equal(back, array)


def test_dense_after_flatten_meets_its_features() -> None:
    """A weight on one pixel and channel alone finds it again after torch's other flatten order."""
    model = ModelSpec("one-weight", (2, 3, 4), (Flatten(), Dense(2, "softmax")))
    kernel = np.zeros((2, 3, 4, 2), np.float32)
    kernel[1, 2, 3, 1] = 1.0
    image = np.zeros((1, 2, 3, 4), np.float32)
    image[0, 1, 2, 3] = math.log(3)
    for division in DIVISIONS:
        trainer = make_trainer(model, division)
        trainer.set_variables([kernel.reshape(24, 2), np.zeros(2, np.float32)])
        np.testing.assert_allclose(trainer.predict(image), [[0.25, 0.75]], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "size"),
    [("two-layer", (28, 28)), ("simple-cnn", (28, 28)), ("deeper-cnn", (26, 26))],
)
def test_tuned_looks_at_the_pixels_that_pooling_keeps(name: str, size: tuple[int, int]) -> None:
    network = written_out.WrittenOut(MODELS[name], torch.device("cpu"))
    assert network.needed_size == size


def test_pixels_left_out_do_not_change_the_idiomatic_logits() -> None:
    model = MODELS["deeper-cnn"]
    trainer = make_trainer(model, "idiomatic")
    images = random_split(model, 3).inputs
    blanked = images.copy()
    blanked[:, 26:] = blanked[:, :, 26:] = 0.5
    np.testing.assert_array_equal(trainer.predict(blanked), trainer.predict(images))


@each_division
def test_settings_say_what_torch_says(division: str) -> None:
    settings = make_trainer(NOT_SQUARE, division, threads=2).settings()
    assert settings["threads"] == torch.get_num_threads() == 2
    assert settings["flush_denormal"] is (division == "tuned")
    assert settings["device"] == "cpu"
    assert settings["dtype"] == "float32"
    assert settings["fp32_precision"] == "ieee"
    assert settings["matmul_relative_error"] == device.matmul_relative_error(torch.device("cpu"))


def test_the_probe_tells_float32_from_less(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    assert device.matmul_relative_error(cpu) < 1e-6
    to = torch.Tensor.to
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, _: to(tensor, torch.bfloat16))
    assert device.matmul_relative_error(cpu) > 1e-3


def test_tuned_reads_nothing_back_within_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading one value back from a device waits for all work issued: once an epoch is enough."""
    reads = 0
    item = torch.Tensor.item

    def counting(tensor: torch.Tensor) -> float:
        nonlocal reads
        reads += 1
        return item(tensor)

    model = MODELS["single-layer"]
    counts = []
    for samples in (64, 640):
        trainer = make_trainer(model, "tuned")
        with monkeypatch.context() as patch:
            patch.setattr(torch.Tensor, "item", counting)
            reads = 0
            trainer.fit(random_split(model, samples), random_split(model, 10), Silence())
            counts.append(reads)
    assert counts[0] == counts[1] > 0


@each_division
def test_read_only_arrays_are_neither_copied_with_a_warning_nor_written(division: str) -> None:
    model = NOT_SQUARE
    split = random_split(model, 40)
    before = split.inputs.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer = make_trainer(model, division)
        trainer.fit(split, split, Silence())
        trainer.predict(split.inputs)
    np.testing.assert_array_equal(split.inputs, before)


def test_a_tensor_shares_the_memory_of_its_array() -> None:
    array = np.zeros(3, np.float32)
    array.flags.writeable = False
    assert tensor_of(array).data_ptr() == array.ctypes.data


@each_division
@pytest.mark.parametrize("name", ["cuda:99", "mps", "tpu"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(
    division: str, name: str
) -> None:
    with pytest.raises(Unsupported, match=f"no device '{name}'.* only cpu"):
        make_trainer(NOT_SQUARE, division, device=name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_without_a_device_is_refused() -> None:
    with pytest.raises(Unsupported, match="no device 'cuda'"):
        make_trainer(NOT_SQUARE, "tuned", device="cuda")


def test_an_unknown_division_is_refused_with_the_known() -> None:
    with pytest.raises(Unsupported, match="idiomatic, compiled, tuned"):
        make_trainer(NOT_SQUARE, "fastest")


@needs_cuda
@each_division
def test_cuda_computes_in_float32_and_reports_its_memory(division: str) -> None:
    trainer = make_trainer(NOT_SQUARE, division, device="cuda")
    assert trainer.settings()["matmul_relative_error"] < 1e-6
    assert (trainer.device_peak_memory_bytes() or 0) > 0


def test_declaring_the_backend_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys, benchbench_torch as plugin; plugin.benchbench_backends(); "
        "sys.exit(bool({'torch', 'numpy'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.exhaustive
def test_compiled_trains_through_the_compiler_what_idiomatic_trains() -> None:
    model = ModelSpec("tiny", (3, 3, 1), (Flatten(), Dense(4, "relu"), Dense(2, "softmax")))
    split = random_split(model, 40)
    trained = []
    for division in ("idiomatic", "compiled"):
        trainer = make_trainer(model, division)
        trainer.fit(split, split, Silence())
        trained.append(np.concatenate([array.ravel() for array in trainer.variables()]))
    assert trainer.settings()["compile"] == "torch.compile, mode default"
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    np.testing.assert_allclose(trained[1], trained[0], rtol=1e-4, atol=1e-6)


def test_compiled_is_refused_where_there_is_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("no-such-compiler",))
    with pytest.raises(Unsupported, match=r"found no compiler.*install g\+\+ or clang"):
        make_trainer(NOT_SQUARE, "compiled")
