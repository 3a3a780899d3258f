"""The pytest plugin, as the author of a performance test meets it."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

import pytest

from benchbench import Dense, Flatten, ModelSpec, TrainingProtocol
from benchbench.pytest_plugin import epoch_benchmark
from benchbench.pytest_plugin.judgement import FAIL_RATIO
from benchbench.spec.identity import spec_sha256

pytest_plugins = ["pytester"]

MY_NET = ModelSpec("my-net", (28, 28, 1), (Flatten(), Dense(10, "softmax")))

FIVE_LINES = """
from benchbench import Dense, Flatten, ModelSpec

def test_my_network(epoch_benchmark):
    model = ModelSpec("my-net", (28, 28, 1), (Flatten(), Dense(10, "softmax")))
    epoch_benchmark(model, {arguments})
"""

# The machine is as fast in every run, and so many steps are a slice: the clock is not the subject.
# What pytest-benchmark asks of the processor, whenever it saves or compares, takes seconds.
CALM = """
import dataclasses
import pytest
from {module} import train

def pytest_benchmark_generate_machine_info():
    return {{"machine": "calm"}}

@pytest.fixture(autouse=True)
def calm(monkeypatch):
    monkeypatch.setattr("{module}.calibrate", lambda threads: 0.1)
    monkeypatch.setattr("{module}.calibrated_steps", lambda *_: {steps})
    monkeypatch.setattr("{module}.train", made_up if {seconds} else train)

def made_up(*arguments, **options):
    trained = train(*arguments, **options)
    return dataclasses.replace(trained, epoch_seconds=({seconds},) * len(trained.epoch_seconds))
"""


@pytest.fixture(autouse=True)
def _timed_in_one_process(monkeypatch):
    """pytest-benchmark times nothing where it finds that tests run side by side."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)


@pytest.fixture
def suite(pytester):
    """Write the five-line test, with these arguments, for a machine that is calm."""

    def write(
        arguments: str = 'backend="numpy", rounds=3', *, steps: int = 2, seconds: float = 0.0
    ) -> None:
        """`seconds`: what the clock says of each epoch."""
        pytester.makepyfile(test_mine=FIVE_LINES.format(arguments=arguments))
        # Imported by this file too: pytester forgets what a run in this process imports anew.
        calm = CALM.format(module=epoch_benchmark.__name__, steps=steps, seconds=seconds)
        pytester.makeconftest(calm)

    write()
    return write


@pytest.fixture
def run(pytester):
    return lambda *arguments: pytester.runpytest("-p", "no:cacheprovider", "-rs", *arguments)


def saved(pytester) -> list[dict]:
    files = sorted(pytester.path.glob(".benchmarks/*/*.json"))
    return [json.loads(file.read_text()) for file in files]


def test_five_lines_time_a_network_and_store_what_was_measured(pytester):
    pytester.makepyfile(FIVE_LINES.format(arguments='backend="numpy", seconds=0.01, rounds=3'))
    result = pytester.runpytest("-p", "no:cacheprovider", "--benchmark-autosave")
    result.assert_outcomes(passed=1)
    ((benchmark,),) = [content["benchmarks"] for content in saved(pytester)]
    info, stats = benchmark["extra_info"], benchmark["stats"]
    assert stats["rounds"] == 3
    assert stats["iterations"] == 1
    assert info["spec_sha256"] == spec_sha256(MY_NET, TrainingProtocol())
    assert info["settings"]["layout"] == "NHWC"
    assert "numpy" in info["versions"]
    assert (info["backend"], info["division"], info["model"]) == ("numpy", "idiomatic", "my-net")
    assert (info["batch_size"], info["seed"], info["threads"]) == (128, 0, 1)
    assert info["steps"] >= 1
    samples = info["steps"] * info["batch_size"]
    assert info["samples_per_second"] == pytest.approx(samples / stats["median"])
    assert len(info["calibration_seconds"]) == 4, "before every round and after the last"
    assert info["ratio_to_calibration"] == pytest.approx(
        stats["median"] / statistics.median(info["calibration_seconds"])
    )


def test_ten_rounds_are_timed_or_more_if_asked_for(pytester, suite, run):
    suite('backend="numpy"')
    run("--benchmark-autosave").assert_outcomes(passed=1)
    run("--benchmark-autosave", "--benchmark-min-rounds=12").assert_outcomes(passed=1)
    first, second = saved(pytester)
    assert first["benchmarks"][0]["stats"]["rounds"] == 10
    assert second["benchmarks"][0]["stats"]["rounds"] == 12


def test_a_saved_run_is_repeated_with_its_number_of_steps(pytester, suite, run):
    run("--benchmark-autosave").assert_outcomes(passed=1)
    suite(steps=5)
    run("--benchmark-autosave").assert_outcomes(passed=1)
    run("--benchmark-autosave", "--benchmark-compare=0001").assert_outcomes(passed=1)
    suite('backend="numpy", rounds=3, protocol=TrainingProtocol(batch_size=64)', steps=5)
    test = pytester.path / "test_mine.py"
    test.write_text(test.read_text().replace("import Dense", "import TrainingProtocol, Dense"))
    run("--benchmark-autosave").assert_outcomes(passed=1)
    steps = [content["benchmarks"][0]["extra_info"]["steps"] for content in saved(pytester)]
    assert steps == [2, 2, 2, 5]


