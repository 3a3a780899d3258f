"""How long an epoch takes, of every backend, division and model: docs/performance-tests.md."""

from __future__ import annotations

import os

import pytest

from benchbench.plugins.registry import load_registry
from benchbench.spec.catalog import MODELS

# Keras has one engine a process. Read before a test imports a backend, which sets it.
ENGINE = os.environ.get("KERAS_BACKEND", "tensorflow")

BACKENDS = {
    offer.item.name: offer.item
    for offer in load_registry().backends.values()
    if offer.distribution == "benchbench-harness"
}
CELLS = [
    pytest.param(info.name, division, id=f"{info.name}-{division}")
    for info in BACKENDS.values()
    for division in info.divisions
]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("backend", "division"), CELLS)
def test_epoch(epoch_benchmark, backend, division, model):
    engine = dict(BACKENDS[backend].environment).get("KERAS_BACKEND", ENGINE)
    if engine != ENGINE:
        pytest.skip(f"Keras runs on {ENGINE} in this process: set KERAS_BACKEND={engine}")
    epoch_benchmark(MODELS[model], backend=backend, division=division)
