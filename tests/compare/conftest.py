"""Sessions as they might have been recorded, made from the times of their epochs."""

from __future__ import annotations

import pytest
from makers import make_record

from benchbench.records import Variant


@pytest.fixture(scope="session")
def make_runs():
    """Make the runs of one cell: `blocks` are the training times of each block's epochs, seconds.

    Other keywords are fields of RunRecord. The runs of one block share their `order_seed`.
    """

    def _make_runs(backend, blocks, *, session="s1", variant=None, **changes):
        label = Variant(variant) if variant else None
        model = changes.get("model", "deeper-cnn")
        changes = {"division": "idiomatic", "order_seed": None} | changes
        return [
            make_record(
                backend=backend,
                block=number,
                seed=number,
                variant=label,
                session_id=session,
                run_id=f"{session}-{number:03d}-{model}-{backend}-{changes['division']}-{variant}",
                train_seconds=seconds,
                **changes,
            )
            for number, seconds in enumerate(blocks)
        ]

    return _make_runs
