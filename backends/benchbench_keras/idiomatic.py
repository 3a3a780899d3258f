"""The idiomatic division: `compile`, `fit`, `evaluate` and `predict`, as Keras documents them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchbench import (
    ModelSpec,
    Observer,
    Score,
    Split,
    Trainer,
    TrainingProtocol,
    Unsupported,
    task_of,
)
from benchbench_keras.engines import Engine, Settings
from benchbench_keras.model import compiled_network
from benchbench_keras.objective import METRIC, Objective
from benchbench_keras.optimizers import optimizer_settings

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class IdiomaticTrainer(Trainer):
    """One `model.fit`. Keras decides how the engine runs it; `settings` says what it decided.

    `jit_compile` is that of `Model.compile`: True takes XLA, "auto" leaves it to Keras.
    """

    def __init__(
        self,
        engine: Engine,
        model: ModelSpec,
        protocol: TrainingProtocol,
        *,
        device: str,
        seed: int,
        jit_compile: bool | str = "auto",
    ) -> None:
        self._engine = engine
        self._protocol = protocol
        self._device = device
        self._seed = seed
        self._spec = model
        self._shuffling: Settings = {}
        self._objective = Objective(engine.keras, task_of(model, protocol))
        with engine.scope(device):
            self._network = compiled_network(
                engine.keras,
                model,
                protocol,
                self._objective,
                seed=seed,
                jit_compile=jit_compile,
            )
            self._model = self._network.model
            inputs = engine.keras.Input(shape=model.input_shape, dtype=model.input_type)
            self._predictor = engine.keras.Sequential(
                [inputs, self._model, *self._objective.output_layers()]
            )

    def set_variables(self, arrays: Sequence[npt.NDArray[np.float32]]) -> None:
        with self._engine.scope(self._device):
            for variable, array in zip(self._network.variables, arrays, strict=True):
                variable.assign(array)

    def variables(self) -> list[npt.NDArray[np.float32]]:
        numpy = self._engine.keras.ops.convert_to_numpy
        return [numpy(variable).copy() for variable in self._network.variables]

    def fit(self, train: Split, validation: Split, observer: Observer) -> None:
        size = self._protocol.batch_size
        sizes = {min(size, len(train.inputs)), len(train.inputs) % size or size}
        if reason := self._engine.refusal(self._spec, sizes, self._device):
            raise Unsupported(reason)
        self._shuffling = self._engine.seed_shuffling(self._seed)
        with self._engine.scope(self._device):
            self._model.fit(
                train.inputs,
                self._objective.targets(train.targets),
                batch_size=size,
                epochs=self._protocol.epochs,
                shuffle=self._protocol.shuffle,
                validation_data=(validation.inputs, self._objective.targets(validation.targets)),
                callbacks=[_epoch_reporter(self._engine, observer)],
                verbose=0,
            )

    def evaluate(self, split: Split) -> Score:
        with self._engine.scope(self._device):
            logs = self._model.evaluate(
                split.inputs,
                self._objective.targets(split.targets),
                batch_size=self._protocol.batch_size,
                verbose=0,
                return_dict=True,
            )
        return Score(loss=float(logs["loss"]), metric=float(logs[METRIC]))

    def predict(self, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        with self._engine.scope(self._device):
            outputs: npt.NDArray[np.float32] = self._predictor.predict(
                inputs, batch_size=self._protocol.batch_size, verbose=0
            )
        return outputs

    def synchronize(self) -> None:
        self._engine.synchronize(self._device, self._model.variables)

    def settings(self) -> Settings:
        keras = self._engine.keras
        return {
            "engine": self._engine.name,
            "jit_compile": bool(self._model.jit_compile),
            "run_eagerly": bool(self._model.run_eagerly) or self._engine.name == "torch",
            "steps_per_execution": int(self._model.steps_per_execution),
            "image_data_format": keras.config.image_data_format(),
            "precision": keras.config.dtype_policy().name,
            "loss": self._objective.description,
            **optimizer_settings(self._model, self._protocol),
            "data": "host memory, copied batch by batch",
            **self._shuffling,
            **self._engine.settings(),
        }

    def device_peak_memory_bytes(self) -> int | None:
        return self._engine.peak_memory_bytes(self._device)


def _epoch_reporter(engine: Engine, observer: Observer) -> Any:
    """Return a callback that tells the observer of each epoch.

    It has hooks of epochs only: a hook of batches would make Keras read the losses of every step.
    """

    keras: Any = engine.keras

    class EpochReporter(keras.callbacks.Callback):
        def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
            # Keras forgets the epoch's metrics only after this hook.
            observer.epoch_trained(float(self.model.get_metrics_result()["loss"]))

        def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
            engine.epoch_over()
            observer.epoch_validated(
                Score(loss=float(logs["val_loss"]), metric=float(logs[f"val_{METRIC}"]))
            )

    return EpochReporter()
