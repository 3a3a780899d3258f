"""A user's torch module as layers of the spec: run once, and every call on the way noted.

Modules of torch.nn are taken as they are; what a `forward` of the user's computes besides, by
functions of torch, is noted call by call. It runs in training and in evaluation, and both must do
the same but for dropout. What hangs on the values themselves cannot be noted, and is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from benchbench.plugins.port_graph import INPUT, PortGraph
from benchbench.plugins.ports import PortNetwork
from benchbench_torch.port_functions import FUNCTIONS, Call
from benchbench_torch.port_modules import MODULES, is_plain

# Where a tensor is asked for its values, Python decides by them what comes next.
_READS = {"__bool__", "item", "__float__", "__int__", "__index__", "tolist", "numpy", "nonzero"}
_OWN = "leave it out, or write it with modules of torch.nn that docs/reference.md has a layer for"


@dataclass
class Trace:
    """What one run did: nodes by the tensors that they gave, and the calls in order."""

    graph: PortGraph
    nodes: dict[int, str] = field(default_factory=dict)
    alive: list[Any] = field(default_factory=list)
    # By a recurrent layer's node: the node before it, and the layer without its sequence.
    last_steps: dict[str, tuple[str, Any]] = field(default_factory=dict)
    states: dict[int, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    inside: int = 0
    called: dict[int, str] = field(default_factory=dict)

    def node(self, tensor: Any) -> str | None:
        """Return the node that gave this tensor, None for one that no node gave."""
        return self.nodes.get(id(tensor))

    def gave(self, tensor: Any, node: str) -> None:
        """Note that a node gave this tensor."""
        self.nodes[id(tensor)] = node
        self.alive.append(tensor)  # else another could get its id
        shape = tuple(tensor.shape[1:])
        self.graph.expect(node, (*shape[1:], shape[0]) if len(shape) == 3 else shape)


def read_network(module: nn.Module, sample: torch.Tensor, shape: tuple[int, ...]) -> PortNetwork:
    """Return the module as layers of the spec, for samples of this shape, channels last."""
    trained, evaluated = (_traced(module, sample, shape, training=mode) for mode in (True, False))
    graph, output, calls = trained
    if calls != evaluated[2]:
        graph.note(
            "forward",
            "it computes something else in training than in evaluation, beside dropout and "
            "BatchNorm",
            "a spec's network is one",
        )
    if evaluated[0].drops:
        graph.note(
            "forward",
            "it drops out in evaluation too: `functional.dropout` without training=self.training",
            "use nn.Dropout",
        )
    return graph.network(output)


class _Graph(PortGraph):
    """A graph that knows whether a function dropped values while it was evaluated."""

    drops = False


def _traced(
    module: nn.Module, sample: torch.Tensor, shape: tuple[int, ...], *, training: bool
) -> tuple[_Graph, str, list[str]]:
    graph = _Graph(shape)
    trace = Trace(graph)
    trace.nodes[id(sample)] = INPUT
    trace.alive.append(sample)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    hooks = [hook for name, one in module.named_modules() for hook in _hooks(name, one, trace)]
    module.train(training)
    mode = _Recorder(trace)
    try:
        with torch.no_grad(), mode:
            output = module(sample)
    finally:
        for hook in hooks:
            hook.remove()
        module.load_state_dict(before)
    graph.drops = mode.drops and not training
    node = trace.node(output)
    if node is None:
        name = type(module).__name__
        node = graph.refuse(name, f"it returns {_kind(output)}", "return one tensor", INPUT)
    return graph, node, trace.calls


def _hooks(name: str, module: nn.Module, trace: Trace) -> list[Any]:
    if not is_plain(module):
        return []
    label = name or type(module).__name__

    def enter(_module: nn.Module, _arguments: Any) -> None:
        trace.inside += 1

    def leave(_module: nn.Module, arguments: tuple[Any, ...], named: Any, output: Any) -> None:
        trace.inside -= 1
        if trace.inside:
            return
        trace.calls.append(label)
        first = trace.node(arguments[0]) if arguments else None
        if first is None:
            first = trace.graph.refuse(
                label, "it takes what no layer of the network gives", _OWN, INPUT
            )
        if id(module) in trace.called and any(True for _ in module.parameters()):
            trace.graph.note(
                label,
                "it is called twice: a spec has no layers that share their weights",
                "make a layer for each call",
            )
        trace.called[id(module)] = label
        read = MODULES.get(type(module))
        node = (
            read(trace, label, module, first, arguments, named, output)
            if read
            else trace.graph.refuse(
                label, f"no spec has a layer like {type(module).__name__}", _OWN, first
            )
        )
        whole = output[0] if isinstance(output, tuple) else output
        trace.gave(whole, node)

    return [
        module.register_forward_pre_hook(enter),
        module.register_forward_hook(leave, with_kwargs=True),
    ]


class _Recorder(TorchFunctionMode):
    """Notes the functions that a user's own `forward` calls."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self._trace = trace
        self.drops = False

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        output = func(*args, **named)
        trace = self._trace
        if trace.inside:
            return output
        given = [one for one in _tensors(args, named) if trace.node(one) is not None]
        states = [one for one in _tensors(args, named) if id(one) in trace.states]
        if not given and not states:
            return output
        name = getattr(func, "__name__", str(func))
        if name in _READS:
            trace.graph.note(
                name, "the network decides by the values of its samples", "a spec's does not"
            )
        results = _tensors((output,), {})
        if not results or name in {"__get__", "__set__"}:
            if results:
                self._unknown(name, given or states, results)
            return output
        if name != "dropout":
            trace.calls.append(name)
        elif named.get("training", args[2] if len(args) > 2 else True):
            self.drops = True
        call = Call(trace, name, args, named, output)
        read = FUNCTIONS.get(name)
        node: str | None = read(call) if read and isinstance(output, torch.Tensor) else None
        if (
            node is None
            and read
            and given
            and trace.graph.shape(trace.node(given[0]) or "") is None
        ):
            # Behind what was refused no shape is known: this function is not to blame.
            node = trace.graph.copy(name, trace.node(given[0]) or "")
        if node is None:
            self._unknown(name, given, results)
        else:
            trace.gave(output, node)
        return output

    def _unknown(self, name: str, given: list[Any], results: list[Any]) -> None:
        before = self._trace.node(given[0]) if given else INPUT
        node = self._trace.graph.refuse(
            f"the function {name}",
            "no spec has a layer for it as it is used here",
            _OWN,
            before or "",
        )
        for one in results:
            self._trace.gave(one, node)


def _tensors(args: Any, named: dict[str, Any]) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    for one in (*args, *named.values()):
        if isinstance(one, torch.Tensor):
            found.append(one)
        elif isinstance(one, list | tuple):
            found += _tensors(one, {})
    return found


def _kind(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return "a tensor that no layer gave"
    return f"{type(value).__name__}, no tensor"
