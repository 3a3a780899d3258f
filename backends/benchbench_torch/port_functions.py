"""Functions of torch, as a user's `forward` calls them, as layers of the spec."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import benchbench
from benchbench_torch import port_modules as modules
from benchbench_torch import port_windows as windows


@dataclass
class Call:
    """A call of a function: what it was given and what it gave. `trace` is the network's so far."""

    trace: Any
    name: str
    args: tuple[Any, ...]
    named: dict[str, Any]
    output: Any

    def given(self, place: int, name: str, default: Any = None) -> Any:
        """Return an argument by its place or its name."""
        if len(self.args) > place:
            return self.args[place]
        return self.named.get(name, default)

    @property
    def node(self) -> str | None:
        """The node of the first argument, None where it is no value of the network's."""
        node: str | None = self.trace.node(self.given(0, "input"))
        return node

    @property
    def graph(self) -> Any:
        return self.trace.graph


Read = Callable[[Call], "str | None"]


def _activation(name: str, why_not: Callable[[Call], str] = lambda _call: "") -> Read:
    def read(call: Call) -> str | None:
        if call.node is None:
            return None
        return modules.activation(call.graph, call.name, name, call.node, why_not(call))

    return read


def _gelu(call: Call) -> str | None:
    name = "gelu_tanh" if call.named.get("approximate") == "tanh" else "gelu"
    return _activation(name)(call)


def _softmax(call: Call) -> str | None:
    if call.node is None:
        return None
    return modules.softmax(call.graph, call.name, call.given(1, "dim", -1), call.node)


def _log_softmax(call: Call) -> str | None:
    if call.node is None:
        return None
    return modules.log_softmax(call.graph, call.name, call.given(1, "dim", -1), call.node)


def _flatten(call: Call) -> str | None:
    if call.node is None:
        return None
    start, end = call.given(1, "start_dim", 0), call.given(2, "end_dim", -1)
    return modules.flatten(call.graph, call.name, call.node, start, end)


def _reshape(call: Call) -> str | None:
    """Lay out anew: flat, or rows and features; an image only where it has one channel."""
    source = call.given(0, "input")
    node, output = call.node, call.output
    if node is None or len(output) != len(source):
        return None
    if output.shape == source.shape:
        return str(call.graph.copy(call.name, node))
    if output.ndim == 2:
        return str(call.graph.layer(call.name, benchbench.Flatten(), node))
    channels = {one.shape[1] for one in (source, output) if one.ndim == 4}
    if channels - {1} or output.ndim > 4:
        return None
    shape = tuple(output.shape[1:])
    shape = (*shape[1:], 1) if output.ndim == 4 else shape
    return str(call.graph.layer(call.name, benchbench.Reshape(shape), node))


def _squeeze(call: Call) -> str | None:
    """Take axes of one away: of (n, channels, 1, 1) to (n, channels)."""
    node, output = call.node, call.output
    if node is None:
        return None
    shape = call.graph.shape(node)
    flat = shape is not None and math.prod(shape) == shape[-1] and output.ndim == 2
    if not flat:
        # Of (n, channels, 1, 1) to (n, channels, 1): half the way.
        half = shape is not None and len(shape) == 3 and shape[:2] == (1, 1) and output.ndim == 3
        return (
            str(call.graph.layer(call.name, benchbench.Reshape((1, shape[2])), node))
            if half
            else None
        )
    return str(call.graph.layer(call.name, benchbench.Flatten(), node))


def _mean(call: Call) -> str | None:
    node = call.node
    shape = None if node is None else call.graph.shape(node)
    given = call.given(1, "dim")
    if node is None or shape is None or given is None or call.given(2, "keepdim", False):
        return None
    rank = len(shape) + 1
    axes = {axis % rank for axis in ((given,) if isinstance(given, int) else tuple(given))}
    if len(shape) == 3 and axes == {2, 3}:
        return str(call.graph.layer(call.name, benchbench.GlobalAvgPool2D(), node))
    if len(shape) == 2 and axes == {1}:
        return str(call.graph.layer(call.name, benchbench.GlobalAvgPool1D(), node))
    return None


def _add(call: Call) -> str | None:
    given = [call.given(0, "input"), call.given(1, "other")]
    nodes = [call.trace.node(one) for one in given]
    if None in nodes or call.named.get("alpha", 1) != 1 or given[0].shape != given[1].shape:
        return None
    return str(call.graph.join(call.name, "add", nodes))


