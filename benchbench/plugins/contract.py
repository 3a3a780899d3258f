"""The contract between the core and a backend.

The core owns the clock, the first weights, the spec and the checks; a backend owns how the
arithmetic is done. `docs/write-a-backend.md` walks through a complete one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from benchbench.data.dataset import Split
from benchbench.errors import PluginError
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# 1: the first. 2: `variables`, `Split(inputs, targets)`, `Score(loss, metric)`; see below.
API_VERSION = 2

# What a plugin that was written for version 1 has to rename.
RENAMED_SINCE_1 = (
    "Trainer.set_parameters is set_variables, Trainer.parameters is variables, Split.images and "
    "Split.labels are inputs and targets, Score.accuracy is metric, and a spec's parameter_shapes "
    "are variable_shapes"
)


@dataclass(frozen=True, slots=True)
class Score:
    """Loss and metric, averaged over samples (not over batches).

    `loss` is that of the protocol, `metric` the task's (see `benchbench.spec.losses`): an accuracy,
    a fraction in [0, 1], or the mean absolute error.
    """

    loss: float
    metric: float


class Observer(Protocol):
    """The core's ear in `Trainer.fit`. The trainer calls it; the core holds the clock.

    Each call ends a timed region, after `Trainer.synchronize`, and returns outside of one.
    """

    def epoch_trained(self, loss: float | None) -> None:
        """Say that the epoch's last optimiser step has been issued.

        `loss` is the mean training loss of the epoch, None where it was not computed.
        """

    def epoch_validated(self, score: Score) -> None:
        """Say that the epoch's validation is done. May block: it is another worker's turn."""


class Trainer(ABC):
    """One model, ready to be trained once by one protocol on one device.

    Arrays cross this border in the order and layout of `ModelSpec.variables`, float32: Dense kernel
    (in, out), Conv2D kernel (height, width, in, out); Flatten runs row-major over (height, width,
    channels). Inputs are float32, or tokens, int32 (n, steps), where the model's `input_type` is
    "int32": whole numbers from 0 to its `vocabulary` - 1, which the core has checked.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if hasattr(cls, "set_parameters"):
            raise PluginError(
                f"{cls.__name__} is written for version 1 of the plugin API, this is version "
                f"{API_VERSION}: {RENAMED_SINCE_1}"
            )

    @abstractmethod
    def set_variables(self, arrays: Sequence[npt.NDArray[np.float32]]) -> None:
        """Take these as the variables. Called once, before `fit`; untimed as training."""

    @abstractmethod
    def variables(self) -> list[npt.NDArray[np.float32]]:
        """Return the variables, copied out of the framework. Called outside timed regions.

        An observer may call it too, while `fit` waits for it: then they are those of that moment.
        """

    @abstractmethod
    def fit(self, train: Split, validation: Split, observer: Observer) -> None:
        """Train for all of `protocol.epochs`, telling the observer of each epoch, in order.

        Timed: from the call to the first `epoch_trained`, then from each return of
        `epoch_validated` to the next `epoch_trained` (training), and from each `epoch_trained` to
        `epoch_validated` (validation). What the backend needs once (moving data to the device,
        compiling) therefore lands in the first epoch.

        With `protocol.shuffle` every epoch draws a fresh permutation from the seed; without it the
        batches come in the order given. The last, short batch is trained on too.
        """

    @abstractmethod
    def evaluate(self, split: Split) -> Score:
        """Return loss and metric over the split. Timed, once, on the test samples."""

    @abstractmethod
    def predict(self, inputs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the outputs, float32 (n, *output_shape). Timed, once, on the test inputs.

        They are probabilities, or values for `MeanSquaredError`.
        """

    @abstractmethod
    def synchronize(self) -> None:
        """Return when the device has finished all work issued. Called before the clock is read."""

    @abstractmethod
    def settings(self) -> dict[str, str | int | float | bool]:
        """Return what really ran: layout, compile mode, precision, threads, where the data lives.

        Called once, after the run.
        """

    def device_peak_memory_bytes(self) -> int | None:
        """Return the peak of the device's allocator, None if it has none. Called at the end."""
        return None

    def order(self, epoch: int) -> npt.NDArray[np.integer[Any]] | None:
        """Return the order in which `fit` met the samples in an epoch; None if it is not known.

        Indices into the `train` split, (n,); `epoch` counts from 1. Called after `fit`, untimed,
        for any epoch, in a trainer that evaluated nothing before `fit`. Work it out from the seed
        when you are asked: keep nothing for it while `fit` is timed. An audit repeats epochs in
        this order and compares weights (see `docs/certificate.md`).
        """
        return None


class Backend(ABC):
    """A framework, imported. Made in the worker's process by `BackendInfo.create`."""

    divisions: tuple[str, ...] = ("idiomatic",)

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Return the versions of the distributions at work, by name."""

    @abstractmethod
    def devices(self) -> tuple[str, ...]:
        """Return the devices usable here, "cpu" first: "cpu", "cuda:0", "mps", ..."""

    @abstractmethod
    def trainer(
        self,
        model: ModelSpec,
        protocol: TrainingProtocol,
        *,
        device: str,
        division: str,
        threads: int,
        seed: int,
    ) -> Trainer:
        """Build the model on the device.

        `threads` is the number of CPU threads to use; the core has set affinity and the usual
        environment variables before the framework was imported. `seed` is for shuffling. Raises
        `Unsupported`, with the reason, for a model, device or division that it does not do.
        """


def _every_model(_model: ModelSpec) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Deviation:
    """A difference from the reference that a plugin owns up to, for a reason it can state.

    `rung` and `start` are those of the certificate ("loss", "saturated"). The difference there
    must lie from `least` to `most`: a deviation that is not there, or is larger, breaks the
    certificate as an undeclared one would. `applies` says for which models it is declared,
    `divisions` for which of the backend's divisions, None for all.
    """

    rung: str
    start: str
    least: float
    most: float
    reason: str
    applies: Callable[[ModelSpec], bool] = _every_model
    divisions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ExecutorInfo:
    """A way to run blocks that a plugin offers, on a cluster for instance.

    `create` makes a `benchbench.experiments.executors.Executor`; it may import what is heavy, and
    raises `Unavailable` where there is nothing to run on. The name `local` is the core's.
    """

    name: str
    create: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """A backend as it is declared: cheap to make, no framework imported.

    `requires` are the distributions it needs; alternatives are separated by a bar
    (`"tensorflow-cpu | tensorflow"`). `create` does the heavy import. `divisions` repeats
    `Backend.divisions` for `benchbench list`. `install` is the command that installs what is
    missing (default: `pip install` of the requirements). `environment` is set for the worker's
    process before Python starts in it; `{threads}` in a value stands for the number of threads,
    `{home}` for an empty folder of the run's own. `removes` names variables of the user's that the
    worker must not see, `notes` the beginnings of those that a record keeps, for they can change
    what is measured. `deviations` are shown with every certificate.
    `ports` has, for each framework whose networks the plugin can train as a user's file makes
    them, the name of its module and the place of a `benchbench.plugins.ports.Port`:
    `(("torch", "benchbench_torch.ports:TorchPort"),)`; under "benchbench" the place of a function
    that traces the layers of a spec (`benchbench_numpy.ports`).
    `deterministic`: the same seed gives the same result twice, but for the order of sums.
    """

    name: str
    requires: tuple[str, ...]
    create: Callable[[], Backend]
    divisions: tuple[str, ...] = ("idiomatic",)
    install: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    removes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    deterministic: bool = True
    ports: tuple[tuple[str, str], ...] = ()

    def deviations_of(self, division: str, model: ModelSpec) -> tuple[Deviation, ...]:
        """Return the deviations declared for this division on this model."""
        return tuple(
            deviation
            for deviation in self.deviations
            if division in (deviation.divisions or self.divisions) and deviation.applies(model)
        )
