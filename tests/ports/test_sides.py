"""Any two things that train: a spec, a backend, a network of a file."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from benchbench.errors import UsageError
from benchbench.experiments.ports import certify_two, find_subjects
from benchbench.plugins.registry import load_registry
from benchbench.spec.files import dump
from benchbench.spec.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D, Residual
from benchbench.spec.model import ModelSpec
from benchbench.spec.optimizers import SGD
from benchbench.spec.protocol import TrainingProtocol

BLOCK = Residual((Conv2D(4, (3, 3), padding="same"), BatchNorm()))
MODEL = ModelSpec(
    "net",
    (8, 8, 1),
    (
        Conv2D(4, (3, 3), "relu"),
        BLOCK,
        MaxPool2D(),
        Flatten(),
        Dense(6, "tanh"),
        Dropout(0.2),
        Dense(3, "softmax"),
    ),
)
PORT = """
import torch
from torch import nn
from torch.nn import functional

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4, eps=EPSILON, momentum=0.01)
        self.first, self.last, self.drop = nn.Linear(36, 6), nn.Linear(6, 3), nn.Dropout(0.2)

    def forward(self, x):
        x = torch.relu(self.conv1(x))
        x = functional.max_pool2d(self.norm(self.conv2(x)) + x, 2)
        return self.last(self.drop(torch.tanh(self.first(x.flatten(1)))))

def net():
    module = Net()
    return module, torch.optim.SGD(module.parameters(), 0.1), nn.CrossEntropyLoss()
"""
SGD_FILE = dump(TrainingProtocol(optimizer=SGD(0.1)))


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write a spec, its protocol, a right port and one with a mistake into the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.toml").write_text(dump(MODEL))
    (tmp_path / "sgd.toml").write_text(SGD_FILE)
    (tmp_path / "right.py").write_text(PORT.replace("EPSILON", "1e-3"))
    (tmp_path / "wrong.py").write_text(PORT.replace("EPSILON", "1e-5"))
    return tmp_path


def _certify(*words, **options):
    return certify_two(words, load_registry(), **options)


def test_a_backend_is_its_spec(files):
    report = _certify("net.toml", "numpy")
    assert report.same, report


@pytest.mark.exhaustive
def test_two_backends_are_one_function(files):
    report = _certify("numpy", "numpy", models=["net.toml"], protocol_path=files / "sgd.toml")
    assert report.same, report
    assert (report.a, report.b) == ("numpy", "numpy")
    assert "each was compared with the spec 'net', in float64" in report.notes


@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")
@pytest.mark.parametrize("turned", [False, pytest.param(True, marks=pytest.mark.exhaustive)])
def test_a_port_is_compared_with_its_spec(files, turned):
    words = ("right.py:net", "net.toml") if turned else ("net.toml", "right.py:net")
    report = _certify(*words, protocol_path=files / "sgd.toml")
    assert report.same, report


@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")
def test_a_mistake_in_a_port_is_named_beside_its_spec(files):
    report = _certify("net.toml", "wrong.py:net", protocol_path=files / "sgd.toml")
    assert (report.rung, report.trap) == ("forward", "BatchNorm epsilon")
    assert report.layer == "layers.1.layers.1 / norm"


@pytest.mark.exhaustive
@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")
def test_another_optimizer_than_the_ports_is_found(files):
    report = _certify("net.toml", "right.py:net")
    assert report.rung == "update after 1 step", "the default protocol trains by Adam"


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", ["torch", "keras", "jax"])
def test_every_backend_is_compared_with_a_port(files, backend):
    report = _certify(
        backend, "right.py:net", models=["net.toml"], protocol_path=files / "sgd.toml"
    )
    assert report.same, report


BAD = {
    "no model": (("numpy", "numpy"), [], "'numpy' is a backend, which trains a model"),
    "two models": (("numpy", "numpy"), ["single-layer", "two-layer"], "--model names 2"),
    "model for files": (("right.py:net", "net.toml"), ["net.toml"], "neither side is a backend"),
    "unknown": (("nump", "net.toml"), [], "did you mean 'numpy'"),
    "no spec": (("absent.toml", "numpy"), [], "cannot read the spec file absent.toml"),
    "no file": (("absent.py:net", "net.toml"), [], "there is no file absent.py"),
    "an at alone": (("numpy@", "net.toml"), [], "expected BACKEND@ENVIRONMENT"),
    "no division": (("numpy", "net.toml"), [], "has no division 'tuned'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_before_anything_runs(files, case):
    words, models, message = BAD[case]
    division = "tuned" if case == "no division" else "idiomatic"
    with pytest.raises(UsageError, match=message):
        find_subjects(words, load_registry(), models, division, TrainingProtocol())


def test_a_protocol_for_two_files_would_change_nothing(files):
    with pytest.raises(UsageError, match="--protocol is for backends and specs"):
        _certify("right.py:net", "wrong.py:net", protocol_path=files / "sgd.toml")


def test_a_division_of_no_backend_would_change_nothing(files):
    with pytest.raises(UsageError, match="--division is for backends"):
        _certify("net.toml", "right.py:net", division="tuned")
