"""The layers of sequences under JAX: beside the reference, and what is special to Flax."""

from __future__ import annotations

import numpy as np
import pytest
from backends.sequence_networks import (
    ALL_LAYERS,
    LAYERS,
    NETWORKS,
    OPTIMIZERS,
    assert_trains_as_numpy,
    first_values,
    make_trainer,
    samples,
)

jax = pytest.importorskip("jax", reason="jax is not installed")
pytest.importorskip("flax", reason="flax is not installed")

from benchbench_jax.network import network  # noqa: E402
from benchbench_jax.optimizers import decayed_parameters  # noqa: E402
from flax import nnx  # noqa: E402

DIVISIONS = ("idiomatic", "tuned")
each_division = pytest.mark.parametrize("division", DIVISIONS)


def _name(spec) -> str:
    return spec.name


# Everything is compiled, and for short batches once more. `idiomatic` has its layers from the
# conformance suite; the rest is exhaustive.
def test_all_layers_in_a_row_train_as_in_numpy():
    assert_trains_as_numpy("jax", "tuned", ALL_LAYERS, "adamw", count=8)


@pytest.mark.exhaustive
@each_division
@pytest.mark.parametrize("spec", LAYERS, ids=_name)
def test_each_layer_trains_as_in_numpy(spec, division):
    assert_trains_as_numpy("jax", division, spec, "momentum")


@pytest.mark.exhaustive
@each_division
@pytest.mark.parametrize("words", OPTIMIZERS)
@pytest.mark.parametrize("spec", NETWORKS, ids=_name)
def test_each_network_trains_as_in_numpy(spec, words, division):
    assert_trains_as_numpy("jax", division, spec, words)


@pytest.mark.parametrize(
    "spec",
    [
        ALL_LAYERS,
        *(pytest.param(one, marks=pytest.mark.exhaustive) for one in (*LAYERS, *NETWORKS)),
    ],
    ids=_name,
)
def test_layout_there_and_back_is_the_identity(spec):
    arrays = first_values(spec)
    places = network(spec).canonical()
    for place, array in zip(places, arrays, strict=True):
        place.load(array)
    for place, array in zip(places, arrays, strict=True):
        np.testing.assert_array_equal(place.array(), array)


def test_weight_decay_acts_on_kernels_and_embeddings_alone():
    chain = network(ALL_LAYERS)
    flags = decayed_parameters(nnx.state(chain, nnx.Param))
    nnx.update(
        chain,
        jax.tree.map(lambda flag, array: array * 0 + flag, flags, nnx.state(chain, nnx.Param)),
    )
    for variable, place in zip(ALL_LAYERS.variables, chain.canonical(), strict=True):
        if variable.trainable:
            assert np.all(place.array() == variable.decayed), variable.name


def test_predictions_of_a_causal_network_do_not_know_what_follows():
    """What is compiled is one program, for predictions of four."""
    trainer = make_trainer("jax", "tuned", ALL_LAYERS)
    trainer.set_variables(first_values(ALL_LAYERS))
    tokens = samples(ALL_LAYERS, 4).inputs
    before = trainer.predict(tokens)
    for step in range(1, tokens.shape[1]):
        changed = tokens.copy()
        changed[:, step] = (changed[:, step] + 1) % ALL_LAYERS.vocabulary
        after = trainer.predict(changed)
        np.testing.assert_allclose(after[:, :step], before[:, :step], rtol=1e-6, atol=1e-8)
        assert np.abs(after[:, step] - before[:, step]).max() > 1e-4
