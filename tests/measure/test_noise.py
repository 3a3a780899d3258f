"""A noise reading runs as long as told and says in plain words what it saw."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.errors import UsageError
from benchbench.measure.noise import read_noise, summarise


class FakeMachine:
    """A kernel whose runs take the seconds given, again and again, on a clock of its own."""

    def __init__(self, *seconds):
        self.seconds = seconds
        self.runs = 0
        self.ns = 0

    def kernel(self):
        taken = self.seconds[self.runs % len(self.seconds)]
        self.runs += 1
        self.ns += round(taken * 1e9)
        return taken

    def now(self):
        return self.ns


def test_reading_runs_until_the_time_is_up():
    fake = FakeMachine(0.1)
    samples = read_noise(1.0, fake.kernel, fake.now)
    assert samples == (0.1,) * 10


def test_reading_takes_two_samples_even_of_a_slow_machine():
    fake = FakeMachine(5.0)
    assert len(read_noise(1.0, fake.kernel, fake.now)) == 2


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_reading_needs_some_time(seconds):
    with pytest.raises(UsageError, match="positive"):
        read_noise(seconds, FakeMachine(0.1).kernel)


@pytest.mark.parametrize(
    ("seconds", "word"),
    [((0.100, 0.101, 0.102), "quiet"), ((0.10, 0.11, 0.12), "restless"), ((0.1, 0.2), "noisy")],
)
def test_sentence_names_the_noise(seconds, word):
    reading = summarise(FakeMachine(*seconds).seconds * 10)
    assert reading.sentence().startswith(f"{word}: ")
    assert f"1.00 to {max(seconds) / min(seconds):.2f} times" in reading.sentence()


def test_one_hiccup_is_told_but_is_no_noise():
    reading = summarise((0.1,) * 99 + (0.4,))
    assert reading.worst == pytest.approx(4)
    assert reading.sentence().startswith("quiet: ")


@given(st.lists(st.floats(1e-6, 1e3), min_size=2))
def test_summary_is_ordered(samples):
    reading = summarise(samples)
    ordered = [min(samples), reading.p10, reading.median, reading.p90, max(samples)]
    # Interpolation rounds in the last digit.
    assert all(low <= high * (1 + 1e-12) for low, high in itertools.pairwise(ordered))
    assert 1 - 1e-12 <= reading.spread <= reading.worst * (1 + 1e-12)


@pytest.mark.parametrize("samples", [(), (0.1,), (0.1, 0.0)])
def test_summary_needs_samples(samples):
    with pytest.raises(UsageError, match="two samples"):
        summarise(samples)
