"""What is left over when the clock is read shows; pools that spin for a while do not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.measure.residue import Reads, Residue, Watch, fingerprint, read_twice, watch


class FakeProcess:
    """A process that uses `share` of a core until it has been watched for `busy` seconds."""

    def __init__(self, busy, share=1.0):
        self.ns = self.used = 0
        self.busy, self.share = round(busy * 1e9), share

    def now(self):
        return self.ns

    def cpu(self):
        return self.used

    def sleep(self, seconds):
        before, self.ns = self.ns, self.ns + round(seconds * 1e9)
        self.used += round(self.share * max(0, min(self.ns, self.busy) - before))

    def watch(self, patience=0.3):
        return watch(3, now=self.now, cpu=self.cpu, sleep=self.sleep, patience=patience)


@pytest.mark.parametrize("busy", [0.0, 0.1, 0.2])
def test_a_pool_that_spins_and_sleeps_has_settled(busy):
    process = FakeProcess(busy)
    seen = process.watch()
    assert (seen.epoch, seen.settled) == (3, True)
    assert seen.busy_seconds == pytest.approx(busy)
    assert process.ns / 1e9 == pytest.approx(busy + 0.04)


@pytest.mark.parametrize("share", [2.0, 1.0, 0.3])
def test_a_process_still_at_work_is_not_waited_for_any_longer_than_pools_may_spin(share):
    process = FakeProcess(60, share)
    seen = process.watch()
    assert not seen.settled
    assert 0.3 <= seen.busy_seconds < 0.35


def test_a_process_that_hardly_works_is_idle():
    assert FakeProcess(60, share=0.05).watch() == Watch(3, 0.0, True)


def parameters():
    return [np.ones((3, 2), np.float32), np.array([np.nan, 0], np.float32)]


def test_reads_that_agree_say_nothing():
    times = iter([0, 5, 6, 8])
    arrays, reads = read_twice(parameters, fingerprint(parameters()), lambda: next(times) * 10**9)
    assert reads == Reads(5.0, 2.0, changed=False)
    assert np.array_equal(arrays[0], parameters()[0])


@pytest.mark.parametrize("index", [0, 1])
def test_parameters_that_change_are_seen_even_in_the_trainers_own_arrays(index):
    own = parameters()

    def read():
        own[index][0] += 1
        own[index][-1] += 1
        return own

    assert read_twice(read, b"")[1].changed


def test_another_number_of_arrays_is_a_change():
    answers = iter([parameters(), parameters()[:1]])
    assert read_twice(lambda: next(answers), b"")[1].changed


def test_parameters_that_fit_changed_after_its_last_epoch_are_seen():
    assert read_twice(parameters, fingerprint(parameters()[::-1]))[1].changed_by_fit
    assert not read_twice(parameters, fingerprint(parameters()))[1].changed_by_fit


def residue(*, settled=True, waiting=(0.0, 0.0), epoch_reads=(), first=0.001, **changes):
    watches = (Watch(1, 0.1, True), Watch(2, 0.31, settled))
    reads = Reads(first, 0.001, **({"changed": False} | changes))
    return Residue(watches, waiting, reads, epoch_reads)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (residue(settled=False), "0.31 s after epoch 2 was said to be trained"),
        (residue(waiting=(0.1, 9.0)), "used 9.10 s of CPU time between its turns, after 2 epochs"),
        (residue(first=1.5), "the first read of the parameters took 1.50 s and the last 0.00 s"),
        (residue(epoch_reads=(0.5, 0.001, 0.6)), "the first read of the parameters took 0.50 s"),
        (residue(changed=True), "the parameters changed from one read to the next"),
        (residue(changed_by_fit=True), "changed the parameters after its last epoch"),
    ],
)
def test_each_sign_is_told_in_words(seen, words):
    (sign,) = seen.signs(threads=2, train_seconds=4.0)
    assert words in sign


def test_what_an_honest_run_shows_is_no_sign():
    spinning = residue(waiting=(0.2, 0.2), first=0.05, epoch_reads=(0.9, 0.001, 0.002))
    assert spinning.signs(threads=1, train_seconds=0.1) == []
    assert "0.40 s of CPU time between turns" in spinning.summary()
    assert Residue((), (), Reads(0, 0, False)).signs(threads=1, train_seconds=0) == []


def test_the_fingerprint_is_of_shapes_and_bytes():
    one = fingerprint(parameters())
    assert fingerprint(parameters()) == one, "NaN is what it was"
    assert fingerprint([array.T for array in parameters()]) != one
    assert fingerprint([*parameters(), np.zeros(0, np.float32)]) != one
    moved = parameters()
    moved[0][2, 1] = np.nextafter(np.float32(1), np.float32(2))
    assert fingerprint(moved) != one


@given(st.floats(0, 1e3), st.integers(1, 8))
def test_a_longer_training_excuses_no_less(train_seconds, threads):
    seen = residue(waiting=(4.0, 4.0), first=0.5)
    signs = seen.signs(threads=threads, train_seconds=train_seconds)
    assert len(seen.signs(threads=threads, train_seconds=2 * train_seconds)) <= len(signs)
