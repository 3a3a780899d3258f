"""Losses of recorded runs: a stray run is invalid, a stray mean keeps the cell out of the table."""

from __future__ import annotations

import math

import msgspec
import pytest

from benchbench.certify.bands import Band, LogLosses, keep_band
from benchbench.compare.baseline import Baseline
from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.report import comparison
from benchbench.report.renderers import markdown
from benchbench.spec.catalog import MODELS
from benchbench.spec.identity import spec_sha256
from benchbench.spec.protocol import TrainingProtocol

FAST, SLOW = [(2, 1, 1.01, 1, 1)] * 5, [(3, 1.5, 1.5, 1.52, 1.5)] * 5
SD = 0.02


@pytest.fixture(autouse=True)
def band(tmp_path, monkeypatch):
    """Have a band of thirty seeds for what `make_record` trains: losses of 0.1, 0.05 in the end."""
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path))
    five = LogLosses((math.log(0.1),) * 5, (SD,) * 5)
    made = Band(
        *("deeper-cnn", "mnist", spec_sha256(MODELS["deeper-cnn"], TrainingProtocol()), "d" * 64),
        mean=0.98,
        sd=0.002,
        n=30,
        backends=("numpy",),
        training_loss=five,
        validation_loss=five,
        test_loss=LogLosses((math.log(0.05),), (SD,)),
    )
    keep_band(made)
    return made


def compared(make_runs, sds, *, blocks=range(5), certified=False):
    """Compare torch, whose second training loss is so many deviations off in blocks, with keras."""
    runs = make_runs("torch", FAST) + make_runs("keras", SLOW)
    for place, run in enumerate(runs):
        epochs = list(run.epochs)
        if run.backend == "torch" and run.block in blocks:
            epochs[1] = msgspec.structs.replace(epochs[1], loss=0.1 * math.exp(sds * SD))
        runs[place] = msgspec.structs.replace(run, epochs=tuple(epochs), order_seed=run.block)
    sections = compare(runs, Question(), Baseline("keras"), certified=certified)
    (section,) = sections
    return section, markdown.render(comparison.build(sections))


def test_right_losses_have_their_verdict(make_runs):
    section, _ = compared(make_runs, 1)
    assert [one.verdict for one in section.contrasts] == ["FASTER"]
    assert not section.failures


@pytest.mark.parametrize("sds", [-5, 5])
def test_a_mean_that_strays_keeps_the_cell_out_and_says_why(make_runs, sds):
    """No run is outside the band of a run; five of them agree too well on what is wrong."""
    section, page = compared(make_runs, sds)
    assert not section.failures
    assert not section.contrasts
    (left_out,) = [one for one in section.not_comparable if one.cell.backend == "torch"]
    assert "its mean losses over 5 blocks are not those of right training" in left_out.reason
    assert "training loss of epoch 2 from" in left_out.reason
    assert "30 seeds: 0.1" in left_out.reason
    assert "mean losses over 5 blocks" in page


def test_a_mean_of_one_block_is_the_run_itself(make_runs):
    section, _ = compared(make_runs, 5, blocks=[3])
    assert [one.verdict for one in section.contrasts] == ["FASTER"]


def test_a_recorded_run_that_strays_is_invalid_and_blocks_the_verdict(make_runs):
    section, _ = compared(make_runs, 12, blocks=[3])
    (failure,) = section.failures
    assert failure.status == "invalid"
    assert "losses: expected training loss of epoch 2" in failure.reason
    (row,) = section.contrasts
    assert row.verdict == "UNDECIDED"
    assert "block 3: torch idiomatic is invalid" in row.reason
