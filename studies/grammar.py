"""Chains of layers drawn at random, by what goes in; the output layer is not among them."""

from __future__ import annotations

from typing import TypeAlias, get_args

from hypothesis import strategies as st

from benchbench.spec.layers import (
    GRU,
    LSTM,
    Activation,
    ActivationName,
    AvgPool2D,
    BatchNorm,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    Layer,
    LayerNorm,
    MaxPool2D,
    MultiHeadAttention,
    PositionEmbedding,
    Reshape,
    Residual,
    map_layers,
)
from benchbench.spec.model import trace_chain

Shape: TypeAlias = tuple[int, ...]

_FILTERS = st.integers(1, 6) | st.sampled_from([8, 16, 32])
_UNITS = st.integers(1, 24) | st.sampled_from([32, 64, 100])
_PLAIN = st.sampled_from(["linear", "relu"])
_HIDDEN = [name for name in get_args(ActivationName) if name != "softmax"]
_ANY = st.sampled_from([*_HIDDEN, "relu", "relu"])
_NORMS = st.sampled_from([BatchNorm(), BatchNorm(momentum=0.9, epsilon=1e-2), LayerNorm()])
_LARGEST_WINDOW = 4


@st.composite
def of_plain_images(draw: st.DrawFn, shape: Shape) -> list[Layer]:
    """Draw what the benchmark's four models are made of.

    Up to four convolutions and pools with windows of 1x1 to 4x4, as far as the image allows; up to
    three hidden Dense layers.
    """
    layers: list[Layer] = []
    height, width = shape[:2]
    for kind in draw(st.lists(st.sampled_from([Conv2D, MaxPool2D]), max_size=4)):
        size = draw(_windows(height, width))
        if kind is Conv2D:
            layers.append(Conv2D(draw(_FILTERS), size, draw(_PLAIN)))
            height, width = height - size[0] + 1, width - size[1] + 1
        else:
            layers.append(MaxPool2D(size))
            height, width = height // size[0], width // size[1]
    layers.append(Flatten())
    # A second Flatten has nothing to do, and is allowed.
    layers += draw(st.sampled_from([(), (), (), (), (Flatten(),)]))
    return layers + draw(st.lists(st.builds(Dense, _UNITS, _PLAIN), max_size=3))


@st.composite
def of_images(draw: st.DrawFn, shape: Shape) -> list[Layer]:
    """Draw up to four layers and composites of images, then what makes a row of features."""
    layers: list[Layer] = []
    for kind in draw(st.lists(st.sampled_from(["conv", "pool", "norm", "residual", "concat"]),
                              min_size=1, max_size=4)):  # fmt: skip
        layers += draw(_ON_IMAGES[kind](_shape_after(layers, shape)))
    end = draw(st.sampled_from(["flatten", "global", "steps"]))
    if end == "global":
        return [*layers, GlobalAvgPool2D(), *draw(of_rows())]
    if end == "steps":
        height, width, channels = _shape_after(layers, shape)
        features = min(channels, 6)
        steps = Reshape((height * width, channels))
        return [*layers, steps, Dense(features, draw(_ANY)), GlobalAvgPool1D()]
    return [*layers, Flatten(), *draw(of_rows())]


@st.composite
def of_rows(draw: st.DrawFn) -> list[Layer]:
    """Draw up to two hidden Dense layers, with or without a norm, an activation, a dropout."""
    layers: list[Layer] = []
    for _ in range(draw(st.integers(0, 2))):
        layers.append(Dense(draw(_UNITS), draw(_ANY), use_bias=draw(st.booleans())))
        layers += draw(
            st.sampled_from([(), (), (Dropout(0.25),), (LayerNorm(),), (Activation("gelu"),)])
        )
    return layers


@st.composite
def of_sequences(draw: st.DrawFn, shape: Shape, *, tokens: bool = False) -> list[Layer]:
    """Draw up to three layers and composites of steps, then what makes one row of them, or none."""
    layers: list[Layer] = []
    if tokens:
        vocabulary = draw(st.integers(1, 12) | st.sampled_from([50, 300]))
        layers.append(Embedding(vocabulary, draw(st.integers(1, 12))))
    elif draw(st.booleans()):
        layers.append(Dense(draw(st.integers(2, 12)), draw(_ANY)))
    if draw(st.booleans()):
        layers.append(PositionEmbedding())
    kinds = ["attention", "block", "recurrent", "residual", "concat", "dense", "norm"]
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=3)):
        layers += draw(_ON_STEPS[kind](_shape_after(layers, shape)))
    if draw(st.booleans()):
        layers = list(map_layers(tuple(layers), _looking_back))
    end = draw(st.sampled_from(["lstm", "gru", "mean", "flatten", "every", "every"]))
    units = draw(st.integers(1, 8))
    ends: dict[str, list[Layer]] = {
        "lstm": [LSTM(units)],
        "gru": [GRU(units)],
        "mean": [GlobalAvgPool1D()],
        "flatten": [Flatten()],
        "every": [],
    }
    return layers + ends[end]


def _looking_back(layer: Layer) -> Layer:
    if isinstance(layer, MultiHeadAttention):
        return MultiHeadAttention(layer.heads, causal=True)
    return layer


def _shape_after(layers: list[Layer], shape: Shape) -> Shape:
    return trace_chain(tuple(layers), shape, "layers")[-1].output_shape if layers else shape


