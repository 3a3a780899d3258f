"""A user's torch module, taken up as it is: blocks by hooks, its own loss and optimizer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from benchbench.plugins.port_parts import not_one_output
from benchbench.plugins.ports import (
    ForwardTrace,
    Piece,
    Port,
    PortBatch,
    PortDescription,
    PortError,
    PortNetwork,
    PortOutputs,
)
from benchbench_torch.port_dropout import WithoutDropout
from benchbench_torch.port_layers import find_pieces
from benchbench_torch.port_network import read_network
from benchbench_torch.port_training import describe_loss, describe_optimizer, loss_of

# Of one, two and three dimensions each.
_CHANNELS_FIRST = (
    *(nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._NormBase),
    *(nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd, nn.Dropout2d, nn.Dropout3d),
    *(nn.modules.pooling._AdaptiveMaxPoolNd, nn.modules.pooling._AdaptiveAvgPoolNd),
)

# The axes of a batch of sequences; one of images has more.
_SEQUENCE = 3


class TorchPort(Port):
    """A module, or (module, optimizer, loss)."""

    @staticmethod
    @contextmanager
    def working_in(precision: str) -> Iterator[None]:
        torch.manual_seed(0)
        torch.backends.mha.set_fastpath_enabled(False)
        before = torch.get_default_dtype()
        if precision == "float64":  # else as the file has set it: bfloat16 would be its mistake
            torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(before)

    def __init__(self, made: Any, precision: str) -> None:
        module, optimizer, loss = made if isinstance(made, tuple) else (made, None, None)
        module = getattr(module, "_orig_mod", module)  # what torch.compile was given
        if not isinstance(module, nn.Module):
            raise PortError(f"expected a torch.nn.Module, got {type(module).__name__}")
        if any(isinstance(one, torch.jit.ScriptModule) for one in module.modules()):
            raise PortError(
                "expected a torch.nn.Module whose layers can be watched, got a scripted one: "
                "return it before torch.jit.script"
            )
        self.module = module.to(torch.float64) if precision == "float64" else module
        self.dtype = next(
            (one.dtype for one in self.module.parameters() if one.is_floating_point()),
            torch.get_default_dtype(),
        )
        if isinstance(loss, nn.Module):
            loss = loss.to(getattr(torch, precision))
        if optimizer is not None and not isinstance(optimizer, torch.optim.Optimizer):
            if not callable(optimizer):
                raise PortError(
                    f"expected a torch.optim.Optimizer, or a function of parameters that makes "
                    f"one, got {type(optimizer).__name__}"
                )
            optimizer = optimizer(self.module.parameters())
        if loss is not None and not callable(loss):
            raise PortError(f"expected a loss of (outputs, targets), got {type(loss).__name__}")
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
        self._channels_first = any(
            isinstance(one, _CHANNELS_FIRST) for one in self.module.modules()
        )

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
        return _array(_third(self._arrays[name], place))

    def write(self, source: str, value: npt.NDArray[Any]) -> None:
        name, _, place = source.partition("#")
        with torch.no_grad():
            array = self._arrays[name]
            _third(array.data, place).copy_(torch.as_tensor(np.ascontiguousarray(value)).to(array))

    def trace(self, inputs: npt.NDArray[Any]) -> ForwardTrace:
        traced = ForwardTrace(np.empty(0))
        # How many blocks a module computes: of a stack, or one that holds layers, more than one.
        held = Counter(id(one) for piece in self.pieces for one in _around(self.module, piece))
        hooks = [
            piece.owner.register_forward_hook(
                _recorder(piece, traced, ends=held[id(piece.owner)] == 1), with_kwargs=True
            )
            for piece in self.pieces
        ]
        self.module.eval()
        with torch.no_grad():
            output = self._call(inputs)
        for hook in hooks:
            hook.remove()
        images = self._channels_first and output.ndim == inputs.ndim > _SEQUENCE
        traced.output = _array(output.movedim(1, -1) if images else output)
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

    def gradients(self, batch: PortBatch) -> dict[str, npt.NDArray[Any]]:
        self.module.zero_grad()
        self._train(batch)

        def gradient(source: str) -> npt.NDArray[Any]:
            name, _, place = source.partition("#")
            array = self._arrays[name]
            found = array.grad if array.grad is not None else torch.zeros_like(array)
            return _array(_third(found, place))

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
        self._criterion(output, self._targets(output, batch[1])).backward()

    def network(self, shape: tuple[int, ...]) -> PortNetwork:
        sample = np.zeros((3, *shape), np.float32)
        if any(isinstance(one, torch.nn.Embedding) for one in self.module.modules()):
            sample = sample.astype(np.int64)
        return read_network(self.module, self._inputs(sample), shape)

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
        """Call the module: channels first, or as given where it brings them in front itself."""
        try:
            output = self.module(self._inputs(inputs))
        except RuntimeError:
            if not self._channels_first or inputs.ndim < 3:
                raise
            self._channels_first = False
            try:
                output = self.module(self._inputs(inputs))
            except RuntimeError:
                self._channels_first = True
                output = self.module(self._inputs(inputs))
        if isinstance(output, torch.Tensor):
            return output
        raise PortError(not_one_output(output))

    def _targets(self, output: torch.Tensor, targets: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return targets as the outputs are laid out: images with the channels in front."""
        images = self._channels_first and output.ndim == targets.ndim > _SEQUENCE
        return np.moveaxis(targets, -1, 1) if images else targets

    def _inputs(self, inputs: npt.NDArray[Any]) -> torch.Tensor:
        tensor = torch.as_tensor(inputs)
        if not tensor.is_floating_point():
            return tensor.long()
        if self._channels_first and tensor.ndim > 2:
            tensor = tensor.movedim(-1, 1)
        return tensor.to(self.dtype)


