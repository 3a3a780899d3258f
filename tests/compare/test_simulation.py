"""Intervals and verdicts keep their promises, over thousands of simulated sessions."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest

from benchbench.compare.contrast import Question


@pytest.fixture
def simulation():
    return importlib.import_module("simulation")


@pytest.fixture
def simulate(simulation):
    """Give a simulator of the noise that was studied under this name."""

    def _simulate(words, epochs=11):
        return simulation.Simulator(simulation.STUDIED[words], epochs, np.random.default_rng(11))

    return _simulate


@pytest.mark.parametrize("words", ["both", "epochs alone", "processes above all"])
@pytest.mark.parametrize("blocks", [3, 5, 10])
def test_the_interval_holds_the_truth_as_often_as_it_says(simulation, simulate, words, blocks):
    held, _ = simulation.coverage(simulate(words), blocks, 1000, Question())
    # Three standard errors of 1,000 draws around 95 %.
    assert 0.95 - 0.021 < held < 0.95 + 0.021


def test_equals_are_seldom_told_apart_in_a_table_of_eight(simulation, simulate):
    assert simulation.false_in_tables(simulate("both"), 3, 150) <= 0.05


def test_a_difference_of_the_margin_is_none(simulation, simulate):
    margin = Question().log_margin
    found = simulation.verdicts(simulate("both"), 5, 600, margin)
    assert found <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / 600)


def test_a_large_difference_is_found(simulation, simulate):
    assert simulation.verdicts(simulate("both"), 10, 200, math.log(1.2)) > 0.9


def test_the_noise_is_recovered_from_what_it_made(simulation):
    noise_model = importlib.import_module("noise_model")
    truth = noise_model.Noise(0.01, 0.02, 0.03, 4, 0.0, 0.0)
    simulator = simulation.Simulator(truth, 21, np.random.default_rng(2))
    blocks = [
        np.stack([a[0], b[0]], axis=1)
        for a, b in (simulator.baton(1, [0.0, 0.1]) for _ in range(150))
    ]
    found = noise_model.fit([blocks])
    assert found.drift == pytest.approx(truth.drift, rel=0.3)
    assert found.process == pytest.approx(truth.process, rel=0.3)
    assert found.degrees in {2.5, 3, 4, 5, 8}