def _windows(height: int, width: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(
        st.integers(1, min(height, _LARGEST_WINDOW)), st.integers(1, min(width, _LARGEST_WINDOW))
    )


@st.composite
def _convolutions(draw: st.DrawFn, shape: Shape) -> list[Layer]:
    height, width, channels = shape
    size = draw(_windows(height, width))
    groups = draw(st.sampled_from([one for one in range(1, channels + 1) if channels % one == 0]))
    filters = groups * draw(st.integers(1, max(1, 12 // groups)))
    padding = draw(st.sampled_from(["valid", "same"]))
    how = draw(st.sampled_from(["plain", "strides", "dilation"]))
    strides = draw(st.tuples(*[st.integers(1, 3)] * 2)) if how == "strides" else (1, 1)
    dilation = draw(st.tuples(*[st.integers(1, 2)] * 2)) if how == "dilation" else (1, 1)
    extents = [(one - 1) * step + 1 for one, step in zip(size, dilation, strict=True)]
    if extents[0] > height or extents[1] > width:
        padding = "same"
    return [
        Conv2D(
            filters,
            size,
            draw(_ANY),
            strides=strides,
            padding=padding,
            groups=groups,
            dilation=dilation,
            use_bias=draw(st.booleans()),
        )
    ]


@st.composite
def _pools(draw: st.DrawFn, shape: Shape) -> list[Layer]:
    kind = draw(st.sampled_from([MaxPool2D, AvgPool2D]))
    strides = draw(st.none() | st.tuples(*[st.integers(1, 3)] * 2))
    padding = draw(st.sampled_from(["valid", "same"]))
    return [kind(draw(_windows(*shape[:2])), strides, padding)]


@st.composite
def _norms(draw: st.DrawFn, _shape: Shape) -> list[Layer]:
    return [
        draw(_NORMS),
        *draw(st.sampled_from([(), (Activation("relu"),), (Activation("silu"),)])),
    ]


@st.composite
def _residuals(draw: st.DrawFn, shape: Shape) -> list[Layer]:
    """Draw a block that keeps the shape, or one with a projection, strided or not."""
    channels = shape[2]
    size = draw(_windows(*shape[:2]))
    if draw(st.booleans()):
        main = (
            Conv2D(draw(st.integers(1, 6)), size, draw(_ANY), padding="same"),
            Conv2D(channels, (1, 1), padding="same"),
        )
        return [Residual(main), *draw(st.sampled_from([(), (Activation("relu"),)]))]
    filters, strides = draw(st.integers(1, 6)), draw(st.tuples(*[st.integers(1, 2)] * 2))
    same = {"padding": "same", "strides": strides}
    block = Residual(
        (Conv2D(filters, size, use_bias=False, **same), draw(_NORMS)),
        (Conv2D(filters, (1, 1), **same),),
    )
    return [block]


@st.composite
def _concats(draw: st.DrawFn, shape: Shape) -> list[Layer]:
    size = draw(_windows(*shape[:2]))
    branches: list[tuple[Layer, ...]] = [
        (Conv2D(draw(st.integers(1, 4)), size, draw(_ANY), padding="same"),),
        (),
        (AvgPool2D(size, (1, 1), "same"), Conv2D(2, (1, 1))),
        (MaxPool2D(size, (1, 1), "same"),),
    ]
    chosen = draw(st.lists(st.sampled_from(branches), min_size=2, max_size=3))
    return [Concat(tuple(chosen))]


@st.composite
def _attentions(draw: st.DrawFn, shape: Shape) -> list[Layer]:
    features = shape[1]
    heads = draw(st.sampled_from([one for one in range(1, features + 1) if features % one == 0]))
    return [MultiHeadAttention(heads, draw(st.booleans()))]


@st.composite
def _blocks(draw: st.DrawFn, shape: Shape) -> list[Layer]:
    """Draw half a transformer's block, or a whole one, normed before or after."""
    attention = draw(_attentions(shape))
    if draw(st.booleans()):
        return [Residual(tuple(attention)), LayerNorm()]
    wide = Dense(draw(st.integers(1, 16)), draw(_ANY))
    return [
        Residual((LayerNorm(), *attention)),
        Residual((LayerNorm(), wide, Dense(shape[1]))),
    ]


@st.composite
def _recurrents(draw: st.DrawFn, _shape: Shape) -> list[Layer]:
    return [draw(st.sampled_from([LSTM, GRU]))(draw(st.integers(1, 8)), return_sequences=True)]


@st.composite
def _residual_recurrents(draw: st.DrawFn, shape: Shape) -> list[Layer]:
    kind = draw(st.sampled_from([LSTM, GRU]))
    return [Residual((kind(shape[1], return_sequences=True),))]


@st.composite
def _side_by_side(draw: st.DrawFn, shape: Shape) -> list[Layer]:
    branches = [tuple(draw(_recurrents(shape))), tuple(draw(_attentions(shape))), ()]
    return [Concat(tuple(draw(st.lists(st.sampled_from(branches), min_size=2, max_size=3))))]


@st.composite
def _denses(draw: st.DrawFn, _shape: Shape) -> list[Layer]:
    return [Dense(draw(st.integers(1, 12)), draw(_ANY))]


@st.composite
def _step_norms(draw: st.DrawFn, _shape: Shape) -> list[Layer]:
    return [draw(_NORMS)]


_ON_IMAGES = {
    "conv": _convolutions,
    "pool": _pools,
    "norm": _norms,
    "residual": _residuals,
    "concat": _concats,
}
_ON_STEPS = {
    "attention": _attentions,
    "block": _blocks,
    "recurrent": _recurrents,
    "residual": _residual_recurrents,
    "concat": _side_by_side,
    "dense": _denses,
    "norm": _step_norms,
}
