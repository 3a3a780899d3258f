"""Epochs in which a backend waited while nobody used the CPU are told."""

from __future__ import annotations

import msgspec
import pytest
from makers import make_record

from benchbench.compare.remarks import remarks
from benchbench.compare.stalls import stalls


def run(seconds, cpu, foreign=0.0, device="cpu"):
    """Return a run with a first epoch of a second before these."""
    record = make_record(train_seconds=(1.0, *seconds), device=device)
    epochs = tuple(
        msgspec.structs.replace(epoch, train_cpu_seconds=used, foreign_cpu_fraction=foreign)
        for epoch, used in zip(record.epochs, (1.0, *cpu), strict=True)
    )
    return msgspec.structs.replace(record, epochs=epochs)


def test_as_keras_on_tensorflow_was_seen():
    """two-layer, 27 November 2026: 17.4 s with 1.06 s of CPU time, in a quiet machine."""
    waited = run((17.407, 0.885, 1.798, 0.720), (1.058, 1.257, 1.079, 1.069))
    told = stalls([waited, run((0.7, 0.8, 0.7, 0.8), (1.0, 1.1, 1.0, 1.1))])
    assert told == (
        "1 of 8 steady epochs took more than 3 times the median of their run, up to 17.4 s, and "
        "no one used the CPU: the backend waited for itself"
    )
    assert any("1 of 4 steady epochs took more" in remark for remark in remarks([waited]))


@pytest.mark.parametrize(
    "record",
    [
        run((0.7, 0.8, 0.7, 0.8), (1.0, 1.1, 1.0, 1.1)),
        run((0.7, 9.0, 0.7, 0.8), (1.0, 17.0, 1.0, 1.1)),  # it computed more
        run((0.7, 9.0, 0.7, 0.8), (1.0, 1.1, 1.0, 1.1), foreign=0.6),  # others did
        run((0.7, 9.0, 0.7, 0.8), (1.0, 1.1, 1.0, 1.1), foreign=None),
        run((0.7, 9.0, 0.7, 0.8), (1.0, 1.1, 1.0, 1.1), device="cuda:0"),
        run((0.01, 0.5, 0.01, 0.01), (0.01, 0.01, 0.01, 0.01)),  # the system's scheduling
        run((), ()),
    ],
)
def test_what_else_makes_an_epoch_long_is_no_stall(record):
    assert stalls([record]) is None
