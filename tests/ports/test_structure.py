"""From a graph of layers to chains, with Residual and Concat; and what is none."""

from __future__ import annotations

import pytest

from benchbench.plugins.port_graph import INPUT, PortGraph
from benchbench.ports.structure import NoChain, chain_of, simplified
from benchbench.spec.layers import (
    Activation,
    AvgPool2D,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    Residual,
)


def _dense(graph, name, node):
    return graph.layer(name, Dense(4), node)


def test_a_row_is_a_chain():
    graph = PortGraph((4,))
    end = _dense(graph, "b", _dense(graph, "a", INPUT))
    assert chain_of(graph.network(end)) == (Dense(4), Dense(4))


def test_a_sum_is_a_residual_however_deep():
    graph = PortGraph((4,))
    first = _dense(graph, "first", INPUT)
    inner = graph.join("inner", "add", [_dense(graph, "a", first), first])
    outer = graph.join("outer", "add", [first, _dense(graph, "b", inner)])
    one = Residual((Dense(4),))
    assert chain_of(graph.network(outer)) == (Dense(4), Residual((one, Dense(4))))


def test_a_sum_of_three_and_a_projection():
    graph = PortGraph((4,))
    parts = [_dense(graph, name, INPUT) for name in "abc"]
    end = graph.join("sum", "add", parts)
    inner = Residual((Dense(4),), (Dense(4),))
    assert chain_of(graph.network(end)) == (Residual((inner,), (Dense(4),)),)


def test_branches_are_a_concat():
    graph = PortGraph((4,))
    end = graph.join("cat", "concat", [_dense(graph, "a", INPUT), INPUT])
    assert graph.shape(end) == (8,)
    assert chain_of(graph.network(end)) == (Concat(((Dense(4),), ())),)


def test_paths_that_cross_are_no_chain():
    graph = PortGraph((4,))
    a, b = _dense(graph, "a", INPUT), _dense(graph, "b", INPUT)
    left = graph.join("left", "add", [a, b])
    right = graph.join("right", "add", [a, _dense(graph, "c", b)])
    end = graph.join("end", "add", [left, right])
    with pytest.raises(NoChain, match="used by layers that do not meet again"):
        chain_of(graph.network(end))


def test_a_value_added_to_itself_is_no_layer():
    graph = PortGraph((4,))
    with pytest.raises(NoChain, match="adds a value to itself"):
        chain_of(graph.network(graph.join("twice", "add", [INPUT, INPUT])))


def test_shapes_that_do_not_fit_are_noted_by_name():
    graph = PortGraph((4,))
    wide = graph.layer("wide", Dense(8), INPUT)
    end = graph.join("sum", "add", [wide, INPUT])
    (noted,) = graph.network(end).inexpressible
    assert (noted.name, "(8,) and (4,)" in noted.reason) == ("sum", True)


def test_activations_and_flat_values_are_merged():
    layers = (Conv2D(2, (3, 3)), Activation("relu"), AvgPool2D((4, 4)), Flatten(), Dropout(0.0))
    more = (Dense(3), Activation("tanh"), Flatten(), Dense(2, "relu"), Activation("tanh"))
    assert simplified((*layers, *more), (6, 6, 1)) == (
        Conv2D(2, (3, 3), "relu"),
        GlobalAvgPool2D(),
        Dense(3, "tanh"),
        Dense(2, "relu"),
        Activation("tanh"),
    )


def test_a_pool_that_leaves_one_place_of_a_larger_image_is_not_global():
    layers = (AvgPool2D((2, 2)), Flatten())
    assert simplified(layers, (3, 3, 1)) == layers


def test_padding_is_the_specs_only_where_it_is_as_much_on_each_side():
    for side, word in ((7, "same"), (8, None)):
        graph = PortGraph((side, side, 1))
        assert graph.padding(INPUT, (3, 3), (2, 2), (1, 1, 1, 1)) == word
        assert graph.padding(INPUT, (3, 3), (2, 2), (0, 0, 0, 0)) == "valid"


def test_zeros_before_what_is_no_convolution_are_noted():
    graph = PortGraph((4, 4, 1))
    end = graph.layer("flat", Flatten(), graph.pad("pad", INPUT, (1, 1, 1, 1)))
    assert [one.name for one in graph.network(end).inexpressible] == ["pad"]
