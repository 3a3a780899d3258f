"""A plugin's data set is looked for and loaded in a process of its own, whatever it does there."""

from __future__ import annotations

import sys

import pytest

from benchbench.errors import DataError, Unavailable, UsageError
from benchbench.experiments.session import find_dataset
from benchbench.plugins.registry import load_registry
from benchbench.run.offered_dataset import choose_offered

PLUGIN = """
import os
from benchbench import DataError, Dataset, DatasetInfo, Split, hookimpl

def well(location):
    import numpy as np
    print("garbage on stdout")
    split = Split(np.zeros((20, 8, 9, 3), np.float32), np.arange(20) % 4)
    return Dataset("well", split, split, split, 4, "0" * 64, "a plugin")

def ends(location):
    os._exit(0)

def hangs(location):
    while True: pass

def raises(location):
    raise RuntimeError("the sky fell")

def absent(location):
    raise DataError("there is none: fetch it first")

def grows(location):
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
    import numpy as np
    return np.ones(2**34)

@hookimpl
def benchbench_datasets():
    loaders = (well, ends, hangs, raises, absent, grows)
    return [DatasetInfo(load.__name__, load) for load in loaders]
"""
TROUBLES = {
    "ends": (DataError, "the data set 'ends' of a-plugin .* ended with exit code 0"),
    "hangs": (DataError, "'hangs' of a-plugin cannot be loaded: it gave no answer within 2 s"),
    "raises": (DataError, r"cannot be loaded: crashed: RuntimeError: the sky fell \(a_plugin.py"),
    "absent": (Unavailable, "^there is none: fetch it first$"),
    "grows": (DataError, "cannot be loaded: crashed: .*Memory"),
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BENCHBENCH_DISABLE", "torch, keras, numpy, jax")


def test_what_it_does_there_is_told_by_name(install):
    install("a-plugin", PLUGIN)
    registry = load_registry()
    for name, (kind, reason) in TROUBLES.items():
        with pytest.raises(kind, match=reason) as refusal:
            choose_offered(name, registry, timeout_seconds=2 if name == "hangs" else 60)
        assert refusal.value.exit_code == 3
    chosen = choose_offered("well", registry, quick=True)
    assert (chosen.name, chosen.input_shape, chosen.targets.classes) == ("well-quick", (8, 9, 3), 4)
    own = find_dataset("well:autoencoder", registry, [], note=lambda _: None)
    assert (own.name, own.targets.shape) == ("well:autoencoder", (8 * 9 * 3,))
    assert "a_plugin" not in sys.modules, "imported in this process"


def test_a_plugin_that_was_left_out_takes_no_data_set_from_others(
    install, small_mnist, monkeypatch
):
    install(small_mnist.name, "raise SystemExit")
    install("bad-plugin", "raise SystemExit")
    registry = load_registry()
    monkeypatch.chdir(small_mnist.parent)
    assert find_dataset(small_mnist.name, registry, [], note=lambda _: None).location
    with pytest.raises(UsageError, match="'bad-plugin' of bad-plugin is quarantined: SystemExit"):
        find_dataset("bad-plugin", registry, [], note=lambda _: None)