def _around(module: nn.Module, piece: Piece) -> list[nn.Module]:
    """Return the piece's own module and those that hold it."""
    return [one for one in module.modules() if any(own is piece.owner for own in one.modules())]


def _recorder(piece: Piece, traced: ForwardTrace, *, ends: bool) -> Any:
    """Return a hook; without `ends` it keeps the call alone, as of a layer of several blocks.

    Of a cell, which is called at every step, too.
    """
    ends = ends and not isinstance(piece.owner, nn.RNNCellBase)

    def record(
        _module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], output: Any
    ) -> None:
        if piece.name in traced.called:
            return
        traced.called.append(piece.name)
        value = next(iter((*arguments, *named.values())), None)
        answer = output[0] if isinstance(output, tuple) else output
        if ends and isinstance(value, torch.Tensor) and isinstance(answer, torch.Tensor):
            traced.inputs[piece.name] = _canonical(value, piece)
            traced.outputs[piece.name] = _canonical(answer, piece)

    return record


def _canonical(value: torch.Tensor, piece: Piece) -> npt.NDArray[Any]:
    """Return channels last, of images and of what convolves, and sequences with the batch first."""
    array = _array(value)
    if piece.settings.get("batch_first") is False and array.ndim == 3:
        return np.moveaxis(array, 1, 0)
    if piece.kind.startswith("Conv") or (piece.kind == "BatchNormalization" and array.ndim > 2):
        return np.moveaxis(array, 1, -1)
    if array.ndim == 4 and piece.kind == "GroupNormalization":
        return np.moveaxis(array, 1, -1)
    return array


def _array(value: torch.Tensor) -> npt.NDArray[Any]:
    value = value.detach().cpu()
    if value.dtype in {torch.bfloat16, torch.float16}:
        value = value.float()
    return value.numpy().copy()


def _third(array: torch.Tensor, place: str) -> torch.Tensor:
    """Return one of the three blocks of rows of a packed array, by its number."""
    return array.chunk(3)[int(place)] if place else array
