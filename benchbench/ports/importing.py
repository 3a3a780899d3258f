"""A network of a user's file as a spec: read by its port, written as layers of the spec."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import msgspec
import numpy as np

from benchbench.errors import BenchbenchError, SpecError
from benchbench.plugins.ports import Inexpressible, PortDescription, PortNetwork
from benchbench.ports import inputs
from benchbench.ports.messages import NamedArrays
from benchbench.ports.process import PortFailure, PortProcess
from benchbench.ports.protocol_words import NoProtocol, loss_of, protocol_of
from benchbench.ports.structure import NoChain, chain_of, simplified
from benchbench.ports.subjects import Factory
from benchbench.spec.layers import Dense, Embedding, Layer
from benchbench.spec.losses import Loss, OutputActivation
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol

TIMEOUT_SECONDS = 600.0


class NotExpressed(BenchbenchError):  # noqa: N818 - an answer, not a failure
    """A network that no spec can hold: a line a layer, with why and what to do."""

    def __init__(self, label: str, found: Sequence[Inexpressible]) -> None:
        lines = [f"  {one.name}: {one.reason}. {one.cure}" for one in found]
        count = "1 layer" if len(found) == 1 else f"{len(found)} layers"
        told = f"{label} cannot be written as a spec, for {count}; nothing was written:"
        super().__init__("\n".join([told, *lines]))
        self.found = tuple(found)


@dataclass(frozen=True)
class ImportedNetwork:
    """What came of a file: the model, the protocol if it gives one that a spec can hold, remarks.

    `loss` is that of the file as far as a spec can hold it.
    """

    model: ModelSpec
    protocol: TrainingProtocol | None
    loss: Loss | None
    notes: tuple[str, ...]


def import_network(
    factory: Factory,
    ports: Mapping[str, str],
    *,
    name: str,
    shape: tuple[int, ...] | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> ImportedNetwork:
    """Read a network as a spec of this name. `shape` is that of a sample, where it does not say it.

    Raises NotExpressed, and PortFailure for a network that cannot be run.
    """
    with PortProcess(ports, timeout_seconds=timeout_seconds) as process:
        return import_by(process, factory, name=name, shape=shape)


def import_by(
    process: PortProcess, factory: Factory, *, name: str, shape: tuple[int, ...] | None = None
) -> ImportedNetwork:
    """Read a network in this process, which may serve others before and after."""
    description, _ = process.load(factory, {})
    settled, sample, notes = _settle(process, factory, description, shape)
    answer, _ = process.ask("network", {"x0": sample}, shape=settled)
    assert answer.network is not None  # noqa: S101 - it answers so to `network`
    layers = _layers(factory.label, answer.network, settled)
    layers, told = _with_output(factory.label, layers, answer.network, description)
    tokens = isinstance(layers[0], Embedding)
    try:
        model = ModelSpec(name, settled, layers, "int32" if tokens else "float32")
    except SpecError as error:
        raise NotExpressed(factory.label, [Inexpressible(*_place(error, layers))]) from None
    protocol, why = _protocol(description)
    return ImportedNetwork(model, protocol, _loss(description), (*notes, *told, *why))


def spec_name(stem: str) -> str:
    """Return a file's name as that of a model: small letters, digits, dashes."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-._")
    return plain[:80] or "imported"


def _settle(
    process: PortProcess,
    factory: Factory,
    description: PortDescription,
    given: tuple[int, ...] | None,
) -> tuple[tuple[int, ...], np.ndarray, list[str]]:
    """Return the shape of a sample that the network takes, some samples, and what was guessed."""
    known = given or description.input_shape
    shapes = [known] if known else list(inputs.candidates(description, description))
    failure: PortFailure | None = None
    guesses = ((one, n) for one in shapes for n in inputs.vocabularies(one, description))
    for shape, tokens in guesses:
        sample = inputs.draw(shape, tokens, 3, seed=0)
        try:
            process.ask("trace", _named(sample))
        except PortFailure as error:
            failure = failure or error
            continue
        guessed = [] if known else [_guess(shape)]
        return shape, sample, guessed
    tried = ", ".join(map(str, shapes)) or "none"
    raise PortFailure(
        f"no inputs were found that {factory.label} takes (tried {tried}; --input "
        f"HEIGHT,WIDTH,CHANNELS says what they are): {failure}",
        failure.traceback if failure else "",
    )


def _named(sample: np.ndarray) -> NamedArrays:
    return {"x0": sample}


def _guess(shape: tuple[int, ...]) -> str:
    return (
        f"the network does not say what it takes: input_shape = {list(shape)} is a shape that it "
        f"runs with; --input says another"
    )