def test_benchmarks_that_are_disabled_train_one_epoch(pytester, suite, run):
    run("--benchmark-disable", "--benchmark-autosave").assert_outcomes(passed=1)
    assert not saved(pytester)


def test_a_skip_by_pytest_benchmark_is_one_here_too(suite, run):
    run("--benchmark-skip").assert_outcomes(skipped=1)
    run("--benchmark-only").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('backend="nunpy"', "*there is no backend 'nunpy', did you mean 'numpy'?*"),
        (
            'backend="numpy", division="tuned"',
            "*the backend 'numpy' has no division 'tuned'; it has idiomatic*",
        ),
        ('backend="numpy", device="mps"', "*the backend 'numpy' has no device 'mps' here*"),
        ('backend="numpy", rounds=1', "*needs 3 rounds for a spread, but rounds=1*"),
        ('backend="numpy", threads=0', "*at least 1 thread, but threads=0*"),
        ('backend="numpy", steps=0', "*at least 1 step, but steps=0*"),
        ('backend="numpy", seconds=float("nan")', "*but seconds=nan*"),
        ('backend="raises", rounds=3', "*PluginRaised: `fit` raised RuntimeError: the sky fell*"),
        ('backend="quits", rounds=3', "*PluginRaised: `fit` raised SystemExit: 0*"),
        ('backend="skips-an-epoch", rounds=3', "*fit must report 5 epochs, * after 1*"),
    ],
)
def test_what_makes_no_sense_or_breaks_fails_and_says_so(misfits, suite, run, arguments, message):
    suite(arguments)
    result = run("--benchmark-autosave")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message])


def test_a_missing_framework_or_a_refusal_skips_with_the_reason(misfits, suite, run):
    suite('backend="homeless"')
    result = run()
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*homeless needs no-such-framework: pip install*"])
    suite('backend="refuses"')
    result = run()
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*refuses does not do my-net: there is no pool*"])


def test_a_renamed_test_fails_the_comparison_and_is_not_saved(pytester, suite, run):
    run("--benchmark-autosave").assert_outcomes(passed=1)
    run("--benchmark-autosave", "--benchmark-compare").assert_outcomes(passed=1)
    test = pytester.path / "test_mine.py"
    test.write_text(test.read_text().replace("test_my_network", "test_my_net"))
    for _ in range(2):
        result = run("--benchmark-autosave", "--benchmark-compare")
        assert result.ret == 1
        result.stdout.fnmatch_lines(
            [
                "FAILED test_mine.py::test_my_network: the baseline 0002_*"
                "disabled, did you mean 'test_mine.py::test_my_net'?*",
                "*not saved as a baseline*",
            ]
        )
    assert len(saved(pytester)) == 2
    run("--benchmark-autosave").assert_outcomes(passed=1)
    assert run("--benchmark-compare").ret == 0


def test_a_deleted_test_fails_even_if_none_is_left(pytester, suite, run):
    run("--benchmark-autosave")
    (pytester.path / "test_mine.py").write_text("")
    result = run("--benchmark-compare")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["FAILED test_mine.py::test_my_network: *was not measured: deleted*"]
    )


def test_a_skipped_or_failing_test_of_the_baseline_fails_the_comparison(pytester, suite, run):
    run("--benchmark-autosave")
    test = pytester.path / "test_mine.py"
    sound = test.read_text()
    test.write_text(
        sound.replace("    model", "    import pytest; pytest.skip('later')\n    model")
    )
    result = run("--benchmark-compare")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAILED *test_my_network: *was not measured*"])
    test.write_text(sound.replace("    model", "    raise OSError\n    model"))
    run("--benchmark-compare").stdout.fnmatch_lines(["FAILED *test_my_network: *not measured*"])
    test.write_text(sound)
    result = run("--benchmark-compare", "--benchmark-disable")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAILED *test_my_network: *was not measured*"])


@pytest.mark.exhaustive
def test_what_the_command_line_leaves_out_is_not_missed(pytester, suite, run):
    other = pytester.path / "test_other.py"
    other.write_text("def test_other(benchmark): benchmark(int)")
    run("--benchmark-autosave")
    for choice in (
        ("-k", "other"),
        ("--deselect", "test_mine.py::test_my_network"),
        ("test_other.py",),
        ("test_other.py::test_other",),
    ):
        result = run(*choice, "--benchmark-compare", "--benchmark-autosave")
        assert result.ret == 0, choice
        result.stdout.fnmatch_lines(["compared with *: 0 epoch benchmarks; not measured: 1"])
        assert len(saved(pytester)) == 1, "a part was saved, and would be the next baseline"
    (pytester.path / "test_mine.py").write_text("def test_nothing(): pass")
    for choice in ((), (".",), (str(pytester.path),)):
        assert run(*choice, "--benchmark-compare").ret == 1, choice


