"""The process that runs a user's file: `python -m` this, see `process`.

It imports the file that a question names, and nothing before. What it prints goes to stderr.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchbench.children import answer_pipe
from benchbench.errors import Unsupported
from benchbench.plugins.ports import Port, PortBatch, PortError
from benchbench.ports import factory
from benchbench.ports.backend_port import CORE_NETWORKS, BackendPort
from benchbench.ports.messages import (
    READY,
    WEIGHT,
    Action,
    NamedArrays,
    PortAnswer,
    PortQuestion,
    restore,
    save,
)
from benchbench.ports.protocol import protocol_steps
from benchbench.spec.model import ModelSpec


class PortSide:
    """A factory, and the port that fits what it makes."""

    def __init__(self) -> None:
        self._make: Callable[[], Any] = lambda: None
        self._port: type[Port]
        self.path = Path()

    def answer(self, asked: PortQuestion) -> PortAnswer:
        """Answer one question. Raises PortError, and what the user's code raises."""
        arrays = restore(asked.arrays) if asked.arrays else {}
        if asked.action == "load":
            self._load(asked)
        with self._port.working_in(asked.precision):
            port = self._port(self._make(), asked.precision)
            if "x0" in arrays:
                port.build(arrays["x0"])
            values = {
                name.removeprefix(WEIGHT): value
                for name, value in arrays.items()
                if name.startswith(WEIGHT)
            }
            if values:
                port.set_variables(values)
            answer, made = _ACTIONS[asked.action](port, asked, arrays)
            if asked.reply:
                save(asked.reply, made)
            return answer

    def _load(self, asked: PortQuestion) -> None:
        trained = asked.trained
        if trained is not None:
            trace = asked.ports.get(CORE_NETWORKS, "")
            self._make, self._port = lambda: (trained, trace), BackendPort
            return
        self.path = Path(asked.path)
        self._make = factory.find(self.path, asked.name)
        self._port = _find_port(self._make(), asked.ports)


def _describe(
    port: Port, _asked: PortQuestion, _arrays: NamedArrays
) -> tuple[PortAnswer, NamedArrays]:
    known = port.variables() if port.pieces else {}
    made = {f"{WEIGHT}{name}": value for name, value in known.items()}
    return PortAnswer(description=port.describe()), made


def _trace(port: Port, _asked: PortQuestion, arrays: NamedArrays) -> tuple[PortAnswer, NamedArrays]:
    made: NamedArrays = {}
    called: tuple[str, ...] = ()
    for place, one in enumerate(_inputs(arrays)):
        traced = port.trace(one)
        made[f"output{place}"] = traced.output
        made |= {f"in{place}:{name}": value for name, value in traced.inputs.items()}
        made |= {f"out{place}:{name}": value for name, value in traced.outputs.items()}
        called = called or tuple(traced.called or traced.inputs)
    return PortAnswer(called=called), made


def _losses(
    port: Port, _asked: PortQuestion, arrays: NamedArrays
) -> tuple[PortAnswer, NamedArrays]:
    losses = [port.loss(*batch) for batch in _batches(arrays)]
    values = {str(place): one if np.isfinite(one) else None for place, one in enumerate(losses)}
    return PortAnswer(values=values), {}


def _gradients(
    port: Port, _asked: PortQuestion, arrays: NamedArrays
) -> tuple[PortAnswer, NamedArrays]:
    made: NamedArrays = {}
    rates: tuple[float, ...] = ()
    kinds: tuple[str, ...] = ()
    port.still()
    for place, batch in enumerate(_batches(arrays)):
        made |= {f"g{place}:{name}": value for name, value in port.gradients(batch).items()}
        if not place:
            rates, kinds = port.dropout_rates(), port.dropout_kinds()
    return PortAnswer(dropout_rates=rates, dropout_kinds=kinds), made


