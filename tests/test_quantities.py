"""Fractions and spans of time, as a user writes them."""

from __future__ import annotations

import pytest

from benchbench.errors import UsageError
from benchbench.experiments.selection import find_question
from benchbench.experiments.until import find_until
from benchbench.quantities import fraction, seconds


@pytest.mark.parametrize(("words", "value"), [("3%", 0.03), ("0.03", 0.03), (" 2.5% ", 0.025)])
def test_a_fraction_is_written_with_a_percent_sign_or_without(words, value):
    assert fraction(words, "--margin") == pytest.approx(value)


@pytest.mark.parametrize(
    "words", ["", "%", "3", "100%", "0", "-3%", "3%%", "3% of it", "three", "nan", "inf%"]
)
def test_what_is_no_fraction_is_refused(words):
    with pytest.raises(UsageError, match=r"--margin .*: give a fraction above 0 and below 1"):
        fraction(words, "--margin")


def test_the_message_gives_an_example_that_the_option_takes():
    """Not 3 % for a level of confidence, and of --until the word that it knows too."""
    with pytest.raises(UsageError, match=r"like 95% or 0\.95"):
        find_question("3%", "9")
    with pytest.raises(UsageError, match="like 2%, or 'verdict'"):
        find_until("verdct", 1)


@pytest.mark.parametrize(("words", "value"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200)])
def test_a_span_is_written_with_its_unit(words, value):
    assert seconds(words, "--budget") == value


@pytest.mark.parametrize("words", ["", "0s", "-1m", "soon", "1d", "1m30", "m", "nan"])
def test_what_is_no_span_is_refused(words):
    with pytest.raises(UsageError, match=r"--budget .*: give a time above 0, like 90s, 30m or 2h"):
        seconds(words, "--budget")
