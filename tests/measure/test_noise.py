"""A noise reading runs as long as told and says in plain words what it saw."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import make_record

from benchbench.errors import UsageError
from benchbench.machines import GpuState, MachineState
from benchbench.measure.noise import (
    NoiseMark,
    noise_marks,
    read_noise,
    short_epochs,
    summarise,
    usual_calibration,
)
from benchbench.records import EpochRecord


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


def epoch(state=None, **fields):
    return EpochRecord(6.0, 0.5, None, 0.1, 0.1, 0.97, machine=state, **fields)


QUIET = epoch(MachineState(0.1, 2.0, 0.01, 0.9, 20.0), foreign_cpu_fraction=0.02)


@pytest.mark.parametrize(
    ("noisy", "reason"),
    [
        (epoch(MachineState(0.16)), "the calibration took 1.60 times the usual"),
        (epoch(MachineState(steal_fraction=0.3)), "30 % of the CPU was stolen"),
        (epoch(MachineState(cpu_pressure=93.4)), "CPU pressure was 93 %"),
        (epoch(foreign_cpu_fraction=0.45), "others used 45 % of the CPU"),
        (epoch(gpus=(GpuState(1, throttling=("HwSlowdown",)),)), "card 1 was throttled (HwSl"),
    ],
)
def test_a_noisy_epoch_is_marked_with_its_reason(noisy, reason):
    device = "cuda:0" if noisy.gpus else "cpu"
    (mark,) = noise_marks(make_record(epochs=(QUIET, noisy, QUIET), device=device), 0.1)
    assert mark.epoch == 2
    assert mark.reason.startswith(reason)


def test_quiet_and_unknown_mark_nothing():
    silent = epoch(gpus=(GpuState(0), GpuState(1, throttling=())))
    record = make_record(epochs=(QUIET, epoch(), epoch(MachineState()), silent))
    assert noise_marks(record, 0.1) == ()
    assert noise_marks(make_record(epochs=(epoch(MachineState(9.0)),)), None) == ()


def test_every_reason_is_told():
    state = MachineState(0.2, steal_fraction=0.5, cpu_pressure=99)
    marks = noise_marks(make_record(epochs=(epoch(state, foreign_cpu_fraction=0.5),)), 0.1)
    assert [mark.epoch for mark in marks] == [1, 1, 1, 1]
    assert len({mark.reason for mark in marks}) == 4
    assert all(isinstance(mark, NoiseMark) for mark in marks)


def test_usual_calibration_is_the_median_over_all_runs():
    one = make_record(epochs=(epoch(MachineState(0.1)), epoch(), epoch(MachineState())))
    two = make_record(epochs=(epoch(MachineState(0.2)), epoch(MachineState(0.9))))
    assert usual_calibration([one, two]) == 0.2
    assert usual_calibration([make_record()]) is None
    assert usual_calibration([]) is None


def _epochs(seconds, foreign=None, cpu=None):
    """Return epochs of these seconds, whose CPU time is the same where it is not given."""
    record = make_record(train_seconds=seconds)
    return [
        msgspec.structs.replace(
            epoch,
            foreign_cpu_fraction=foreign and foreign[place],
            train_cpu_seconds=(cpu or seconds)[place],
        )
        for place, epoch in enumerate(record.epochs)
    ]


@pytest.mark.parametrize(
    ("seconds", "short"),
    [
        ((0.040, 0.041, 0.0005, 0.039, 0.040), [3]),
        ((0.0005, 0.041, 0.040, 0.039, 0.040), [1]),
        ((0.040, 0.041, 0.0005, 0.0005, 0.040), [3, 4]),
        ((0.040, 0.0, 0.040), [2]),
        ((1.0, 1.0, 0.49, 1.0), [3]),
        ((1.0, 1.0, 0.51, 1.0), []),
        ((5.0, 0.5), []),  # the first epoch compiles
        ((5.0, 0.5, 0.5), []),
        ((30.0, 1.0, 1.0, 9.0, 1.1), []),  # a burst
        ((0.0084, 0.0082, 0.0042, 0.0085), []),  # another process had its turn in most
        ((), []),
    ],
)
def test_an_epoch_below_half_of_the_median_is_too_short(seconds, short):
    told = list(short_epochs(_epochs(seconds)))
    assert [int(sentence.split()[1]) for sentence in told] == short


def test_an_epoch_that_other_work_did_not_slow_down_is_not_too_short():
    """As in results/verdicts: tests ran beside the first three epochs of one block."""
    seconds, busy = (5.13, 3.009, 2.676, 0.040, 0.043), (0.67, 0.67, 0.66, 0.0, 0.0)
    assert list(short_epochs(_epochs(seconds, busy))) == []
    cut_short = _epochs((*seconds[:3], 0.0005, 0.043, 0.042), (*busy, 0.0))
    assert [told.split()[1] for told in short_epochs(cut_short)] == ["4"], "beside its like it is"


@pytest.mark.parametrize(
    ("cpu", "short"),
    [
        ((0.0086, 0.0088, 0.0089, 0.0087, 0.0088), []),  # the others waited, and computed no more
        ((0.0086, 0.0190, 0.0201, 0.0203, 0.0199), [1]),
        ((None, None, None, None, None), [1]),
    ],
)
def test_an_epoch_that_computed_as_much_as_others_is_not_too_short(cpu, short):
    """As in CI: a busy machine slowed four of five epochs of 9 ms down, and none was marked."""
    told = short_epochs(_epochs((0.0089, 0.0204, 0.0213, 0.0207, 0.0204), cpu=cpu))
    assert [int(sentence.split()[1]) for sentence in told] == short