def test_benchmarks_of_others_are_left_alone(pytester, run):
    test = pytester.makepyfile("def test_theirs(benchmark): benchmark(int)")
    run("--benchmark-autosave").assert_outcomes(passed=1)
    test.write_text("def test_renamed(benchmark): benchmark(int)")
    assert run("--benchmark-compare").ret == 0


def test_a_slowed_backend_trips_the_gate_and_is_not_saved(pytester, suite, run):
    suite(seconds=0.1)
    gate = ("--benchmark-compare", f"{FAIL_RATIO}=90%")
    run("--benchmark-autosave").assert_outcomes(passed=1)
    saved_again(pytester, times=4)
    suite(seconds=0.11)
    unchanged = run(*gate)
    assert unchanged.ret == 0
    unchanged.stdout.fnmatch_lines(["compared with *0005_*: 1 epoch benchmarks*"])
    suite(seconds=0.4)
    slowed = run(*gate, "--benchmark-autosave")
    assert slowed.ret == 1
    slowed.stdout.fnmatch_lines(
        ["FAILED test_mine.py::test_my_network: expected at most 1.9 times the baseline's ratio*"]
    )
    assert len(saved(pytester)) == 5


def saved_again(pytester, *, times: int) -> None:
    """Save the one saved run so often again, each a per cent slower than the one before."""
    (file,) = pytester.path.glob(".benchmarks/*/*.json")
    content = json.loads(file.read_text())
    for number in range(2, times + 2):
        content["benchmarks"][0]["extra_info"]["ratio_to_calibration"] *= 1.01
        place = file.with_name(file.name.replace("0001_", f"{number:04}_"))
        place.write_text(json.dumps(content))


def test_a_gate_with_nothing_to_compare_fails_before_anything_is_timed(pytester, suite, run):
    gate = f"{FAIL_RATIO}=0.1"
    result = run(gate)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*or none was named: save one first*add --benchmark-compare*"])
    result = run(gate, "--benchmark-compare")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*there is none in*save one first*"])
    assert run("--benchmark-compare", "--benchmark-autosave").ret == 0, "the first run of all"
    result = run(gate, "--benchmark-compare", "-k", "nothing")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["FAILED *was asked for, but no epoch benchmark could be judged*"])


def test_a_named_baseline_that_is_not_there_fails(suite, run):
    run("--benchmark-autosave")
    result = run("--benchmark-compare=0007")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*expected a saved run '0007' to compare with*"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "*0002_cut.json cannot be read (JSONDecodeError:*"),
        ('{"benchmarks": [{"name":', "*0002_cut.json cannot be read (JSON*"),
        ('{"machine_info": {}, "benchmarks": []}', "*0002_cut.json holds no benchmark at all*"),
        (
            '{"benchmarks": [{"fullname": "a", "extra_info": {"measured_by": "benchbench"}}]}',
            "*0002_cut.json cannot be read (ValidationError: *`benchbench_version`*",
        ),
    ],
    ids=["empty", "truncated", "without-benchmarks", "another-version"],
)
def test_a_baseline_that_is_not_whole_fails(pytester, suite, run, content, message):
    run("--benchmark-autosave")
    (file,) = pytester.path.glob(".benchmarks/*/*.json")
    file.with_name("0002_cut.json").write_text(content)
    for asked in (
        ("--benchmark-compare",),
        ("--benchmark-compare=0002",),
        ("--benchmark-compare", f"{FAIL_RATIO}=10%"),
    ):
        result = run(*asked)
        assert result.ret == 1, asked
        result.stdout.fnmatch_lines([message])


@pytest.mark.parametrize("value", ["ten", "", "-10%", "0", "0%", "nan", "inf", "1.0", "10", "1e9%"])
def test_a_gate_that_is_no_fraction_is_a_usage_error(run, value):
    result = run(f"{FAIL_RATIO}={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*give a fraction above 0 and below 1, like 3% or 0.03*"])


def test_without_pytest_benchmark_only_the_fixture_and_the_gate_complain(pytester, suite, run):
    (pytester.path / "test_plain.py").write_text("def test_plain(): pass")
    (pytester.path / "conftest.py").unlink()
    result = run("-p", "no:benchmark")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*epoch_benchmark needs pytest-benchmark: pip install*"])
    assert run("-p", "no:benchmark", f"{FAIL_RATIO}=10%").ret == pytest.ExitCode.USAGE_ERROR


def test_a_start_of_pytest_imports_nothing_heavy(pytester):
    pytester.makepyfile(
        """
        import sys

        def test_imports():
            heavy = {"numpy", "pandas", "scipy", "psutil", "torch", "tensorflow", "keras", "jax"}
            assert "benchbench.pytest_plugin.regression" in sys.modules
            assert not heavy & set(sys.modules)
        """
    )
    pytester.runpytest_subprocess("-p", "no:hypothesispytest").assert_outcomes(passed=1)


def test_the_core_needs_no_pytest():
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "import benchbench, benchbench.cli.run, benchbench.run.conductor, benchbench.run.worker"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
