"""No time that no clock can wait for is taken, by any verb."""

from __future__ import annotations

import math
import sys

import pytest

import benchbench as bb
from benchbench.cli import main
from benchbench.errors import UsageError
from benchbench.quantities import seconds, time_limit

RUN = ("run", "-b", "numpy", "-m", "single-layer")
VERBS = [
    (RUN, "--timeout"),
    (("certify", "-b", "numpy", "-m", "single-layer"), "--timeout"),
    (("certify", "-b", "numpy", "-m", "single-layer", "--outcome"), "--timeout"),
    (("gate", "--against", "HEAD"), "--timeout"),
    (("selftest", "-b", "numpy", "-m", "single-layer"), "--timeout"),
    (("doctor",), "--noise"),
    ((*RUN, "--until", "2%"), "--budget"),
]
TIMES = ["nan", "inf", "-inf", "-1", "1e400", "1e300", "1000001", "9" * 400]


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize(("verb", "option"), VERBS, ids=lambda value: value[0])
def test_a_verb_refuses_it_and_says_what_is_allowed(verb, option, time, monkeypatch, capsys):
    monkeypatch.setattr(main.signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["benchbench", *verb, option, time])
    with pytest.raises(SystemExit) as stop:
        main.main()
    assert stop.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: {option} ")
    assert "to 1,000,000" in told or "at most 1,000,000 seconds" in told


@pytest.mark.parametrize("value", [math.nan, math.inf, -1, 0, 0.5, 1e300])
def test_the_python_api_refuses_it(value):
    for ask in (
        lambda: bb.run(backends=["numpy"], models=["single-layer"], timeout_seconds=value),
        lambda: bb.certify(backend="numpy", model="single-layer", timeout_seconds=value),
    ):
        with pytest.raises(UsageError, match=r"timeout_seconds .*: give a number of seconds"):
            ask()


@pytest.mark.parametrize("words", ["1e400", "inf", "9" * 400, "9" * 400 + "h", "300h"])
def test_a_budget_has_an_end(words):
    with pytest.raises(UsageError, match="at most 1,000,000 seconds"):
        seconds(words, "--budget")


def test_what_can_be_waited_for_is_taken():
    assert time_limit(1, "--timeout") == 1
    assert time_limit(1_000_000, "--timeout") == 1_000_000
    assert seconds("277h", "--budget") == 277 * 3600