def _train(port: Port, asked: PortQuestion, arrays: NamedArrays) -> tuple[PortAnswer, NamedArrays]:
    made: NamedArrays = {}
    port.still()
    batches = _batches(arrays)
    steps = (
        port.snapshots(batches, asked.snapshots)
        if asked.own_optimizer
        else (number for number, _ in enumerate(protocol_steps(port, batches), 1))
    )
    for number in steps:
        if number in asked.snapshots:
            made |= {f"{number}:{name}": value for name, value in port.variables().items()}
    made["output"] = port.trace(batches[0][0]).output
    return PortAnswer(), made


def _network(
    port: Port, asked: PortQuestion, _arrays: NamedArrays
) -> tuple[PortAnswer, NamedArrays]:
    return PortAnswer(network=port.network(asked.shape)), {}


_ACTIONS: dict[
    Action, Callable[[Port, PortQuestion, NamedArrays], tuple[PortAnswer, NamedArrays]]
] = {
    "load": _describe,
    "trace": _trace,
    "loss": _losses,
    "gradients": _gradients,
    "train": _train,
    "network": _network,
}


def _inputs(arrays: NamedArrays) -> list[np.ndarray]:
    return [arrays[name] for name in arrays if name.startswith("x")]


def _batches(arrays: NamedArrays) -> list[PortBatch]:
    targets = [arrays[name] for name in arrays if name.startswith("y")]
    return list(zip(_inputs(arrays), targets, strict=True))


def _find_port(made: Any, ports: dict[str, str]) -> type[Port]:
    """Return the port of the framework that the network is of. Raises PortError."""
    if isinstance(made, tuple) and len(made) != 3:
        raise PortError(
            f"the factory returned a tuple of {len(made)}; expected a network, or (network, "
            f"optimizer, loss), where the last two may be None. A schedule of torch's is part "
            f"of the optimizer where it is stepped in optimizer.register_step_post_hook"
        )
    network = made[0] if isinstance(made, tuple) else made
    if isinstance(network, ModelSpec):
        raise PortError(
            "the factory returned a spec: name its file in place of the factory (my.toml), which "
            "`benchbench import` or `benchbench.spec.files.dump` writes"
        )
    for kind in type(network).__mro__:
        place = ports.get(kind.__module__.partition(".")[0])
        if place:
            module, _, name = place.partition(":")
            found: type[Port] = getattr(importlib.import_module(module), name)
            return found
    known = [name for name in ports if name != CORE_NETWORKS]
    raise PortError(
        f"the factory returned {_kind(network)}; expected a network of one of: {', '.join(known)} "
        f"(a torch.nn.Module, a keras.Model, a flax.nnx.Module), or (network, optimizer, loss)"
    )


def _kind(value: Any) -> str:
    if value is None:
        return "None: is a `return` missing?"
    if isinstance(value, np.ndarray):
        return "an array"
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _safe_answer(side: PortSide, asked: PortQuestion) -> PortAnswer:
    try:
        return side.answer(asked)
    except (PortError, Unsupported) as error:
        return PortAnswer(trouble=str(error))
    # A user's file may raise anything, SystemExit too.
    except BaseException as error:
        lines = traceback.format_exception(error)
        cure = factory.cure(error, side.path)
        return PortAnswer(
            trouble=f"{type(error).__name__}: {str(error).strip()[:2000]}{cure and f'; {cure}'}",
            traceback="".join(lines).encode(errors="backslashreplace").decode(),
        )


def _main() -> None:
    side = PortSide()
    with answer_pipe() as pipe:
        pipe.write(READY + b"\n")
        pipe.flush()
        for line in sys.stdin.buffer:
            answer = _safe_answer(side, msgspec.json.decode(line, type=PortQuestion))
            pipe.write(msgspec.json.encode(answer) + b"\n")
            pipe.flush()
    # Threads that a framework started hold up nobody.
    os._exit(0)


if __name__ == "__main__":
    _main()
