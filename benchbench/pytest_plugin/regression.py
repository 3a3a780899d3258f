"""The plugin at work beside pytest-benchmark: the fixture, and the judgement of a comparison."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from benchbench.errors import StoreError
from benchbench.pytest_plugin.baseline import Run, SavedRun, judge
from benchbench.pytest_plugin.fail_ratio import FAIL_RATIO
from benchbench.pytest_plugin.measurement import EpochMeasurement, measurement_of
from benchbench.pytest_plugin.saved_runs import compared_baselines, latest_baseline

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture
    from pytest_benchmark.session import BenchmarkSession

    from benchbench.pytest_plugin.epoch_benchmark import EpochBenchmark

_ROUNDS = 10

# Another exit code (interrupted, usage, internal error) says that the run did not come to its end.
_COMPLETE = {
    pytest.ExitCode.OK,
    pytest.ExitCode.TESTS_FAILED,
    pytest.ExitCode.NO_TESTS_COLLECTED,
}


class Regression:
    """Hears what becomes of each test; at the end judges the run against what it is compared with.

    `allowed` is the growth of a ratio to the calibration that the user allows, None without a gate.
    """

    def __init__(self, config: pytest.Config, allowed: float | None) -> None:
        self._config = config
        self._allowed = allowed
        self._baselines: list[SavedRun] = []
        self._deselected: set[str] = set()
        self._reasons: dict[str, str] = {}
        self._complaints: list[str] = []
        self._remarks: list[str] = []

    @pytest.fixture
    def epoch_benchmark(
        self, request: pytest.FixtureRequest, benchmark: BenchmarkFixture
    ) -> EpochBenchmark:
        """Time an epoch slice of a network: epoch_benchmark(model, backend="torch")."""
        from benchbench.pytest_plugin.epoch_benchmark import EpochBenchmark

        least = int(self._config.getoption("benchmark_min_rounds"))
        earlier = self._earlier(request.node.nodeid)
        return EpochBenchmark(benchmark, earlier=earlier, rounds=max(_ROUNDS, least))

    def pytest_sessionstart(self) -> None:
        """Read the baselines: what is wrong with them is said before an hour is spent measuring."""
        if hasattr(self._config, "workerinput"):  # one of xdist's processes: the first one judges
            return
        try:
            self._baselines = compared_baselines(
                _session(self._config), gated=self._allowed is not None
            )
        except StoreError as error:
            pytest.exit(f"benchbench: {error}", returncode=1)

    def pytest_deselected(self, items: Iterable[pytest.Item]) -> None:
        self._deselected.update(item.nodeid for item in items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped:
            text = report.longrepr[2] if isinstance(report.longrepr, tuple) else "expected to fail"
            self._reasons[report.nodeid] = f"it was skipped ({text.removeprefix('Skipped: ')})"
        elif report.failed:
            self._reasons[report.nodeid] = "it failed"
        elif report.when == "call":
            self._reasons.setdefault(report.nodeid, "it passed without being timed")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(
        self, session: pytest.Session, exitstatus: int
    ) -> Generator[None, None, None]:
        # Before pytest-benchmark's own, which saves.
        if exitstatus in _COMPLETE and not self._config.option.collectonly:
            self._judge()
        if self._complaints:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        yield

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> Generator[None, None, None]:
        try:
            yield
        finally:  # pytest-benchmark raises where its own gate fails
            if self._complaints or self._remarks:
                terminalreporter.section("benchbench: the comparison", red=bool(self._complaints))
            for complaint in self._complaints:
                terminalreporter.write_line(f"FAILED {complaint}", red=True)
            for remark in self._remarks:
                terminalreporter.write_line(remark)

    def _judge(self) -> None:
        session = _session(self._config)
        measured = dict(_measured(session))
        run = Run(measured, self._reasons, self._excused)
        judgements = [judge(run, baseline, self._allowed) for baseline in self._baselines]
        for baseline, judgement in zip(self._baselines, judgements, strict=True):
            self._complaints += judgement.complaints
            self._remarks.append(
                f"compared with {baseline.name}: {judgement.compared_count} epoch benchmarks; "
                f"left out by the command line: {judgement.excused_count}"
            )
        if self._allowed is not None and not any(one.compared_count for one in judgements):
            self._complaints.append(
                f"{FAIL_RATIO} was asked for, but no epoch benchmark was compared: this run "
                f"measured {len(measured)}, none of them as a baseline did"
            )
        if self._complaints or any(one.excused_count for one in judgements):
            # The next run would be compared with it, and pass what is wrong or missing here.
            self._remarks.append("not saved as a baseline: this run fails, or is only a part")
            session.save = session.autosave = None

    def _earlier(self, test: str) -> EpochMeasurement | None:
        """Return the test's last measurement, of what is compared with, else of the last run saved.

        So whoever compares two saved runs later finds the same work in both.
        """
        latest = latest_baseline(_session(self._config))
        baselines = self._baselines or ([latest] if latest else [])
        found = [one.measurements[test] for one in baselines if test in one.measurements]
        return found[-1] if found else None

    def _excused(self, test: str) -> bool:
        """Tell whether the user left the test out: by -k, -m, --deselect, or by naming others."""
        if test in self._deselected:
            return True
        here = self._config.invocation_params.dir
        return not self._config.option.pyargs and not any(
            _covers(argument, test, here=here, root=self._config.rootpath)
            for argument in self._config.args
        )


def _covers(argument: str, test: str, *, here: Path, root: Path) -> bool:
    """Tell whether an argument of pytest's names the test, its file or a folder above it."""
    place, _, names = argument.partition("::")
    file, _, test_names = test.partition("::")
    path, asked = (root / file).resolve(), (here / place).resolve()
    if not names:
        return asked == path or asked in path.parents
    return asked == path and (
        test_names == names or test_names.startswith((f"{names}::", f"{names}["))
    )


def _session(config: pytest.Config) -> BenchmarkSession:
    return cast("BenchmarkSession", config.pluginmanager.get_plugin("pytest-benchmark"))


def _measured(session: BenchmarkSession) -> Iterator[tuple[str, EpochMeasurement]]:
    for benchmark in session.benchmarks:
        measurement = measurement_of(benchmark.extra_info)
        if measurement and benchmark.stats and not benchmark.has_error:
            yield benchmark.fullname, measurement
