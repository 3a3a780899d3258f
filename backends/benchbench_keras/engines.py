"""The engines under Keras: their devices, threads and precision, and how to wait for them.

What Keras does not abstract is here, one class an engine; nothing else in this package asks which
engine is running, but for the tuned division, which is TensorFlow's own.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import metadata
from typing import Any

from benchbench import Conv2D, ModelSpec, Unsupported
from benchbench_keras.epoch_iterator import let_go_of_iterator
from benchbench_keras.importing import import_keras

Settings = dict[str, str | int | float | bool]


class Engine(ABC):
    """One of Keras's engines, imported."""

    name: str
    distributions: tuple[str, ...]

    def __init__(self) -> None:
        self.keras = import_keras(self.name)

    def versions(self) -> dict[str, str]:
        """Return the versions of Keras and of those of the engine's distributions installed."""
        versions = {"keras": self.keras.__version__}
        for distribution in self.distributions:
            try:
                versions[distribution] = metadata.version(distribution)
            except metadata.PackageNotFoundError:
                continue
        return versions

    def require(self, device: str) -> None:
        """Raise Unsupported, with what there is, unless the device is here."""
        if device not in self.devices():
            raise Unsupported(
                f"Keras on {self.name} has no device '{device}' here, only "
                f"{', '.join(self.devices())}"
            )

    def refusal(self, model: ModelSpec, batch_sizes: Collection[int], device: str) -> str | None:
        """Return why the engine cannot train on batches of these sizes; None where it can."""
        return None

    @abstractmethod
    def devices(self) -> tuple[str, ...]:
        """Return "cpu" and the NVIDIA devices of the engine."""

    @abstractmethod
    def prepare(self, device: str, threads: int) -> None:
        """Set threads, precision and visible devices; before the engine's first computation."""

    @abstractmethod
    def scope(self, device: str) -> AbstractContextManager[Any]:
        """Return the context in which to build and run what shall live on the device."""

    def seed_shuffling(self, seed: int) -> Settings:
        """Seed what `fit` shuffles by; return what `settings` says of it."""
        # NumPy's legacy seed, which Keras sets too, has 32 bits.
        self.keras.utils.set_random_seed(seed % 2**32)
        return {"shuffling": "seeded"}

    def epoch_over(self) -> None:
        """Let go of what only the epoch needed: called by a callback of `fit`, at its end."""
        return

    @abstractmethod
    def synchronize(self, device: str, variables: Sequence[Any]) -> None:
        """Return when the device is idle, or at least has finished these Keras variables."""

    @abstractmethod
    def settings(self) -> Settings:
        """Return the threads and precision in force."""

    def peak_memory_bytes(self, device: str) -> int | None:
        """Return the peak of the device's allocator; None on a CPU, which has none."""
        return None


class TensorFlowEngine(Engine):
    name = "tensorflow"
    distributions = ("tensorflow", "tensorflow-cpu")

    def __init__(self) -> None:
        super().__init__()
        import tensorflow

        self.tensorflow = tensorflow

    def devices(self) -> tuple[str, ...]:
        count = len(self.tensorflow.config.list_physical_devices("GPU"))
        return "cpu", *(f"cuda:{index}" for index in range(count))

    def prepare(self, device: str, threads: int) -> None:
        config = self.tensorflow.config
        cards = config.list_physical_devices("GPU")
        wanted = [] if device == "cpu" else [cards[_index(device)]]
        try:
            config.threading.set_intra_op_parallelism_threads(threads)
            config.threading.set_inter_op_parallelism_threads(threads)
            config.set_visible_devices(wanted, "GPU")
            for card in wanted:
                config.experimental.set_memory_growth(card, True)
        except RuntimeError:
            # TensorFlow has computed in this process already: its devices can no longer be changed
            # (its threads are as they were, and `settings` says how many).
            if config.get_visible_devices("GPU") != wanted:
                raise Unsupported(
                    f"TensorFlow has already started in this process, with other devices than "
                    f"{device}; use a fresh process"
                ) from None
        config.experimental.enable_tensor_float_32_execution(False)

    def scope(self, device: str) -> AbstractContextManager[Any]:
        # Only the wanted device is visible, and TensorFlow places on a card whatever it can.
        return nullcontext()

    def seed_shuffling(self, seed: int) -> Settings:
        # With a seed Keras 3.15.1 on TensorFlow shuffles once and repeats that order in every
        # epoch: the dataset's `tf.random.shuffle` starts again from its seed with each iterator.
        self.tensorflow.random.set_seed(None)
        return {"shuffling": "not seeded: TensorFlow repeats a seeded order in every epoch"}

    def epoch_over(self) -> None:
        # Else its destructor runs in the next epoch, and may wait as long as others had their turn.
        let_go_of_iterator()

    def synchronize(self, device: str, variables: Sequence[Any]) -> None:
        self.tensorflow.test.experimental.sync_devices()

    def settings(self) -> Settings:
        config = self.tensorflow.config
        return {
            "intra_op_threads": config.threading.get_intra_op_parallelism_threads(),
            "inter_op_threads": config.threading.get_inter_op_parallelism_threads(),
            "tensor_float_32": config.experimental.tensor_float_32_execution_enabled(),
        }

    def peak_memory_bytes(self, device: str) -> int | None:
        if device == "cpu":
            return None
        return int(self.tensorflow.config.experimental.get_memory_info("GPU:0")["peak"])


