"""What the layers of the spec compute, by their definitions: one sample, a value at a time."""

from __future__ import annotations

import math

import numpy as np

from benchbench.spec import layers as spec


def forward_by_definition(traces, arrays, x):
    """Return what a chain of layers, in evaluation, makes of one sample.

    `arrays` are by the variables' names.
    """
    for trace in traces:
        own = {variable.role: arrays[variable.name] for variable in trace.variables}
        x = _layer(trace, own, arrays, x)
        name = getattr(trace.layer, "activation", getattr(trace.layer, "function", "linear"))
        x = np.vectorize(ACTIVATIONS[name], otypes=[float])(x)
    return x


ACTIVATIONS = {
    "linear": lambda x: x,
    "softmax": lambda x: x,  # what is compared are logits
    "relu": lambda x: max(x, 0),
    "relu6": lambda x: min(max(x, 0), 6),
    "leaky_relu": lambda x: x if x > 0 else 0.2 * x,
    "elu": lambda x: x if x > 0 else math.exp(x) - 1,
    "gelu": lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x: (
        0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    ),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
}


def _layer(trace, own, arrays, x):  # noqa: PLR0911, PLR0912 - one a kind
    match trace.layer:
        case spec.Flatten() | spec.Reshape():
            return np.array([x[place] for place in np.ndindex(x.shape)]).reshape(trace.output_shape)
        case spec.Dense():
            y = np.empty(trace.output_shape)
            for place in np.ndindex(y.shape):
                weighed = (x[place[:-1]] * own["kernel"][:, place[-1]]).sum()
                y[place] = weighed + (own["bias"][place[-1]] if "bias" in own else 0)
            return y
        case spec.Conv2D():
            return _convolution(trace, own, x)
        case spec.MaxPool2D():
            return _pool(trace, x, max)
        case spec.AvgPool2D():
            return _pool(trace, x, lambda values: sum(values) / len(values))
        case spec.GlobalAvgPool2D() | spec.GlobalAvgPool1D():
            return np.array([x[..., channel].mean() for channel in range(x.shape[-1])])
        case spec.BatchNorm(epsilon=epsilon):
            root = np.sqrt(own["moving_variance"] + epsilon)
            return own["gamma"] * (x - own["moving_mean"]) / root + own["beta"]
        case spec.LayerNorm(epsilon=epsilon):
            y = np.empty(x.shape)
            for place in np.ndindex(x.shape[:-1]):
                root = math.sqrt(np.var(x[place]) + epsilon)
                y[place] = own["gamma"] * (x[place] - np.mean(x[place])) / root + own["beta"]
            return y
        case spec.Embedding():
            return np.array([own["embeddings"][token] for token in x])
        case spec.PositionEmbedding():
            return np.array([x[t] + own["embeddings"][t] for t in range(len(x))])
        case spec.MultiHeadAttention():
            return _attention(trace.layer, own, x)
        case spec.LSTM():
            return _recurrent(trace.layer, own, x, _lstm_step)
        case spec.GRU():
            return _recurrent(trace.layer, own, x, _gru_step)
        case spec.Residual():
            main, shortcut = trace.chains
            one = forward_by_definition(main, arrays, x)
            return one + forward_by_definition(shortcut, arrays, x)
        case spec.Concat():
            parts = [forward_by_definition(chain, arrays, x) for chain in trace.chains]
            return np.concatenate(parts, axis=-1)
    return x


def _inside(trace, size, strides, extent, *, row, column):
    """Yield the corners (i, j) of a window that lie inside, with their places in the image."""
    height, width, _ = trace.input_shape
    starts = []
    for axis, (length, at) in enumerate(((height, row), (width, column))):
        total = max((trace.output_shape[axis] - 1) * strides[axis] + extent[axis] - length, 0)
        before = total // 2 if trace.layer.padding == "same" else 0
        starts.append(at * strides[axis] - before)
    dilation = getattr(trace.layer, "dilation", (1, 1))
    for i, j in np.ndindex(size):
        place = starts[0] + i * dilation[0], starts[1] + j * dilation[1]
        if 0 <= place[0] < height and 0 <= place[1] < width:
            yield (i, j), place


