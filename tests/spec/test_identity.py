"""The hash follows what is trained, and nothing else."""

import msgspec
import pytest
from hypothesis import given

from benchbench.spec.catalog import MODELS
from benchbench.spec.identity import spec_sha256
from benchbench.spec.layers import Dense
from benchbench.spec.protocol import Adam, TrainingProtocol

PROTOCOL = TrainingProtocol()


def test_the_name_does_not_count(models):
    @given(models)
    def check(model):
        renamed = msgspec.structs.replace(model, name="another")
        assert spec_sha256(renamed, PROTOCOL) == spec_sha256(model, PROTOCOL)

    check()


def test_different_layers_or_protocols_have_different_hashes(models, protocols):
    @given(models, models, protocols, protocols)
    def check(model, other, protocol, another):
        same = (model.layers, model.input_shape, protocol) == (
            other.layers,
            other.input_shape,
            another,
        )
        assert (spec_sha256(model, protocol) == spec_sha256(other, another)) == same

    check()


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 6},
        {"batch_size": 64},
        {"shuffle": False},
        {"optimizer": Adam(learning_rate=2e-3)},
        {"optimizer": Adam(beta_1=0.8)},
        {"optimizer": Adam(beta_2=0.99)},
        {"optimizer": Adam(epsilon=1e-8)},
    ],
    ids=str,
)
def test_every_field_of_the_protocol_counts(changes):
    model = MODELS["two-layer"]
    changed = msgspec.structs.replace(PROTOCOL, **changes)
    assert spec_sha256(model, changed) != spec_sha256(model, PROTOCOL)


def test_every_field_of_a_layer_counts():
    model = MODELS["two-layer"]
    flatten, _, output = model.layers
    seen = {spec_sha256(model, PROTOCOL)}
    for layer in (Dense(511, "relu"), Dense(512)):
        changed = msgspec.structs.replace(model, layers=(flatten, layer, output))
        seen.add(spec_sha256(changed, PROTOCOL))
    assert len(seen) == 3
