"""The backends of this tree are done when they say so, in each of their divisions."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

ENGINES = {
    "numpy": "numpy",
    "torch": "torch",
    "keras": "tensorflow",
    "keras-torch": "torch",
    "keras-jax": "jax",
}
# Up to half a minute each; what they leave behind is asked by the conformance suite as well.
SLOW = [name for name in ENGINES if name != "numpy"]


@pytest.mark.parametrize(
    "backend",
    [pytest.param(name, marks=pytest.mark.exhaustive if name in SLOW else ()) for name in ENGINES],
)
def test_no_backend_of_ours_leaves_work_behind(command, backend):
    # Found, not imported: four frameworks in one process are no good company.
    needed = {ENGINES[backend]} | ({"keras"} if backend.startswith("keras") else set())
    if missing := sorted(name for name in needed if find_spec(name) is None):
        pytest.skip(f"not installed: {', '.join(missing)}")
    command.run(backend, "--division", "all", "--model", "two-layer")
    records = command.records()
    assert records
    for record in records:
        (check,) = [check for check in record.checks if check.name == "synchronization"]
        assert check.passed, f"{record.division}: {check.observed}"
        assert all(epoch.waiting_cpu_seconds is not None for epoch in record.epochs)