def _convolution(trace, own, x):
    layer = trace.layer
    kernel = own["kernel"]
    y = np.empty(trace.output_shape)
    for row, column, channel in np.ndindex(y.shape):
        group = channel // (layer.filters // layer.groups)
        channels = slice(group * kernel.shape[2], (group + 1) * kernel.shape[2])
        total = own["bias"][channel] if "bias" in own else 0
        corners = _inside(
            trace, layer.kernel_size, layer.strides, layer.window, row=row, column=column
        )
        for corner, place in corners:
            total += (x[place][channels] * kernel[corner][:, channel]).sum()
        y[row, column, channel] = total
    return y


def _pool(trace, x, reduce):
    layer = trace.layer
    strides = layer.strides or layer.pool_size
    y = np.empty(trace.output_shape)
    for row, column, channel in np.ndindex(y.shape):
        inside = _inside(trace, layer.pool_size, strides, layer.pool_size, row=row, column=column)
        y[row, column, channel] = reduce([x[place][channel] for _, place in inside])
    return y


def _attention(layer, own, x):
    """Place t takes up the values of all places, or of those up to it, a head at a time."""
    steps, features = x.shape
    size = features // layer.heads
    y = np.array([own["output_bias"]] * steps, float)

    def part(name, t, head):
        kernel, bias = own[f"{name}_kernel"], own[f"{name}_bias"]
        return [
            sum(x[t, e] * kernel[e, head, d] for e in range(features)) + bias[head, d]
            for d in range(size)
        ]

    for head, t in np.ndindex(layer.heads, steps):
        seen = range(t + 1) if layer.causal else range(steps)
        query = part("query", t, head)
        weights = [
            math.exp(
                sum(q * k for q, k in zip(query, part("key", s, head), strict=True))
                / math.sqrt(size)
            )
            for s in seen
        ]
        for s, weight in zip(seen, weights, strict=True):
            for d, value in enumerate(part("value", s, head)):
                y[t] += weight / sum(weights) * value * own["output_kernel"][head, d]
    return y


def _recurrent(layer, own, x, step):
    state = [np.zeros(layer.units), np.zeros(layer.units)]
    shown = []
    for values in x:
        state = step(layer.units, own, values, *state)
        shown.append(state[0])
    return np.array(shown) if layer.return_sequences else shown[-1]


def _lstm_step(units, own, x, h, c):
    def gate(number, unit):
        column = number * units + unit
        driven = sum(x[e] * own["kernel"][e, column] for e in range(len(x)))
        kept = sum(h[u] * own["recurrent_kernel"][u, column] for u in range(units))
        return driven + kept + own["bias"][column]

    sigmoid = ACTIVATIONS["sigmoid"]
    next_h, next_c = np.empty(units), np.empty(units)
    for u in range(units):
        i, f, g, o = (gate(number, u) for number in range(4))
        next_c[u] = sigmoid(f) * c[u] + sigmoid(i) * math.tanh(g)
        next_h[u] = sigmoid(o) * math.tanh(next_c[u])
    return next_h, next_c


def _gru_step(units, own, x, h, _):
    def products(number, unit):
        column = number * units + unit
        driven = sum(x[e] * own["kernel"][e, column] for e in range(len(x)))
        kept = sum(h[u] * own["recurrent_kernel"][u, column] for u in range(units))
        return driven + own["bias"][0][column], kept + own["bias"][1][column]

    sigmoid = ACTIVATIONS["sigmoid"]
    next_h = np.empty(units)
    for u in range(units):
        (a_z, b_z), (a_r, b_r), (a_n, b_n) = (products(number, u) for number in range(3))
        z, r = sigmoid(a_z + b_z), sigmoid(a_r + b_r)
        next_h[u] = z * h[u] + (1 - z) * math.tanh(a_n + r * b_n)
    return next_h, None
