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
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from benchbench.data import container, digits, idx, mnist
from benchbench.data.cache import CACHE_VARIABLE
from benchbench.measure import calibration
from benchbench.plugins import declarations
from benchbench.records import RunRecord
from benchbench.run.process import WorkerProcess
from benchbench.run.store import read

if TYPE_CHECKING:
    from repositories import Repository

# `faulty`, the backend with faults, and `makers` are imported by name, and so are the studies.
sys.path.append(str(Path(__file__).parent))
MISFITS = Path(__file__).with_name("misfits.py")
STUDIES = Path(__file__).parents[1] / "studies"
sys.path.append(str(STUDIES))

# A shell that starts the tests in the background has them ignore Ctrl-C, with all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run: what passed once passes again. A shared machine stops any test for
# a second at times; slowness is no failure here.
settings.register_profile(
    "benchbench", deadline=None, derandomize=True, database=None, max_examples=40
)
# A random search, which `tox -e exhaustive` makes: what it finds becomes an example that is pinned.
settings.register_profile("exhaustive", deadline=None, max_examples=1000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--exhaustive",
        action="store_true",
        help="also run what takes long: every model under every backend, and a random search",
    )


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("exhaustive" if config.getoption("--exhaustive") else "benchbench")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--exhaustive"):
        return
    skip = pytest.mark.skip(reason="takes long: runs with --exhaustive, or tox -e exhaustive")
    for item in items:
        if item.get_closest_marker("exhaustive"):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def signals_are_heeded() -> Iterator[None]:
    """Undo what a command that ends within the tests' process does: it heeds no signal any more."""
    endings = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {ending: signal.getsignal(ending) for ending in endings}
    yield
    for ending, handler in before.items():
        signal.signal(ending, handler)


@pytest.fixture(scope="session")
def exhaustive(pytestconfig: pytest.Config) -> bool:
    """Say whether what takes long is to be done in full."""
    return bool(pytestconfig.getoption("--exhaustive"))


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


def _write_distribution(
    site: Path, distribution: str, code: str | None = None, *, plugin: str | None = None
) -> str:
    module = distribution.replace("-", "_")
    info = site / f"{module}-1.0.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
    (info / "METADATA").write_text(metadata)
    if code is not None:
        entry_point = f"[benchbench]\n{plugin or distribution} = {module}\n"
        (info / "entry_points.txt").write_text(entry_point)
        (site / f"{module}.py").write_text(code)
    return module


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
        installed.append(_write_distribution(site, distribution, code, plugin=plugin))
        importlib.invalidate_caches()

    yield _install
    for module in installed:
        sys.modules.pop(module, None)
    declarations._loaded.cache_clear()  # another test's plugin may have the same name


@dataclass
class Command:
    """`benchbench` with the misfits installed and records in a folder of its own.

    A fork of this process, whose imports it need not do again; `by_hand` starts Python.
    """

    environment: dict[str, str]
    results: Path
    dataset: Path

    def start(self, *arguments: str, **options) -> subprocess.Popen[str]:
        """Start the command without waiting for it."""
        import commands

        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return commands.start_forked(arguments, text=True, env=self.environment, **pipes | options)

    def __call__(self, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **options)
        stdout, stderr = process.communicate(timeout=600)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def by_hand(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`python -m benchbench`, as a user starts it."""
        return subprocess.run(
            [sys.executable, "-m", "benchbench", *arguments],
            capture_output=True,
            text=True,
            env=self.environment,
            check=False,
        )

    def run(self, backend: str, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
        """`benchbench run`: a small data set, one model and thread, two epochs, uncertified.

        What the arguments say otherwise holds.
        """
        epochs = () if "--epochs" in arguments else ("--epochs", "2")
        model = () if "--model" in arguments else ("--model", "single-layer")
        dataset = () if "--dataset" in arguments else ("--dataset", str(self.dataset))
        threads = () if "--threads" in arguments else ("--threads", "1")
        certify = () if "--certify" in arguments else ("--no-certify",)
        return self(
            *("run", "--backend", backend, *model, *dataset, *epochs, *threads, *certify),
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


@pytest.fixture(scope="session")
def misfit_site(tmp_path_factory) -> Path:
    """Install the plugin of misfits once: it is not read anew for each test."""
    site = tmp_path_factory.mktemp("misfits")
    _write_distribution(site, "misfits", MISFITS.read_text())
    return site


@pytest.fixture
def misfits(install, misfit_site, monkeypatch) -> Iterator[None]:
    """Give the plugin of misfits to this process and to those it starts."""
    monkeypatch.syspath_prepend(str(misfit_site))
    monkeypatch.setenv("PYTHONPATH", f"{os.environ['PYTHONPATH']}{os.pathsep}{misfit_site}")
    yield
    sys.modules.pop("misfits", None)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory) -> Iterator[Path]:
    """Give the cache of all tests and of what they start: nothing is the user's.

    Tests that run side by side share it: what plugins declare is read once, and what the reference
    says of a model is worked out once for every backend.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder /= "cache"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder))
        yield folder


@pytest.fixture
def no_calibration(monkeypatch) -> None:
    """Make up what the calibration took, a tenth of a second of work before each turn."""
    monkeypatch.setattr(calibration, "calibrate", lambda _threads: 0.1)


@pytest.fixture
def command(misfits, no_calibration, small_mnist, tmp_path) -> Command:
    """Give the command, with the misfits for backends."""
    return Command(dict(os.environ), tmp_path / "results", small_mnist)


@pytest.fixture
def launch(tmp_path) -> Iterator[Callable[..., WorkerProcess]]:
    """Start shell scripts as workers: see `scripted`."""
    import scripted

    workers: list[WorkerProcess] = []

    def _launch(*lines: str, **options) -> WorkerProcess:
        workers.append(scripted.start(tmp_path, *lines, **options))
        return workers[-1]

    yield _launch
    for worker in workers:
        worker.close()


@pytest.fixture
def repository(tmp_path) -> Repository:
    """Make a repository whose one commit has `src/plugin.py`."""
    from repositories import Repository

    made = Repository(tmp_path / "repository")
    made.root.mkdir()
    made("init", "--quiet", "--initial-branch", "main")
    made.commit("src/plugin.py", "")
    return made
