"""Comparisons with a saved run: what fails them, what is not saved, and the gate."""

from __future__ import annotations

import json

import pytest

from benchbench.pytest_plugin.judgement import FAIL_RATIO

pytest_plugins = ["pytester"]


def test_a_renamed_test_fails_the_comparison_and_is_not_saved(pytester, suite, run, saved):
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
    assert len(saved()) == 2
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
def test_what_the_command_line_leaves_out_is_not_missed(pytester, suite, run, saved):
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
        assert len(saved()) == 1, "a part was saved, and would be the next baseline"
    (pytester.path / "test_mine.py").write_text("def test_nothing(): pass")
    for choice in ((), (".",), (str(pytester.path),)):
        assert run(*choice, "--benchmark-compare").ret == 1, choice


def test_benchmarks_of_others_are_left_alone(pytester, run):
    test = pytester.makepyfile("def test_theirs(benchmark): benchmark(int)")
    run("--benchmark-autosave").assert_outcomes(passed=1)
    test.write_text("def test_renamed(benchmark): benchmark(int)")
    assert run("--benchmark-compare").ret == 0


def test_a_slowed_backend_trips_the_gate_and_is_not_saved(pytester, suite, run, saved):
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
    assert len(saved()) == 5


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
