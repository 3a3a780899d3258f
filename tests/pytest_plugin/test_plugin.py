"""The pytest plugin, as the author of a performance test meets it."""

from __future__ import annotations

import statistics
import subprocess
import sys

import pytest

from benchbench import Dense, Flatten, ModelSpec, TrainingProtocol
from benchbench.pytest_plugin.judgement import FAIL_RATIO
from benchbench.spec.files import dump
from benchbench.spec.identity import spec_sha256

pytest_plugins = ["pytester"]

MY_NET = ModelSpec("my-net", (28, 28, 1), (Flatten(), Dense(10, "softmax")))


def test_five_lines_time_a_network_and_store_what_was_measured(pytester, five_lines, saved):
    five_lines('backend="numpy", seconds=0.01, rounds=3')
    result = pytester.runpytest("-p", "no:cacheprovider", "--benchmark-autosave")
    result.assert_outcomes(passed=1)
    ((benchmark,),) = [content["benchmarks"] for content in saved()]
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


def test_ten_rounds_are_timed_or_more_if_asked_for(pytester, saved, suite, run):
    suite('backend="numpy"')
    run("--benchmark-autosave").assert_outcomes(passed=1)
    run("--benchmark-autosave", "--benchmark-min-rounds=12").assert_outcomes(passed=1)
    first, second = saved()
    assert first["benchmarks"][0]["stats"]["rounds"] == 10
    assert second["benchmarks"][0]["stats"]["rounds"] == 12


def test_a_saved_run_is_repeated_with_its_number_of_steps(pytester, saved, suite, run):
    run("--benchmark-autosave").assert_outcomes(passed=1)
    suite(steps=5)
    run("--benchmark-autosave").assert_outcomes(passed=1)
    run("--benchmark-autosave", "--benchmark-compare=0001").assert_outcomes(passed=1)
    suite('backend="numpy", rounds=3, protocol=TrainingProtocol(batch_size=64)', steps=5)
    test = pytester.path / "test_mine.py"
    test.write_text(test.read_text().replace("import Dense", "import TrainingProtocol, Dense"))
    run("--benchmark-autosave").assert_outcomes(passed=1)
    steps = [content["benchmarks"][0]["extra_info"]["steps"] for content in saved()]
    assert steps == [2, 2, 2, 5]


def test_benchmarks_that_are_disabled_train_one_epoch(pytester, saved, suite, run):
    run("--benchmark-disable", "--benchmark-autosave").assert_outcomes(passed=1)
    assert not saved()


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


def test_a_model_may_be_a_name_or_a_file_beside_the_test(pytester, saved, suite, run):
    pytester.mkdir("nets")
    (pytester.path / "nets" / "my.toml").write_text(dump(MY_NET))
    (pytester.path / "nets" / "half.toml").write_text("batch_size = 64\n")
    (pytester.path / "nets" / "test_files.py").write_text(
        "def test_files(epoch_benchmark):\n"
        "    epoch_benchmark('my.toml', backend='numpy', protocol='half.toml', rounds=3)\n"
        "def test_catalog(epoch_benchmark):\n"
        "    epoch_benchmark('single-layer', backend='numpy', rounds=3)\n"
        "def test_unknown(epoch_benchmark):\n"
        "    epoch_benchmark('singel-layer', backend='numpy')\n"
        "def test_neither(epoch_benchmark):\n"
        "    epoch_benchmark({'name': 'mine'}, backend='numpy')\n"
    )
    result = run("nets", "--benchmark-autosave")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["*there is no model 'singel-layer', did you mean 'single-layer'*"])
    result.stdout.fnmatch_lines(["*expects a ModelSpec, a name of the catalog or a TOML file*"])
    infos = [one["extra_info"] for one in saved()[0]["benchmarks"]]
    assert [(one["model"], one["batch_size"]) for one in infos] == [
        ("my-net", 64),
        ("single-layer", 128),
    ]


def test_a_missing_framework_or_a_refusal_skips_with_the_reason(misfits, suite, run):
    suite('backend="homeless"')
    result = run()
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*homeless needs no-such-framework: pip install*"])
    suite('backend="refuses"')
    result = run()
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*refuses does not do my-net: there is no pool*"])


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
