"""What goes into the layers of a user's torch module and comes out, by hooks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from benchbench.plugins.ports import ForwardTrace, Piece

# Kinds that have the channels behind the samples.
_CHANNELS_SECOND = {"BatchNormalization", "GroupNormalization", "PReLU"}
_WINDOWS = (nn.modules.conv._ConvNd, nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd)
_ADAPTIVE = (nn.modules.pooling._AdaptiveMaxPoolNd, nn.modules.pooling._AdaptiveAvgPoolNd)
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._NormBase)
_SPATIAL = ((*_WINDOWS, *_ADAPTIVE), (*_NORMS, nn.Dropout2d, nn.Dropout3d))
_DIMENSIONS = re.compile(r".*([123])d")


def channels_first_ranks(module: nn.Module) -> set[int]:
    """Return how many axes the batches have whose channels a module takes in front.

    What convolves and pools says it; where nothing does, norms of channels.
    """
    for kinds in _SPATIAL:
        layers = [type(one) for one in module.modules() if isinstance(one, kinds)]
        named = [_DIMENSIONS.fullmatch(own.__name__) for kind in layers for own in kind.__mro__]
        found = {2 + int(one.group(1)) for one in named if one}
        if found:
            return found
    return set()


def watch(module: nn.Module, pieces: Sequence[Piece], traced: ForwardTrace) -> list[Any]:
    """Have a module's layers note their ends in `traced`; return the hooks, to be removed."""
    # How many blocks a module computes: of a stack, or one that holds layers, more than one.
    held = Counter(id(one) for piece in pieces for one in _around(module, piece))
    return [
        piece.owner.register_forward_hook(
            _recorder(piece, traced, ends=held[id(piece.owner)] == 1), with_kwargs=True
        )
        for piece in pieces
    ]


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
    values = array(value)
    if piece.settings.get("batch_first") is False and values.ndim == 3:
        return np.moveaxis(values, 1, 0)
    if piece.kind.startswith("Conv") or (piece.kind in _CHANNELS_SECOND and values.ndim > 2):
        return np.moveaxis(values, 1, -1)
    return values


def array(value: torch.Tensor) -> npt.NDArray[Any]:
    """Return a tensor as an array; NumPy has no bfloat16."""
    value = value.detach().cpu()
    if value.dtype in {torch.bfloat16, torch.float16}:
        value = value.float()
    return value.numpy().copy()