def _concatenate(call: Call) -> str | None:
    nodes = [call.trace.node(one) for one in call.given(0, "tensors")]
    axis = call.given(1, "dim", call.named.get("axis", 0))
    if None in nodes:
        return None
    rank = call.output.ndim
    last = 1 if rank == 4 else rank - 1
    return str(call.graph.join(call.name, "concat", nodes)) if axis % rank == last else None


def _dropout(call: Call) -> str | None:
    if call.node is None:
        return None
    if not call.given(2, "training", True):
        return str(call.graph.copy(call.name, call.node))
    return modules.dropout(call.graph, call.name, call.given(1, "p", 0.5), call.node)


def _max_pool(call: Call) -> str | None:
    if call.node is None:
        return None
    return windows.max_pool(
        call.graph,
        call.name,
        call.node,
        size=call.given(1, "kernel_size"),
        stride=call.given(2, "stride"),
        padding=call.given(3, "padding", 0),
        dilation=call.given(4, "dilation", 1),
        ceil_mode=call.given(5, "ceil_mode", False),
    )


def _average_pool(call: Call) -> str | None:
    if call.node is None:
        return None
    return windows.average_pool(
        call.graph,
        call.name,
        call.node,
        size=call.given(1, "kernel_size"),
        stride=call.given(2, "stride"),
        padding=call.given(3, "padding", 0),
        ceil_mode=call.given(4, "ceil_mode", False),
        counts_padding=call.given(5, "count_include_pad", True),
        divisor=call.given(6, "divisor_override"),
    )


def _adaptive_pool(call: Call) -> str | None:
    if call.node is None:
        return None
    size = call.given(1, "output_size")
    return windows.adaptive_average_pool(call.graph, call.name, call.node, size)


def _pad(call: Call) -> str | None:
    if call.node is None or call.given(2, "mode", "constant") != "constant":
        return None
    if call.given(3, "value", 0) not in {None, 0}:
        return None
    return windows.zero_pad(call.graph, call.name, call.node, call.given(1, "pad"))


def _last_step(call: Call) -> str | None:
    """Take the last step of a recurrent layer: `x[:, -1]`, or its state, `h[-1]`."""
    source, key = call.given(0, "input"), call.given(1, "key")
    trace = call.trace
    recurrent = trace.states.get(id(source))
    if recurrent is None and trace.node(source) in trace.last_steps:
        keys = key if isinstance(key, tuple) else (key,)
        every, *rest = keys
        ends = [one for one in rest if one != slice(None)]
        if every == slice(None) and ends == [-1] and len(rest) >= 1 and rest[0] == -1:
            recurrent = trace.node(source)
    elif recurrent is not None and key not in {-1, 0}:
        recurrent = None
    if recurrent is None:
        return None
    before, layer = trace.last_steps[recurrent]
    return str(call.graph.layer(recurrent, layer, before))


def _same(call: Call) -> str | None:
    return None if call.node is None else str(call.graph.copy(call.name, call.node))


def _leaky(call: Call) -> str:
    return modules.leaky(call.given(1, "negative_slope", 0.01))


def _elu(call: Call) -> str:
    return "" if call.given(1, "alpha", 1.0) == 1 else "its alpha is not 1"


FUNCTIONS: dict[str, Read] = {
    "relu": _activation("relu"),
    "relu_": _activation("relu"),
    "relu6": _activation("relu6"),
    "leaky_relu": _activation("leaky_relu", _leaky),
    "elu": _activation(
        "elu", lambda call: "" if call.given(1, "alpha", 1.0) == 1 else "its alpha is not 1"
    ),
    "gelu": _gelu,
    "silu": _activation("silu"),
    "tanh": _activation("tanh"),
    "sigmoid": _activation("sigmoid"),
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "flatten": _flatten,
    "reshape": _reshape,
    "view": _reshape,
    "squeeze": _squeeze,
    "mean": _mean,
    "add": _add,
    "add_": _add,
    "__add__": _add,
    "__radd__": _add,
    "__iadd__": _add,
    "cat": _concatenate,
    "concat": _concatenate,
    "concatenate": _concatenate,
    "dropout": _dropout,
    "max_pool2d": _max_pool,
    "avg_pool2d": _average_pool,
    "adaptive_avg_pool2d": _adaptive_pool,
    "pad": _pad,
    "__getitem__": _last_step,
    "contiguous": _same,
}
