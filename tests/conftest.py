"""Fixtures of more than one room."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
from benchbench.run.store import read
from benchbench.spec.catalog import MODELS
from benchbench.spec.identity import spec_sha256
from benchbench.spec.protocol import TrainingProtocol

# `faulty`, the backend with faults, is imported by name.
sys.path.append(str(Path(__file__).parent))

# A shell that starts the tests in the background has them ignore Ctrl-C, with all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A shared machine stops any test for a second at times; slowness is no failure here.
settings.register_profile("benchbench", deadline=None)
settings.load_profile("benchbench")


PHASES = Phases(
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
)

MACHINE = Machine(
    system="Linux",
    processor="Some CPU",
    physical_cores=2,
    usable_cores=2,
    memory_bytes=8_000_000_000,
    python="3.11.7",
)


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
        phases=PHASES,
        test=FinalScore(loss=0.05, accuracy=0.984, image_count=10_000),
        checks=(
            Check("parameter count", True, "17,578", "17,578"),
            Check("first image", None, "a 7", "not MNIST"),
        ),
        versions={"torch": "2.13.0"},
        machine=MACHINE,
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


@pytest.fixture
def install(tmp_path, monkeypatch) -> Iterator[Callable[..., None]]:
    """Install a distribution with one module, for this process and for those it starts.

    `install(distribution, code)` makes it a plugin, whose entry point is named like the
    distribution, or `plugin`; without code it is a distribution and nothing more.
    """
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    installed: list[str] = []

    def _install(distribution: str, code: str | None = None, *, plugin: str | None = None) -> None:
        module = distribution.replace("-", "_")
        info = site / f"{module}-1.0.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        (info / "METADATA").write_text(metadata)
        if code is not None:
            entry_point = f"[benchbench]\n{plugin or distribution} = {module}\n"
            (info / "entry_points.txt").write_text(entry_point)
            (site / f"{module}.py").write_text(code)
        importlib.invalidate_caches()
        installed.append(module)

    yield _install
    for module in installed:
        sys.modules.pop(module, None)


@dataclass
class Command:
    """`python -m benchbench` with the misfits installed and records in a folder of its own."""

    environment: dict[str, str]
    results: Path
    dataset: Path

    def start(self, *arguments: str, **options) -> subprocess.Popen[str]:
        """Start the command without waiting for it."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [sys.executable, "-m", "benchbench", *arguments],
            text=True,
            env=self.environment,
            **pipes | options,
        )

    def __call__(self, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **options)
        stdout, stderr = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def run(self, backend: str, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
        """`benchbench run`: the small data set, one model, two epochs, uncertified, or as told."""
        epochs = () if "--epochs" in arguments else ("--epochs", "2")
        model = () if "--model" in arguments else ("--model", "single-layer")
        dataset = () if "--dataset" in arguments else ("--dataset", str(self.dataset))
        certify = () if "--certify" in arguments else ("--no-certify",)
        return self(
            *("run", "--backend", backend, *model, *dataset, *epochs, *certify),
            *("--results", str(self.results), *arguments),
            **options,
        )

    def records(self) -> list[RunRecord]:
        """Return what has been saved; every file must be whole."""
        records, unreadable = read(self.results)
        assert not unreadable
        return records

    def record(self) -> RunRecord:
        (record,) = self.records()
        return record


def _misfit_source(seconds: float = 0.1) -> str:
    text = (Path(__file__).parent / "misfits.py").read_text()
    default = "    seconds = 0.1\n"
    assert text.count(default) == 1
    return text.replace(default, f"    seconds = {seconds}\n")


@pytest.fixture(scope="session")
def misfit_source() -> Callable[..., str]:
    """Make the source of the misfits, in which an epoch of `slow` is asleep for so many seconds."""
    return _misfit_source


@pytest.fixture
def misfits(install) -> None:
    """Install the plugin of misfits."""
    install("misfits", _misfit_source())


@pytest.fixture
def command(misfits, small_mnist, tmp_path) -> Command:
    """Give the command, with the misfits for backends."""
    return Command(dict(os.environ), tmp_path / "results", small_mnist)


@dataclass(frozen=True)
class Repository:
    """A git repository with one branch, main; a call is a git command in it."""

    root: Path

    def __call__(self, *arguments: str) -> str:
        author = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
        command = ["git", *author, *arguments]
        return subprocess.run(
            command, cwd=self.root, capture_output=True, text=True, check=True
        ).stdout

    def write(self, path: str, text: str) -> None:
        """Write a file and leave it uncommitted."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def commit(self, path: str, text: str) -> str:
        """Write a file, commit it, and return the hash."""
        self.write(path, text)
        self("add", path)
        self("commit", "--quiet", "--message", f"change {path}")
        return self("rev-parse", "HEAD").strip()

    def worktrees(self) -> list[str]:
        """Return the folders that git takes for worktrees, the first of them the root."""
        listed = self("worktree", "list", "--porcelain").splitlines()
        return [line.removeprefix("worktree ") for line in listed if line.startswith("worktree ")]


@pytest.fixture
def repository(tmp_path) -> Repository:
    """Make a repository whose one commit has `src/plugin.py`."""
    made = Repository(tmp_path / "repository")
    made.root.mkdir()
    made("init", "--quiet", "--initial-branch", "main")
    made.commit("src/plugin.py", "")
    return made
