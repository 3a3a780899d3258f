"""What the two networks are exercised on: inputs of a shape that both take, targets, batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from benchbench.plugins.ports import PortDescription, PortTargets

AnyArray = npt.NDArray[np.generic]

BATCH = 16
SHORT = 5
LOW, HIGH = -0.6, 1.4
LARGE = 8.0
# The features of the first eighth are so faint: they give small gradients, where an epsilon shows.
_FAINT = 1e-3
# A variable of these roles says what a layer takes; one of the file's own may not.
_USUAL = {"kernel", "query_kernel", "gamma"}
_SIDES = (28, 32, 16, 64, 8, 12, 224)
_STEPS = 12


def candidates(a: PortDescription, b: PortDescription) -> Iterator[tuple[int, ...]]:
    """Yield shapes of one sample to try, channels last: guesses from the first layer."""
    for network in (a, b):
        blocks = [one for one in network.blocks if set(one.constants) != set(one.variables)]
        others = [one for one in blocks if one.kind != "Embedding"]
        usual = [one for one in others if _USUAL & set(one.variables)]
        first = next(iter((*usual, *others)), None)
        images = first is not None and first.kind in {"Conv2D", "Conv2DTranspose"}
        if any(one.kind == "Embedding" for one in blocks) and not images:
            rows = [one.variables["embeddings"][0] for one in blocks if one.kind == "Embedding"]
            yield (min(_STEPS, *rows, _STEPS),)
            # A row for each step is a parameter, or a constant, of a layer that has no kernel.
            lengths = {
                shape[-2]
                for one in network.blocks
                for shape in one.variables.values()
                if len(shape) > 1 and not {"kernel", "embeddings"} & set(one.variables)
            }
            yield from ((length,) for length in sorted(lengths))
            return
        if first is None:
            continue
        shape = tuple(next(iter(first.variables.values())))
        steps = {"LSTM", "GRU", "SimpleRNN", "MultiHeadAttention"} & {one.kind for one in blocks}
        convolves = any(one.kind.startswith("Conv2D") for one in blocks)
        if first.kind in {"Conv2D", "Conv2DTranspose"}:
            yield from ((side, side, shape[2]) for side in _SIDES)
        elif first.kind == "Conv1D":
            yield from ((side, shape[1]) for side in _SIDES)
        elif first.kind in steps:
            yield (_STEPS, shape[0])
        else:
            if convolves and first.kind.endswith("Normalization"):
                yield from ((side, side, shape[0]) for side in _SIDES)
            likely: list[tuple[int, ...]] = [(shape[0],), (_STEPS, shape[0])]
            yield from reversed(likely) if steps else likely
            yield from ((side, side, 1) for side in _SIDES if side * side == shape[0])
        return


def vocabularies(shape: tuple[int, ...], *networks: PortDescription) -> list[int | None]:
    """Return how many tokens there may be where samples of this shape are rows of them, else None.

    So it is where one of the networks has an embedding; the first is mostly that of the tokens, but
    may be that of places. An image has one for places only.
    """
    for network in networks if len(shape) == 1 else ():
        rows = [one.variables["embeddings"][0] for one in network.blocks if one.kind == "Embedding"]
        if rows:
            return [*dict.fromkeys(rows)]
    return [None]


def draw(shape: tuple[int, ...], tokens: int | None, count: int, *, seed: int) -> AnyArray:
    """Draw a batch: tokens, or numbers of which the first eighth are faint."""
    random = np.random.default_rng(seed)
    if tokens:
        return random.integers(0, tokens, (count, *shape))
    values = random.uniform(LOW, HIGH, (count, *shape))
    values[:, : max(1, shape[0] // 8)] *= _FAINT
    return values.astype(np.float32)


def draw_targets(kind: PortTargets, output: tuple[int, ...], *, seed: int) -> AnyArray:
    """Draw targets for outputs of this shape, batch included."""
    random = np.random.default_rng(1000 + seed)
    if kind == "values":
        return random.normal(size=output).astype(np.float32)
    if kind == "binary":
        return random.integers(0, 2, output).astype(np.float32)
    return random.integers(0, output[-1], output[:-1])
