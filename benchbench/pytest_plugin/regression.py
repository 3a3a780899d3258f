"""The plugin at work beside pytest-benchmark: the fixture, and the judgement of a comparison."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, cast

import pytest

from benchbench.errors import StoreError
from benchbench.pytest_plugin.judgement import FAIL_RATIO, RatioGate, judge
from benchbench.pytest_plugin.measurement import EpochMeasurement, EpochTimer, measurement_of
from benchbench.pytest_plugin.saved_runs import SavedRun, compared_runs, saved_runs

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
    """Judges, at the end of the session, the run against what it is compared with.

    `allowed` is the growth of a ratio to the calibration that the user allows, None without a gate.
    """

    def __init__(self, config: pytest.Config, allowed: float | None) -> None:
        self._config = config
        self._allowed = allowed
        self._baselines: list[SavedRun] = []
        self._deselected = False
        self._complaints: list[str] = []
        self._remarks: list[str] = []

    @pytest.fixture
    def epoch_benchmark(
        self, request: pytest.FixtureRequest, benchmark: BenchmarkFixture
    ) -> EpochBenchmark:
        """Time an epoch slice of a network: epoch_benchmark(model, backend="torch")."""
        from benchbench.pytest_plugin.epoch_benchmark import EpochBenchmark

        # Whoever compares two saved runs later finds the same work in both.
        earlier = self._baselines or saved_runs(_session(self._config))[-1:]
        found = [one.measurements.get(request.node.nodeid) for one in earlier]
        return EpochBenchmark(
            benchmark,
            request.node.get_closest_marker("benchmark").kwargs["timer"],
            earlier=next(filter(None, reversed(found)), None),
            rounds=max(_ROUNDS, int(self._config.getoption("benchmark_min_rounds"))),
            folder=request.node.path.parent,
        )

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Give pytest-benchmark the timer by which it is to time the test."""
        if "epoch_benchmark" in getattr(item, "fixturenames", ()):
            given = item.get_closest_marker("benchmark")
            options = {**(given.kwargs if given else {}), "timer": EpochTimer()}
            item.add_marker(pytest.mark.benchmark(**options), append=False)

    def pytest_sessionstart(self) -> None:
        """Read the baselines: what is wrong with them is said before an hour is spent measuring."""
        if hasattr(self._config, "workerinput"):  # one of xdist's processes: the first one judges
            return
        session = _session(self._config)
        try:
            self._baselines = compared_runs(session)
            if self._allowed is not None and not any(one.measurements for one in self._baselines):
                raise StoreError(
                    f"{FAIL_RATIO} needs a saved run with epoch benchmarks to compare with, but "
                    f"there is none in {session.storage}, or none was named: save one first "
                    f"(--benchmark-autosave, without {FAIL_RATIO}), then add --benchmark-compare "
                    f"(the latest) or --benchmark-compare=0001"
                )
        except StoreError as error:
            pytest.exit(f"benchbench: {error}", returncode=1)

    def pytest_deselected(self, items: Iterable[pytest.Item]) -> None:
        self._deselected = self._deselected or bool(items)

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
        measured = _measured(session)
        # What is left out by -k, -m, --deselect, or by naming others, is not missed.
        part = self._deselected or any(
            "::" in argument or argument.endswith(".py") for argument in self._config.args
        )
        gate = RatioGate(self._allowed, saved_runs(session)) if self._allowed is not None else None
        for baseline in self._baselines:
            judgement = judge(measured, baseline, gate)
            missing = [] if part else judgement.missing
            self._complaints += [*judgement.complaints, *missing]
            self._remarks.append(
                f"compared with {baseline.name}: {judgement.compared_count} epoch benchmarks; "
                f"not measured: {len(judgement.missing)}"
            )
        if gate:
            self._complaints += gate.objections(len(measured))
            self._remarks += gate.remarks
        if self._complaints or (part and self._baselines):
            # The next run would be compared with it, and pass what is wrong or missing here.
            self._remarks.append("not saved as a baseline: this run fails, or is only a part")
            session.save = session.autosave = None


def _session(config: pytest.Config) -> BenchmarkSession:
    return cast("BenchmarkSession", config.pluginmanager.get_plugin("pytest-benchmark"))


def _measured(session: BenchmarkSession) -> dict[str, EpochMeasurement]:
    found = {
        one.fullname: measurement_of(one.extra_info)
        for one in session.benchmarks
        if one.stats and not one.has_error
    }
    return {test: one for test, one in found.items() if one}
