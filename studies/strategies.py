"""Small specs drawn at random, every one of them valid: each size is drawn to fit what is left.

They say every word of the spec: plain networks of images and composite ones, rows of a table,
sequences of values and of tokens, every task, optimizer and schedule.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import get_args

from grammar import of_images, of_plain_images, of_rows, of_sequences
from hypothesis import strategies as st

from benchbench.certify.exercise import Exercise
from benchbench.spec.layers import BatchNorm, Dense, Layer
from benchbench.spec.losses import CrossEntropy, OutputActivation
from benchbench.spec.model import InputType, ModelSpec
from benchbench.spec.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.schedules import Cosine, Exponential, Piecewise, Schedule

# Larger specs take other ways: blocked layouts, and in Keras's tuned division no XLA.
_SIDES = st.integers(1, 14) | st.sampled_from([11, 13, 14])
# Statistics of fewer values than these are all noise: of two the normalised ones are -1 and 1.
_FEWEST_OF_BATCH_NORM = 10


@st.composite
def models(draw: st.DrawFn) -> ModelSpec:
    """Draw a model: of images of 1x1x1 to 14x14x3 half of the time, else of a table or sequences.

    A third learns something other than one of some classes.
    """
    kind = draw(
        st.sampled_from(["plain"] * 6 + ["images"] * 5 + ["rows"] + ["steps"] * 2 + ["tokens"] * 4)
    )
    input_type: InputType = "float32"
    layers: list[Layer]
    match kind:
        case "plain" | "images":
            shape = draw(st.tuples(_SIDES, _SIDES, st.integers(1, 3)))
            layers = draw(of_plain_images(shape) if kind == "plain" else of_images(shape))
        case "rows":
            shape = (draw(st.integers(1, 12)),)
            layers = draw(of_rows())
        case "steps":
            shape = draw(st.tuples(st.integers(1, 8), st.integers(1, 6)))
            layers = draw(of_sequences(shape))
        case _:
            shape, input_type = (draw(st.integers(1, 8)),), "int32"
            layers = draw(of_sequences(shape, tokens=True))
    activation = draw(st.sampled_from(("softmax",) * 4 + get_args(OutputActivation)))
    units = draw(st.integers(2 if activation == "softmax" else 1, 12))
    return ModelSpec("fuzzed", shape, (*layers, Dense(units, activation)), input_type)


def _optimizers() -> st.SearchStrategy[Optimizer]:
    """Draw an optimizer: Adam as it is in the benchmark two times in five."""
    # A draw of its own says which: `one_of` would flatten the alternatives.
    return st.integers(0, 9).flatmap(
        lambda n: st.just(Adam()) if n < 4 else _OPTIMIZERS[min(n - 4, len(_OPTIMIZERS) - 1)]
    )


_WARMUPS = st.sampled_from([{}, {}, {"warmup_steps": 3, "warmup_from": 1e-5}])


def _scheduled(rates: st.SearchStrategy[float]) -> st.SearchStrategy[float | Schedule]:
    """Draw a rate: a number most of the time, else a schedule that begins with it."""

    def schedules(rate: float) -> st.SearchStrategy[float | Schedule]:
        makers: list[Callable[[dict[str, float]], Schedule]] = [
            lambda warmup: Cosine(rate, 20, alpha=0.1, **warmup),
            lambda warmup: Cosine(rate, 900, **warmup),
            lambda warmup: Exponential(rate, 3, 0.5, **warmup),
            lambda warmup: Exponential(rate, 2, 0.5, staircase=True, **warmup),
            lambda warmup: Piecewise((2, 5), (rate, rate / 4, rate / 2), **warmup),
        ]
        made = st.builds(lambda make, warmup: make(warmup), st.sampled_from(makers), _WARMUPS)
        return st.integers(0, 3).flatmap(lambda n: made if n == 0 else st.just(rate))

    return rates.flatmap(schedules)


_RATES = st.sampled_from([1e-4, 3e-4, 1e-3, 3e-3])
_DECAYS = st.sampled_from([0.0, 0.0, 0.01])
_OPTIMIZERS: tuple[st.SearchStrategy[Optimizer], ...] = (
    st.builds(
        Adam,
        learning_rate=_scheduled(_RATES | st.just(1e-2)),
        beta_1=st.sampled_from([0.0, 0.5, 0.8, 0.95]),
        beta_2=st.sampled_from([0.9, 0.99, 0.9999]),
        epsilon=st.sampled_from([1e-8, 1e-6, 1e-4, 1e-2]),
        epsilon_added_to=st.sampled_from(["uncorrected_root", "corrected_root"]),
    ),
    st.builds(
        AdamW,
        learning_rate=_scheduled(_RATES),
        epsilon_added_to=st.sampled_from(["uncorrected_root", "corrected_root"]),
        weight_decay=st.sampled_from([0.004, 0.05]),
    ),
    st.builds(RMSprop, learning_rate=_scheduled(_RATES), rho=st.sampled_from([0.5, 0.9, 0.99])),
    st.builds(SGD, learning_rate=_scheduled(st.sampled_from([1e-3, 0.01])), weight_decay=_DECAYS),
    st.builds(
        SGD,
        learning_rate=_scheduled(st.sampled_from([1e-3, 0.01])),
        momentum=st.sampled_from([0.5, 0.9]),
        nesterov=st.booleans(),
        weight_decay=_DECAYS,
    ),
)


@st.composite
def exercises(draw: st.DrawFn) -> Exercise:
    """Draw a model, a protocol, and the seed of weights and samples.

    Batches are of 1 to 40; a short batch has 13 of 32 samples of a whole one, and one at least. A
    third of protocols says more than that: clipping, smoothed labels.
    """
    model = draw(models())
    size = draw(st.integers(_fewest(model), 40))
    smoothed = model.output_activation == "softmax" and draw(st.integers(0, 5)) == 0
    protocol = TrainingProtocol(
        batch_size=size,
        optimizer=draw(_optimizers()),
        loss=CrossEntropy(0.1) if smoothed else None,
        clip_norm=draw(st.sampled_from([None] * 4 + [0.05])),
    )
    return Exercise(model, protocol, draw(st.integers(0, 999)))


def _fewest(model: ModelSpec) -> int:
    """Return the fewest samples of a batch whose short one gives every BatchNorm enough values."""
    places = [
        math.prod(leaf.input_shape[:-1])
        for leaf in model.leaves()
        if isinstance(leaf.layer, BatchNorm)
    ]
    if not places:
        return 1
    short = math.ceil(_FEWEST_OF_BATCH_NORM / min(places))
    return math.ceil(short * 32 / 13)