def _layers(label: str, network: PortNetwork, shape: tuple[int, ...]) -> tuple[Layer, ...]:
    if network.inexpressible:
        raise NotExpressed(label, network.inexpressible)
    try:
        return simplified(chain_of(network), shape)
    except NoChain as error:
        cure = "a spec has Residual for sums and Concat for branches, each with one way in"
        raise NotExpressed(label, [Inexpressible(error.name, error.reason, cure)]) from None
    except SpecError as error:
        raise NotExpressed(label, [Inexpressible("the network", error.reason, "")]) from None


def _with_output(
    label: str,
    layers: tuple[Layer, ...],
    network: PortNetwork,
    description: PortDescription,
) -> tuple[tuple[Layer, ...], list[str]]:
    """Give the output layer the activation that the loss computes; return also what was assumed.

    A spec's loss is computed from what comes before that activation, whichever way a file does it.
    """
    last = layers[-1] if layers else None
    if not isinstance(last, Dense):
        told = last.describe() if last else "nothing"
        raise NotExpressed(
            label,
            [
                Inexpressible(
                    "the last layer",
                    f"it is {told}, but a spec ends in a Dense layer",
                    "end the network in a Dense (Linear) layer, with a softmax, a sigmoid or none",
                )
            ],
        )
    own = "log-softmax" if network.log_softmax else last.activation
    wanted, notes = _wanted(label, own, last.units, description)
    return (*layers[:-1], msgspec.structs.replace(last, activation=wanted)), notes


# By the targets of a loss and what it takes the outputs for: what the network must end in, and the
# output layer's activation in a spec.
_ENDS: dict[tuple[str, str], tuple[str, OutputActivation]] = {
    ("classes", "logits"): ("linear", "softmax"),
    ("classes", "probabilities"): ("softmax", "softmax"),
    ("classes", "log-probabilities"): ("log-softmax", "softmax"),
    ("binary", "logits"): ("linear", "sigmoid"),
    ("binary", "probabilities"): ("sigmoid", "sigmoid"),
    ("values", "values"): ("linear", "linear"),
}


def _wanted(
    label: str, own: str, units: int, description: PortDescription
) -> tuple[OutputActivation, list[str]]:
    loss = description.loss
    if loss is not None and loss.targets != "unknown":
        targets = "classes" if loss.targets == "one_hot" else loss.targets
        end, wanted = _ENDS[targets, loss.outputs]
        if own == end:
            return wanted, []
        raise NotExpressed(
            label,
            [
                Inexpressible(
                    "the last layer",
                    f"it ends in {own}, but its loss {loss.name} takes the outputs for "
                    f"{loss.outputs}, those of {end}",
                    "a spec applies the output's activation once, in the loss: leave out one",
                )
            ],
        )
    if own == "log-softmax":
        return "softmax", []
    if own in {"softmax", "sigmoid"}:
        return own, []  # type: ignore[return-value] # two of its names
    if own not in get_args(OutputActivation):
        raise NotExpressed(
            label,
            [
                Inexpressible(
                    "the last layer",
                    f"it ends in {own}",
                    "a spec's output layer ends in a softmax, a sigmoid or nothing (linear)",
                )
            ],
        )
    if units == 1:
        return "linear", ["the file gives no loss: the output is taken for a value to predict"]
    return "softmax", [
        f"the file gives no loss that is known: the {units} outputs are taken for the logits of "
        f"classes (activation softmax); write linear for values"
    ]


def _protocol(description: PortDescription) -> tuple[TrainingProtocol | None, list[str]]:
    try:
        protocol = protocol_of(description)
    except NoProtocol as error:
        return None, [f"no protocol was written: {error}"]
    if protocol is None:
        return None, ["no protocol was written: the file gives neither optimizer nor loss"]
    notes = [
        f"the protocol's {protocol.epochs} epochs and batches of {protocol.batch_size} are the "
        f"defaults: a file's network does not say them"
    ]
    if description.optimizer is None:
        notes.append("the protocol's optimizer is the default: the file gives none")
    return protocol, notes


def _loss(description: PortDescription) -> Loss | None:
    try:
        return loss_of(description.loss) if description.loss else None
    except NoProtocol:
        return None


def _place(error: SpecError, layers: Sequence[Layer]) -> tuple[str, str, str]:
    """Return name, reason and cure of what no model can be made of."""
    keys = [key for key in error.path if isinstance(key, int)]
    at = keys[0] if keys and keys[0] < len(layers) else None
    name = "the network" if at is None else f"layer {at + 1} ({layers[at].describe()})"
    return name, error.reason, "docs/reference.md lists the layers that a spec has"
