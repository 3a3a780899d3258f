"""Fixtures of more than one room."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings

from benchbench.data import container, digits, idx, mnist
from benchbench.records import (
    Check,
    EpochRecord,
    FinalScore,
    Machine,
    Phases,
    RunRecord,
)
from benchbench.spec.catalog import MODELS
from benchbench.spec.identity import spec_sha256
from benchbench.spec.protocol import TrainingProtocol

# A shared machine stops any test for a second at times; slowness is no failure here.
settings.register_profile("benchbench", deadline=None)
settings.load_profile("benchbench")


def _record(**changes) -> RunRecord:
    model = MODELS[changes.get("model", "deeper-cnn")]
    protocol = TrainingProtocol()
    epochs = [
        EpochRecord(
            train_seconds=seconds,
            validation_seconds=0.5,
            train_cpu_seconds=None,
            loss=0.1,
            validation_loss=0.1,
            validation_accuracy=0.97,
        )
        for seconds in changes.pop("train_seconds", (9.0, 6.0, 8.0, 6.5, 7.0))
    ]
    record = RunRecord(
        run_id="20260102T030405-abcdef-000-deeper-cnn-torch-idiomatic",
        session_id="20260102T030405-abcdef",
        block=0,
        status="ok",
        backend="torch",
        division="idiomatic",
        model=model.name,
        dataset="mnist",
        device="cpu",
        threads=2,
        seed=0,
        spec=model,
        protocol=protocol,
        spec_sha256=spec_sha256(model, protocol),
        dataset_sha256="d" * 64,
        train_image_count=48_000,
        validation_image_count=12_000,
        parameter_count=model.parameter_count,
        epochs=tuple(epochs),
        phases=Phases(
            import_=1.5,
            data=0.5,
            build=0.1,
            first_epoch=9.0,
            steady_epochs=27.5,
            validation=2.5,
            evaluate=0.5,
            predict=0.25,
            waiting=3.0,
            other=0.15,
            total=45.0,
        ),
        test=FinalScore(loss=0.05, accuracy=0.984, image_count=10_000),
        checks=(
            Check("parameter count", True, "17,578", "17,578"),
            Check("first image", None, "a 7", "not MNIST"),
        ),
        versions={"torch": "2.13.0"},
        machine=Machine(
            system="Linux",
            processor="Some CPU",
            physical_cores=2,
            usable_cores=2,
            memory_bytes=8_000_000_000,
            python="3.11.7",
        ),
        peak_memory_bytes=612_000_000,
        started="2026-01-02T03:04:05+00:00",
        finished="2026-01-02T03:04:50+00:00",
    )
    return msgspec.structs.replace(record, **changes)


@pytest.fixture(scope="session")
def make_record() -> Callable[..., RunRecord]:
    """Make a good run of deeper-cnn under torch, changed as told.

    `train_seconds` are those of the epochs; other keywords are fields of RunRecord.
    """
    return _record


def _real_mnist() -> Path | None:
    named = os.environ.get(mnist.DATA_VARIABLE)
    return container.locate(Path(named).absolute()) if named else None


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """Give the folder of real MNIST's four files; skip without one, fail without one in CI."""
    folder = _real_mnist()
    if folder is None:
        message = f"no MNIST: {mnist.DATA_VARIABLE} must name a folder that holds it"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def small_mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the first 2,000 training and 500 test images of MNIST (else of digits) as IDX files."""
    place = _real_mnist()
    content = container.read(place) if place else digits.make()
    folder = tmp_path_factory.mktemp("sets") / "small-mnist"
    folder.mkdir()
    for part, array in content.arrays.items():
        count = 2_000 if part.startswith("train") else 500
        path = folder / container.file_name(part, array.ndim)
        path.write_bytes(idx.encode(array[:count]))
    return folder
