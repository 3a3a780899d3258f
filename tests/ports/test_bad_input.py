"""What a user may give in place of two networks: each is refused with what was expected."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from benchbench.errors import BenchbenchError, UsageError
from benchbench.experiments.ports import ports_of, read_shape
from benchbench.plugins.ports import PortBlock
from benchbench.plugins.registry import load_registry
from benchbench.ports.certify import compare
from benchbench.ports.map_file import read_map, write_map
from benchbench.ports.pairing import pair
from benchbench.ports.process import PortProcess
from benchbench.ports.sizes import Unpaired, different_sizes
from benchbench.ports.subjects import find_factory


@pytest.mark.parametrize("text", ["net.py", "net:build", "net.py:", "net.py:a.b", "absent.py:net"])
def test_what_names_no_factory_is_refused_before_anything_runs(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(UsageError, match=r"FILE\.py:NAME|there is no file"):
        find_factory(text)


@pytest.mark.parametrize("text", ["", "28,x", "0,3", "-1", "2.5"])
def test_a_shape_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="whole numbers above 0"):
        read_shape(text)


@pytest.fixture(scope="module")
def processes():
    ports = ports_of(load_registry())
    with PortProcess(ports, timeout_seconds=60) as a, PortProcess(ports, timeout_seconds=60) as b:
        yield a, b


_TRAINED = """
import torch
def net():
    module = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    module(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return module, torch.optim.SGD(module.parameters(), 0.1), None
"""
BAD = {
    "syntax": ("def net(:", "SyntaxError"),
    "import": ("import no_such_module", "No module named 'no_such_module'"),
    "absent": ("def nett(): pass", "has no 'net', did you mean 'nett'"),
    "value": ("net = 3", "expected a function that makes the"),
    "needs": ("def net(width): pass", "needs the arguments width"),
    "raises": ("def net(): raise KeyError('depth')", "KeyError: 'depth'"),
    "exits": ("def net(): raise SystemExit(3)", "SystemExit: 3; it ends the process: put what is"),
    "waits": ("async def net(): pass", "net is an async function; expected a function that makes"),
    "yields": ("def net(): yield 3", "net is a generator"),
    "card": ("import torch\ndef net(): return torch.nn.Linear(2, 2).cuda()", "run on the CPU here"),
    "trained": (_TRAINED, "returns a network that was trained: its variables have gradients"),
    "dot": ("from .other import net", "put an __init__.py"),
    "nothing": ("def net(): pass", "is a `return` missing"),
    "number": ("def net(): return 3", "returned builtins.int; expected a network"),
    "two": ("def net(): return 1, 2", "a tuple of 2; expected"),
}


def _needing_torch(name: str) -> object:
    mark = pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")
    return pytest.param(name, marks=mark) if "torch" in BAD[name][0] else name


@pytest.mark.parametrize("name", [_needing_torch(name) for name in BAD])
def test_a_file_that_gives_no_network_is_refused(name, tmp_path, processes):
    source, message = BAD[name]
    path = tmp_path / f"bad_{name}.py"
    path.write_text(source)
    factory = find_factory(f"{path}:net")
    with pytest.raises(BenchbenchError, match=message):
        compare(*processes, factory, factory)


def _dense(name, *shape, kind="Dense", **more):
    return PortBlock(name=name, kind=kind, variables={"kernel": shape, **more})


def test_networks_of_different_sizes_are_shown_side_by_side():
    a = [_dense("dense", 4, 8), _dense("dense_1", 8, 3)]
    b = [_dense("fc1", 4, 9), _dense("fc2", 9, 3)]
    with pytest.raises(Unpaired, match=r"-> dense: Dense, kernel \(4, 8\) +fc1: Dense, kernel"):
        pair(a, b)


def test_layers_of_ones_own_with_other_shapes_are_named_and_no_map_is_advised():
    a = [PortBlock(name="gate", kind="Gate", variables={"w": (8, 16)})]
    b = [PortBlock(name="own", kind="MyGate", variables={"u": (8, 8), "v": (8, 8)})]
    with pytest.raises(Unpaired, match=r"gate \(Gate\), own \(MyGate\).*one kernel") as caught:
        pair(a, b)
    assert "--map" not in str(caught.value)
    split = [PortBlock(name="all", kind="Gates", variables={"u": (8, 8), "v": (4, 8)})]
    parts = [
        PortBlock(name="first", kind="Part", variables={"w": (4, 8)}),
        PortBlock(name="other", kind="Part", variables={"w": (8, 8)}),
    ]
    assert "--map map.toml" in str(different_sizes(split, parts))


def test_layers_nobody_can_map_are_asked_for_in_a_file(tmp_path):
    a = [PortBlock(name="mine", kind="Mine", variables={"u": (3, 4), "v": (3, 4)})]
    b = [PortBlock(name="own", kind="Own", variables={"p": (3, 4), "q": (3, 4)})]
    pairing = pair(a, b)
    assert pairing.unsure["own.p"] == ("mine.u", "mine.v")
    path = tmp_path / "map.toml"
    assert "own.p" in write_map(path, pairing, a, b)
    assert '"own.p" = "?"  # (3, 4): mine.u or mine.v' in path.read_text()
    with pytest.raises(UsageError, match=r"say for own\.p"):
        read_map(path)
    path.write_text(path.read_text().replace('"own.p" = "?"', '"own.p" = "mine.v"'))
    path.write_text(path.read_text().replace('"own.q" = "?"', '"own.q" = "mine.u"'))
    assert read_map(path) == {"own.p": "mine.v", "own.q": "mine.u"}
