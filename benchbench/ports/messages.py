"""What is asked of the process that holds a user's network, and what it answers: JSON and npz."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from benchbench.plugins.ports import PortDescription, PortNetwork
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol

READY = b"ready"
Action: TypeAlias = Literal["load", "trace", "loss", "gradients", "train", "network"]
NamedArrays: TypeAlias = dict[str, npt.NDArray[Any]]

# Names of arrays in a question: "w:block.role" of variables, "x0", "x1", ... inputs, "y0" targets.
WEIGHT = "w:"


class TrainedSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the spec in place of a file's network, trained by a backend of this process.

    Without a backend it is the spec itself: the reference, in float64 and in float32. Without its
    own optimizer it is as a file that gives none.
    """

    model: ModelSpec
    protocol: TrainingProtocol
    backend: str = ""
    division: str = "idiomatic"
    device: str = "cpu"
    own_optimizer: bool = True


class PortQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """One question. `arrays` is the file that holds its arrays, empty for none.

    `load` names a factory, or what is `trained` in place of one, and `ports` the place of the
    `Port` of each framework; `network` has the shape of a sample. The others make the network anew
    in `precision`, set its variables, and exercise it on the inputs.
    `own_optimizer`: train by the file's, else by the protocol's. `snapshots`: after how many steps
    the variables are wanted.
    """

    action: Action
    path: str = ""
    name: str = ""
    ports: dict[str, str] = {}
    precision: str = "float32"
    trained: TrainedSpec | None = None
    shape: tuple[int, ...] = ()
    own_optimizer: bool = True
    snapshots: tuple[int, ...] = ()
    arrays: str = ""
    reply: str = ""


class PortAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `trouble` says what went wrong, with `traceback` where code raised.

    `called` are the blocks in the order of their first call, of `trace`; `dropout_rates` and
    `dropout_kinds` come with `gradients`. JSON has no NaN: a loss that is none is None.
    """

    trouble: str = ""
    traceback: str = ""
    description: PortDescription | None = None
    called: tuple[str, ...] = ()
    values: dict[str, float | None] = {}
    dropout_rates: tuple[float, ...] = ()
    dropout_kinds: tuple[str, ...] = ()
    network: PortNetwork | None = None


def save(path: str, arrays: NamedArrays) -> None:
    """Write arrays into a file, by name. Names may hold what a zip file's members may."""
    numbered: Any = {str(place): value for place, value in enumerate(arrays.values())}
    np.savez(path, **numbered)
    with open(f"{path}.names", "wb") as names:  # noqa: PTH123 - beside the other
        names.write(msgspec.json.encode(list(arrays)))


def restore(path: str) -> NamedArrays:
    """Read arrays back."""
    with open(f"{path}.names", "rb") as names:  # noqa: PTH123
        known = msgspec.json.decode(names.read(), type=list[str])
    with np.load(path, allow_pickle=False) as found:
        return {name: found[str(place)] for place, name in enumerate(known)}
