"""Networks of files as specs: layers, padding, output, protocol; what cannot be expressed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from benchbench.errors import UsageError
from benchbench.experiments.importing import import_file
from benchbench.experiments.ports import ports_of
from benchbench.plugins.registry import load_registry
from benchbench.ports.importing import NotExpressed, import_by, spec_name
from benchbench.ports.process import PortFailure, PortProcess
from benchbench.ports.subjects import find_factory
from benchbench.spec.files import load_model, load_protocol
from benchbench.spec.layers import (
    GRU,
    AvgPool2D,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
    Residual,
)
from benchbench.spec.losses import CrossEntropy, MeanSquaredError
from benchbench.spec.optimizers import SGD, Adam

GALLERY = Path(__file__).with_name("gallery")
TORCH = """
import torch
from torch import nn
from torch.nn import functional

def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(3, 1, 1, count_include_pad=False),
        nn.Conv2d(4, 8, 3, bias=False), nn.BatchNorm2d(8, momentum=0.05), nn.ReLU(),
        nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten(), nn.Linear(200, 16), nn.Tanh(),
        nn.Linear(16, 5),
    )

class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding="same")
        self.norm = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)

    def forward(self, x):
        return functional.relu(self.norm(self.conv(x)) + x)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.start = nn.Conv2d(3, 4, 3, stride=2)
        self.blocks = nn.Sequential(Block(4), Block(4))
        self.left, self.right = nn.Conv2d(4, 2, 1), nn.Conv2d(4, 3, 1)
        self.head = nn.Linear(5, 5)

    def forward(self, x):
        x = functional.pad(x, (0, 1, 0, 1))
        x = self.blocks(torch.relu(self.start(x)))
        x = torch.cat([self.left(x), self.right(x)], dim=1)
        x = functional.adaptive_avg_pool2d(x, 1)
        return self.head(x.view(len(x), -1))

def residual():
    net = Net()
    return net, torch.optim.Adam(net.parameters(), 2e-3), nn.CrossEntropyLoss(label_smoothing=0.1)

def values():
    net = nn.Sequential(nn.Linear(6, 4), nn.SiLU(), nn.Linear(4, 2))
    return net, torch.optim.SGD(net.parameters(), 0.1, momentum=0.9), nn.MSELoss()

class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, stride=2, padding=1)
        self.slope = nn.LeakyReLU(0.3)
        self.shuffle = nn.PixelShuffle(2)
        self.same = nn.Linear(49, 49)
        self.head = nn.Linear(49, 5)

    def forward(self, x):
        x = self.shuffle(self.slope(self.conv(x)))[:, :, ::2, ::2].flatten(1)
        x = self.same(self.same(x))
        return self.head(torch.sin(x))

def odd():
    return Odd()

