"""What one layer's output became on the way into the next: an activation, a pooling, flat."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchbench.ports.traps.elementwise import FITS, FUNCTIONS, Values, named
from benchbench.ports.triple import relative

_SLOPES = (0.01, 0.2, 0.3)
_SIZES = (2, 3, 4)
# The axes of a batch of sequences; one of images has more.
_SEQUENCE = 3
_PLACES: dict[str, Callable[[Values], Values]] = {
    "the mean over all places": lambda x: x.mean(1),
    "the maximum over all places": lambda x: x.max(1),
    "the sum over all places": lambda x: x.sum(1),
}
_STEPS: dict[str, Callable[[Values], Values]] = {
    "the last step": lambda x: x[:, -1],
    "the first step": lambda x: x[:, 0],
}


@dataclass(frozen=True)
class Passage:
    """A function of single values, then a pooling; "" for no pooling."""

    function: str
    pooling: str = ""

    @property
    def words(self) -> str:
        if not self.pooling:
            return self.function
        return self.pooling if self.function == "nothing" else f"{self.pooling} of {self.function}"


def recognised(before: Values, after: Values) -> Passage | None:
    """Return what makes `after` of `before`; None where it is nothing known."""
    if len(before) != len(after):
        return None
    if before.shape == after.shape and (name := named(before, after)):
        return Passage(name)
    if before.size == after.size and before.shape != after.shape:
        shapes = [(before, one) for one in _unflattened(after, before.shape)]
        shapes.append((before.reshape(len(before), -1), after.reshape(len(after), -1)))
        found = next(filter(None, (named(*one) for one in shapes)), "")
        if found:
            return Passage(found)
    if after.ndim == 2 < before.ndim and after.shape[-1] == before.shape[-1]:
        return _over_places(before, after)
    return _windowed(before, after) if before.ndim > 2 else None


def _unflattened(value: Values, shape: tuple[int, ...]) -> Iterator[Values]:
    """Yield a value in this shape, read with the channels last and with the channels first."""
    yield value.reshape(shape)
    if len(shape) > 2:
        yield np.moveaxis(value.reshape(shape[0], shape[-1], *shape[1:-1]), 1, -1)


def over_places(values: Values) -> Iterator[tuple[str, Values]]:
    """Yield what leaves one value of each channel: of an image, or of the steps of a sequence."""
    rows = values.reshape(len(values), -1, values.shape[-1])
    poolings = _PLACES | (_STEPS if values.ndim == _SEQUENCE else {})
    for pooling, pool in poolings.items():
        yield pooling, pool(rows)


def _over_places(before: Values, after: Values) -> Passage | None:
    for function, values in _activated(before):
        for pooling, made in over_places(values):
            if relative(made, after) < FITS:
                return Passage(function, pooling)
            if function == "nothing" and "maximum" in pooling and (name := named(made, after)):
                return Passage(name, pooling)
    return None


def _windowed(images: Values, after: Values) -> Passage | None:
    """Return the pooling, over an activation, that fits: the channels are the last axis."""
    activated = list(_activated(images))
    for window in _windows(images.shape, after):
        shape = (len(images), *window.sides, images.shape[-1])
        wanted = list(_unflattened(after, shape)) if after.ndim == 2 else [after]
        for function, values in activated:
            for pooling, made in window.pools(values):
                if any(relative(made, one) < FITS for one in wanted):
                    return Passage(function, pooling)
                # A maximum may as well be taken before an activation that grows with its input.
                if function == "nothing" and pooling.startswith("max"):
                    name = next(filter(None, (named(made, one) for one in wanted)), "")
                    if name:
                        return Passage(name, pooling)
    return None


def _activated(before: Values) -> Iterator[tuple[str, Values]]:
    for name, function in FUNCTIONS.items():
        if "softmax" not in name:
            yield name, function(before)
    for slope in _SLOPES:
        yield f"leaky_relu of slope {slope:g}", np.where(before > 0, before, slope * before)


@dataclass(frozen=True)
class _Window:
    """A square window and what is added before and behind; `sides` are those of the output."""

    size: int
    stride: int
    first: int
    last: int
    sides: tuple[int, ...]

    def pools(self, images: Values) -> Iterator[tuple[str, Values]]:
        """Yield the poolings by this window."""
        axes = tuple(range(1, images.ndim - 1))
        around = (self.first, self.last)
        amounts = ((0, 0), *(around for _ in axes), (0, 0))
        padded = np.pad(images, amounts, constant_values=np.nan)
        slide: Any = np.lib.stride_tricks.sliding_window_view
        view = slide(padded, tuple(self.size for _ in axes), axes)
        view = view[(slice(None), *(slice(None, None, self.stride) for _ in axes))]
        windows = view.reshape(*view.shape[: images.ndim], -1)
        if np.isnan(windows).all(-1).any():
            return
        shape = f"{'x'.join(str(self.size) for _ in axes)}, strides {self.stride}"
        added = f", with {self.first} before and {self.last} behind" if any(around) else ""
        yield f"max pooling {shape}{added}", np.nanmax(windows, -1)
        counted = np.nansum(windows, -1) / self.size ** len(axes)
        if added:
            leaving = f"average pooling {shape}{added} that leaves out padding"
            yield leaving, np.nanmean(windows, -1)
            yield f"average pooling {shape}{added} that counts padding", counted
        else:
            yield f"average pooling {shape}", counted


def _windows(before: tuple[int, ...], after: Values) -> Iterator[_Window]:
    """Yield the windows that make images of this size, or flat ones of as many values."""
    wanted = after.shape[1:-1] if after.ndim == len(before) else None
    for size in _SIZES:
        for stride in range(1, size + 1):
            for first in range(size // 2 + 1):
                for last in (first, first + 1):
                    sides = tuple(
                        (side + first + last - size) // stride + 1 for side in before[1:-1]
                    )
                    fits = sides == wanted or (
                        after.ndim == 2 and math.prod(sides) * before[-1] == after.shape[-1]
                    )
                    if fits and min(sides) > 0:
                        yield _Window(size, stride, first, last, sides)