class TorchEngine(Engine):
    name = "torch"
    distributions = ("torch",)

    def __init__(self) -> None:
        super().__init__()
        import torch

        self.torch = torch

    def refusal(self, model: ModelSpec, batch_sizes: Collection[int], device: str) -> str | None:
        # "slow_conv2d: grad_weight must be contiguous": Keras keeps kernels as (h, w, in, out), and
        # of one filter torch takes the transposed kernel for one that is in channels-last order.
        refused = any(
            isinstance(trace.layer, Conv2D)
            and trace.layer.filters == 1
            and trace.input_shape[-1] > 1
            and trace.layer.kernel_size != (1, 1)
            for trace in model.leaves()
        )
        if device != "cpu" or 1 not in batch_sizes or not refused:
            return None
        return (
            "Keras on torch has no gradient, on the CPU, of a convolution of several channels to "
            "one filter in a batch of one image: torch wants a contiguous grad_weight; choose "
            "another batch size"
        )

    def devices(self) -> tuple[str, ...]:
        count = self.torch.cuda.device_count() if self.torch.cuda.is_available() else 0
        return "cpu", *(f"cuda:{index}" for index in range(count))

    def prepare(self, device: str, threads: int) -> None:
        self.torch.set_num_threads(threads)
        self.torch.set_float32_matmul_precision("highest")
        self.torch.backends.cudnn.allow_tf32 = False

    def scope(self, device: str) -> AbstractContextManager[Any]:
        # "cpu", not "cpu:0": to torch that is a move, and what it moves is a copy, not a parameter.
        return self.keras.device(device)

    def synchronize(self, device: str, variables: Sequence[Any]) -> None:
        # On the CPU every operation has finished when its call returns.
        if device != "cpu":
            self.torch.cuda.synchronize(device)

    def settings(self) -> Settings:
        return {
            "intra_op_threads": self.torch.get_num_threads(),
            "float32_matmul_precision": self.torch.get_float32_matmul_precision(),
            "tensor_float_32": self.torch.backends.cudnn.allow_tf32,
        }

    def peak_memory_bytes(self, device: str) -> int | None:
        return None if device == "cpu" else int(self.torch.cuda.max_memory_allocated(device))


class JaxEngine(Engine):
    name = "jax"
    distributions = ("jax", "jaxlib")

    def __init__(self) -> None:
        super().__init__()
        import jax

        self.jax = jax

    def devices(self) -> tuple[str, ...]:
        cards = [card for card in self.jax.devices() if card.platform == "gpu"]
        return "cpu", *(f"cuda:{index}" for index in range(len(cards)))

    def prepare(self, device: str, threads: int) -> None:
        self.jax.config.update("jax_default_matmul_precision", "highest")

    def scope(self, device: str) -> AbstractContextManager[Any]:
        return self.keras.device("cpu:0" if device == "cpu" else device.replace("cuda", "gpu"))

    def synchronize(self, device: str, variables: Sequence[Any]) -> None:
        self.jax.block_until_ready([variable.value for variable in variables])

    def settings(self) -> Settings:
        return {
            "threads_set_by": "affinity",  # XLA's CPU client has no other knob
            "float32_matmul_precision": str(self.jax.config.jax_default_matmul_precision),
        }

    def peak_memory_bytes(self, device: str) -> int | None:
        if device == "cpu":
            return None
        statistics = self.jax.devices("gpu")[_index(device)].memory_stats() or {}
        peak = statistics.get("peak_bytes_in_use")
        return None if peak is None else int(peak)


def _index(device: str) -> int:
    """Return 1 for "cuda:1"."""
    match = re.fullmatch(r"cuda:(\d+)", device)
    if match is None:
        raise Unsupported(f"expected 'cpu' or 'cuda:N', got the device '{device}'")
    return int(match[1])
