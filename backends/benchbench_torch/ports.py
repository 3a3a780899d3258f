"""A user's torch module, taken up as it is: blocks by hooks, its own loss and optimizer."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from benchbench.plugins.port_parts import not_one_output
from benchbench.plugins.ports import (
    ForwardTrace,
    Port,
    PortBatch,
    PortDescription,
    PortError,
    PortNetwork,
    PortOutputs,
)
from benchbench_torch.port_checks import checked
from benchbench_torch.port_dropout import WithoutDropout
from benchbench_torch.port_layers import find_pieces
from benchbench_torch.port_network import read_network
from benchbench_torch.port_traces import array, channels_first_ranks, watch
from benchbench_torch.port_training import describe_loss, describe_optimizer, loss_of

# The axes of a batch of sequences; one of images has more, one of images in a row five.
_SEQUENCE, _VIDEO = 3, 5


class TorchPort(Port):
    """A module, or (module, optimizer, loss)."""

    @staticmethod
    @contextmanager
    def working_in(precision: str) -> Iterator[None]:
        torch.manual_seed(0)
        torch.backends.mha.set_fastpath_enabled(False)
        if "torch._dynamo" in sys.modules:  # as a file that compiles has imported it
            torch.compiler.set_stance("force_eager")
        before = torch.get_default_dtype()
        if precision == "float64":  # else as the file has set it: bfloat16 would be its mistake
            torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(before)

    def __init__(self, made: Any, precision: str) -> None:
        module, optimizer, loss = checked(made)
        self.module = module.to(torch.float64) if precision == "float64" else module
        self.dtype = next(
            (one.dtype for one in self.module.parameters() if one.is_floating_point()),
            torch.get_default_dtype(),
        )
        if isinstance(loss, nn.Module):
            loss = loss.to(getattr(torch, precision))
        self._optimizer, self._loss = optimizer, loss
        self._criterion = loss_of(loss, self._outputs())
        # A tied weight is there under each of its names.
        names = [
            *self.module.named_parameters(remove_duplicate=False),
            *self.module.named_buffers(remove_duplicate=False),
        ]
        self._arrays: dict[str, torch.Tensor] = dict(names)
        self._lazy = any(map(nn.parameter.is_lazy, self._arrays.values()))
        self.pieces = [] if self._lazy else find_pieces(self.module, self._arrays)
        self._channels_first = channels_first_ranks(self.module)
        # Where the channels go, which come last: an axis, or 0 for where they are.
        self._moved = 0

    def build(self, inputs: npt.NDArray[Any]) -> None:
        if self._lazy:
            self.module.eval()
            with torch.no_grad():
                self._call(inputs)
            self.pieces, self._lazy = find_pieces(self.module, self._arrays), False

    def describe(self) -> PortDescription:
        return PortDescription(
            framework="torch",
            blocks=self.blocks(),
            loss=None if self._loss is None else describe_loss(self._loss),
            optimizer=None if self._optimizer is None else describe_optimizer(self._optimizer),
            outputs=self._outputs(),
            trained=any(one.grad is not None for one in self.module.parameters()),
        )

    def read(self, source: str) -> npt.NDArray[Any]:
        name, _, place = source.partition("#")
        return array(_third(self._arrays[name], place))

    def write(self, source: str, value: npt.NDArray[Any]) -> None:
        name, _, place = source.partition("#")
        with torch.no_grad():
            own = self._arrays[name]
            _third(own.data, place).copy_(torch.as_tensor(np.ascontiguousarray(value)).to(own))

    def trace(self, inputs: npt.NDArray[Any]) -> ForwardTrace:
        traced = ForwardTrace(np.empty(0))
        self.module.eval()
        with torch.no_grad():
            self._call(inputs)  # which finds out where the channels are
        hooks = watch(self.module, self.pieces, traced)
        try:
            with torch.no_grad():
                output = self._answer(inputs, moved=self._moved)
        finally:
            for hook in hooks:
                hook.remove()
        images = self._moved and output.ndim == inputs.ndim > _SEQUENCE
        # Of sequences, losses of torch take the classes behind the samples.
        behind = output.ndim == _SEQUENCE and self._classes()
        channels = self._moved if images else 1
        traced.output = array(output.movedim(channels, -1) if images or behind else output)
        return traced

    def loss(self, inputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
        self.module.eval()
        with torch.no_grad():
            output = self._call(inputs)
            return float(self._criterion(output, self._targets(output, targets)))

    def still(self) -> None:
        self._dropout = WithoutDropout(self.module)

    def dropout_rates(self) -> tuple[float, ...]:
        return self._dropout.rates

    def dropout_kinds(self) -> tuple[str, ...]:
        return self._dropout.kinds

    def gradients(self, batch: PortBatch) -> dict[str, npt.NDArray[Any]]:
        self.module.zero_grad()
        self._train(batch)

        def gradient(source: str) -> npt.NDArray[Any]:
            name, _, place = source.partition("#")
            own = self._arrays[name]
            found = own.grad if own.grad is not None else torch.zeros_like(own)
            return array(_third(found, place))

        return self.joined(gradient)

    def step(self, batches: Sequence[PortBatch]) -> Iterator[None]:
        assert self._optimizer is not None  # noqa: S101 - the core has asked for it
        for batch in batches:
            self._optimizer.zero_grad()
            self._train(batch)
            self._optimizer.step()
            yield

    def _train(self, batch: PortBatch) -> None:
        """Make one pass forward and back, without dropout."""
        self.module.train()
        with self._dropout:
            output = self._call(batch[0])
        loss = self._criterion(output, self._targets(output, batch[1]))
        if loss.requires_grad:  # else all of it is frozen, or detached: gradients of zero
            loss.backward()

    def network(self, shape: tuple[int, ...]) -> PortNetwork:
        sample = np.zeros((3, *shape), np.float32)
        self._moved = int(sample.ndim in self._channels_first)
        if any(isinstance(one, torch.nn.Embedding) for one in self.module.modules()):
            sample = sample.astype(np.int64)
        return read_network(self.module, self._inputs(sample), shape)

    def _classes(self) -> bool:
        """Say whether the loss is one of torch's that takes classes."""
        return self._loss is not None and type(self._loss) in {nn.CrossEntropyLoss, nn.NLLLoss}

    def _outputs(self) -> PortOutputs:
        if self._loss is not None and describe_loss(self._loss).outputs != "unknown":
            return describe_loss(self._loss).outputs
        last = list(self.module.modules())[-1]
        ends: dict[type, PortOutputs] = {
            nn.Softmax: "probabilities",
            nn.LogSoftmax: "log-probabilities",
        }
        return ends.get(type(last), "unknown")

    def _call(self, inputs: npt.NDArray[Any]) -> torch.Tensor:
        """Call the module with the channels where its layers want them, else elsewhere."""
        output = self._answered(inputs)
        if isinstance(output, torch.Tensor):
            return output
        raise PortError(not_one_output(output))

    def _answered(self, inputs: npt.NDArray[Any]) -> Any:
        first = int(inputs.ndim in self._channels_first)
        try:
            return self._answer(inputs, moved=first)
        except RuntimeError:
            if inputs.ndim < _SEQUENCE or np.issubdtype(inputs.dtype, np.integer):
                raise
        # Of images in a row, (batch, steps, height, width, channels), they may come third.
        for moved in (1 - first, *((2,) if inputs.ndim == _VIDEO else ())):
            with suppress(RuntimeError):
                return self._answer(inputs, moved=moved)
        return self._answer(inputs, moved=first)  # what it says of these

    def _answer(self, inputs: npt.NDArray[Any], *, moved: int) -> Any:
        self._moved = moved
        return self.module(self._inputs(inputs))

    def _targets(self, output: torch.Tensor, targets: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return targets as the outputs are laid out: images with the channels in front."""
        images = self._moved and output.ndim == targets.ndim > _SEQUENCE
        return np.moveaxis(targets, -1, self._moved) if images else targets

    def _inputs(self, inputs: npt.NDArray[Any]) -> torch.Tensor:
        tensor = torch.as_tensor(inputs)
        if not tensor.is_floating_point():
            return tensor.long()
        if self._moved:
            # Laid out in memory as images of torch are: what a layer answers can then be viewed.
            tensor = tensor.movedim(-1, self._moved).clone(memory_format=torch.contiguous_format)
        return tensor.to(self.dtype)


def _third(values: torch.Tensor, place: str) -> torch.Tensor:
    """Return one of the three blocks of rows of a packed array, by its number."""
    return values.chunk(3)[int(place)] if place else values
