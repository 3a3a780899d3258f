"""Options of Slurm: what makes sense, what is refused, how time limits are written."""

from __future__ import annotations

import os

import msgspec
import pytest
from benchbench_slurm.options import minutes, read_options

from benchbench.errors import UsageError
from benchbench.experiments.executors import find_executor
from benchbench.plugins.registry import load_registry


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("partiton = 'x'", r"there is no option 'partiton', did you mean 'partition'\? \(known: "),
        ("partition = 5", "slurm.toml: partition is 5: expected text in quotes"),
        ("exclusive = 'no'", 'exclusive is "no": expected true or false'),
        ("time = true", "time is true: expected a whole number or text in quotes"),
        ("time = 1979-05-27", "time is .*: expected a whole number or text in quotes"),
        ("extra = '--x'", "expected a list of texts in brackets"),
        ("extra = ['a', 5]", r"extra is \[\"a\",5\]: expected"),
        ("time = 'soon'", "time is 'soon': expected minutes, or"),
        ("at_once = 0", "at_once is 0: give 1 or more"),
        ("at_once = nan", "at_once is nan: expected a whole number"),
        ('partition = "a\\nb"', "expected a word"),
        ("partition = ", "is no TOML"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path, options, told):
    path = tmp_path / "slurm.toml"
    path.write_text(options)
    with pytest.raises(UsageError, match=told):
        read_options(str(path))


def test_what_begins_like_json_and_is_none_is_refused():
    with pytest.raises(UsageError, match=r"\{bad: expected a TOML file; it begins like JSON"):
        read_options("{bad")


def test_options_are_read_from_a_text_and_no_pipe_is_waited_for(tmp_path):
    path = tmp_path / "slurm.toml"
    path.write_bytes(b'\xef\xbb\xbfpartition = "bench"')
    assert read_options(str(path)).partition == "bench"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UsageError, match="expected a file, but it is a FIFO"):
        read_options(str(path))


def test_an_options_file_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match=r"/nowhere.toml: expected a TOML file .* No such file"):
        read_options("/nowhere.toml")


def test_options_survive_in_a_plan(tmp_path):
    path = tmp_path / "slurm.toml"
    path.write_text('partition = "p"\ntime = 30\nextra = ["--mail-type=FAIL"]\nexclusive = false')
    first = read_options(str(path))
    assert list(first.words()) == ["--partition=p", "--time=30", "--mail-type=FAIL"]
    assert read_options(msgspec.json.encode(first).decode()) == first
    assert "--exclusive" in list(read_options(None).words())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30", 30), ("1:30", 1.5), ("2:00:00", 120), ("1-12", 2160), ("1-00:30", 1470), ("x", None)],
)
def test_time_limits_are_read_as_slurm_writes_them(text, expected):
    assert minutes(text) == expected


def test_an_executor_takes_the_options_that_are_its_own(tmp_path):
    registry = load_registry()
    assert {"slurm", "dask"} <= registry.executors.keys()
    with pytest.raises(UsageError, match="'local' takes none"):
        find_executor("local", registry, "x.toml")
    with pytest.raises(UsageError, match=r"no executor 'slurn', did you mean 'slurm'\? .*dask"):
        find_executor("slurn", registry)
