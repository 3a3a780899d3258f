"""Tokens on which implementations are compared: frequent ones and rare ones, as in a text."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# A place bears the token of its class's sentence so often; else any token.
_OWN = 0.5
# Token k is drawn about as often as k ** (1 / _SKEW - 1): the first far more often than the last.
_SKEW = 3


def draw_tokens(
    vocabulary: int,
    steps: int,
    of_kind: npt.NDArray[np.int64],
    kinds: int,
    random: np.random.Generator,
) -> npt.NDArray[np.int32]:
    """Draw a sentence for each sample, int32 (n, steps), from 0 to vocabulary - 1.

    Each kind has a sentence of its own, mixed with others' tokens, so that there is something to
    learn. Every sample of two steps and more has a token twice, and most batches have some far more
    often: there gradients of one row must be summed.
    """
    sentences = _skewed(vocabulary, (kinds, steps), np.random.default_rng(0))
    own = random.random((len(of_kind), steps)) < _OWN
    tokens = np.where(own, sentences[of_kind], _skewed(vocabulary, own.shape, random))
    if steps > 1:
        samples = np.arange(len(of_kind))
        place = random.integers(0, steps, len(of_kind))
        other = (place + random.integers(1, steps, len(of_kind))) % steps
        tokens[samples, other] = tokens[samples, place]
    return tokens.astype(np.int32)


def _skewed(
    vocabulary: int, shape: tuple[int, ...], random: np.random.Generator
) -> npt.NDArray[np.int64]:
    tokens: npt.NDArray[np.int64] = (vocabulary * random.random(shape) ** _SKEW).astype(np.int64)
    return np.minimum(tokens, vocabulary - 1)