class Decides(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = x if x.mean() > 0 else -x
        return self.head(functional.dropout(x, 0.5))

def decides():
    return Decides()

def twice():
    net = nn.Sequential(nn.Linear(6, 3), nn.Softmax(-1))
    return net, None, nn.CrossEntropyLoss()

def decays():
    net = nn.Sequential(nn.Linear(6, 3))
    return net, torch.optim.AdamW(net.parameters()), nn.CrossEntropyLoss()

class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.first, self.recurrent = nn.Linear(6, 3), kind(3, 4, batch_first=True)
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        x, _ = self.recurrent(self.first(x))
        return self.head(x[:, -1])

def frozen():
    net = Recurrent(nn.LSTM)
    net.first.weight.requires_grad_(False)
    return net

def gru():
    return Recurrent(nn.GRU)
"""


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Import a function of the file: `networks(name, shape)`."""
    if find_spec("torch") is None:
        pytest.skip("torch is not installed")
    path = tmp_path_factory.mktemp("nets") / "nets.py"
    path.write_text(TORCH)
    with PortProcess(ports_of(load_registry()), timeout_seconds=60) as process:

        def take(name, shape=None):
            return import_by(process, find_factory(f"{path}:{name}"), name="mine", shape=shape)

        take.path = path
        yield take


def test_a_sequential_of_torch_is_its_layers(networks):
    found = networks("lenet", (12, 12, 1))
    assert found.model.layers == (
        Conv2D(4, (3, 3), "relu", padding="same"),
        AvgPool2D((3, 3), (1, 1), "same"),
        Conv2D(8, (3, 3), use_bias=False),
        BatchNorm(0.95, 1e-5),
        *found.model.layers[4:5],
        MaxPool2D((2, 2)),
        Dropout(0.25),
        Flatten(),
        Dense(16, "tanh"),
        Dense(5, "softmax"),
    )
    assert found.model.layers[4].describe() == "Activation(relu)"
    assert found.protocol is None
    assert any("taken for the logits" in note for note in found.notes)


def test_a_forward_of_ones_own_is_its_sums_and_branches(networks):
    found = networks("residual", (8, 8, 3))
    first, *blocks, branches, pool, last = (
        one for one in found.model.layers if one.describe() != "Activation(relu)"
    )
    assert first == Conv2D(4, (3, 3), "relu", strides=(2, 2), padding="same")
    block = Residual((Conv2D(4, (3, 3), padding="same"), BatchNorm(0.99, 1e-3)))
    assert blocks == [block, block]
    assert branches == Concat(((Conv2D(2, (1, 1)),), (Conv2D(3, (1, 1)),)))
    assert (pool, last) == (GlobalAvgPool2D(), Dense(5, "softmax"))
    adam = Adam(2e-3, epsilon=1e-8, epsilon_added_to="corrected_root")
    assert (found.protocol.optimizer, found.protocol.loss) == (adam, CrossEntropy(0.1))


def test_values_are_learnt_by_a_linear_output(networks):
    found = networks("values")
    assert found.model.input_shape == (6,)
    assert found.model.layers == (Dense(4, "silu"), Dense(2))
    assert found.protocol.optimizer == SGD(0.1, momentum=0.9)
    assert found.protocol.loss == MeanSquaredError()


def test_every_layer_that_cannot_be_expressed_is_named_with_why_and_what_to_do(networks):
    with pytest.raises(NotExpressed) as stop:
        networks("odd", (14, 14, 1))
    told = {one.name: one.reason for one in stop.value.found}
    assert "pads 1 and 1 rows" in told["conv"]
    assert "slope 0.3" in told["slope"]
    assert "no spec has a layer like PixelShuffle" in told["shuffle"]
    assert "called twice" in told["same"]
    assert "the function sin" in told
    assert all(one.cure for one in stop.value.found)


def test_what_hangs_on_values_or_drops_out_in_evaluation_is_refused(networks):
    with pytest.raises(NotExpressed) as stop:
        networks("decides", (8,))
    reasons = " ".join(one.reason for one in stop.value.found)
    assert "decides by the values" in reasons
    assert "drops out in evaluation too" in reasons


def test_a_softmax_that_the_loss_takes_again_is_refused(networks):
    with pytest.raises(NotExpressed, match="ends in softmax, but its loss"):
        networks("twice")


def test_a_protocol_that_no_file_can_hold_leaves_the_model(networks):
    found = networks("decays")
    assert found.protocol is None
    assert found.loss == CrossEntropy()
    assert any("decays biases and scales too" in note for note in found.notes)


def test_frozen_and_recurrent_layers_of_torch_are_told(networks):
    with pytest.raises(NotExpressed, match="adds two biases and trains both") as stop:
        networks("frozen", (4, 6))
    assert "it is frozen" in str(stop.value)
    assert networks("gru", (4, 6)).model.layers == (Dense(3), GRU(4), Dense(5, "softmax"))


def test_a_network_of_another_shape_is_told(networks):
    with pytest.raises(PortFailure, match="no inputs were found"):
        networks("values", (7,))


def test_what_is_written_reads_back_and_is_the_same_function(networks, tmp_path):
    output = tmp_path / "My Net.toml"
    report = import_file(f"{networks.path}:residual", output, load_registry(), shape="8,8,3")
    assert report.report.same, report.report
    assert load_model(output) == report.model
    assert report.model.name == "my-net"
    assert load_protocol(tmp_path / "My Net-protocol.toml") == report.protocol
    with pytest.raises(UsageError, match="is there already"):
        import_file(f"{networks.path}:residual", output, load_registry())


@pytest.mark.parametrize(
    ("stem", "name"), [("My Net", "my-net"), ("---", "imported"), ("a.b", "a.b")]
)
def test_a_files_name_is_a_models(stem, name):
    assert spec_name(stem) == name


def test_nothing_runs_for_a_file_that_cannot_be_written(tmp_path):
    path = tmp_path / "net.py"
    path.write_text("raise SystemExit('it ran')")
    with pytest.raises(UsageError, match=r"ends in \.toml"):
        import_file(f"{path}:net", tmp_path / "net.json", load_registry())


EXPRESSED = [
    *(("keras", name) for name in ("mlp", "mlp_adam", "mlp_decay", "mlp_gelu", "mlp_dropout")),
    *(("keras", name) for name in ("lenet", "strided", "resnet")),
    *(("torch", name) for name in ("mlp", "mlp_log_softmax", "mlp_momentum", "mlp_adam")),
    *(("torch", name) for name in ("lenet", "strided", "resnet", "mlp_dropout", "mlp_gelu_tanh")),
    ("flax", "sequential"),
]
SHAPES = {"mlp_dropout": "64", "lenet": "12,12,1", "strided": "12,12,2", "resnet": "8,8,3"}


@pytest.mark.exhaustive
@pytest.mark.parametrize(("framework", "name"), EXPRESSED)
def test_a_program_of_the_gallery_is_the_function_of_its_spec(framework, name, tmp_path):
    if find_spec(framework) is None:
        pytest.skip(f"{framework} is not installed")
    paths = GALLERY.glob(f"{framework}_*.py")
    (path,) = (one for one in paths if f"def {name}(" in one.read_text())
    shape = None if framework == "keras" else SHAPES.get(name, "8,8,1")
    done = import_file(f"{path}:{name}", tmp_path / "net.toml", load_registry(), shape=shape)
    assert done.report.same, done.report
