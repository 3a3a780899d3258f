"""The hash follows what is trained, and nothing else."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given

from benchbench.run.store import read
from benchbench.spec.catalog import MODELS
from benchbench.spec.identity import canonical, spec_sha256
from benchbench.spec.layers import Conv2D, Dense
from benchbench.spec.optimizers import Adam
from benchbench.spec.protocol import TrainingProtocol

PROTOCOL = TrainingProtocol()


def test_the_name_does_not_count(models):
    @given(models)
    def check(model):
        renamed = msgspec.structs.replace(model, name="another")
        assert spec_sha256(renamed, PROTOCOL) == spec_sha256(model, PROTOCOL)

    check()


def test_the_fields_of_a_class_are_looked_up_once(monkeypatch):
    """msgspec evaluates a class's annotations anew each time: it was most of a comparison."""
    model = MODELS["deeper-cnn"]
    first = spec_sha256(model, PROTOCOL)
    monkeypatch.setattr(msgspec.structs, "fields", None)
    assert spec_sha256(model, PROTOCOL) == first


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


# Bands, certificates and every committed record name the models by these.
HASHES = {
    "single-layer": "209f69b6fa36d6cbc71a5720236a243208669d0beaef091eaafa06d628c3c19f",
    "two-layer": "3ea171ea0f91cfa0c59f3f57495385b63907c90fcf50d565a4a294487d824742",
    "simple-cnn": "329332677948294c09dc4d000ac1ecf1f92dc9eb59c723b3709fb3ad91bacc52",
    "deeper-cnn": "091de7415770b9ddb0f265ad3a3d861da3bffb969d38eba7ad93378e5f85fb79",
}


def test_the_four_hashes_are_those_of_every_release():
    assert {name: spec_sha256(MODELS[name], PROTOCOL) for name in HASHES} == HASHES


class LaterConv2D(Conv2D, frozen=True, tag="Conv2D"):
    """The layer of a release to come, with one more field."""

    dilation: int = 1


class LaterProtocol(TrainingProtocol, frozen=True):
    ema_share: float | None = None


def _with_later_convolutions(model, **fields):
    layers = tuple(
        LaterConv2D(layer.filters, layer.kernel_size, layer.activation, **fields)
        if isinstance(layer, Conv2D)
        else layer
        for layer in model.layers
    )
    changed = msgspec.structs.replace(model)
    msgspec.structs.force_setattr(changed, "layers", layers)  # no class of the spec of today
    return changed


def test_a_younger_field_counts_only_away_from_its_default():
    model = MODELS["deeper-cnn"]
    as_before, dilated = (_with_later_convolutions(model, dilation=size) for size in (1, 2))
    assert spec_sha256(as_before, LaterProtocol()) == HASHES["deeper-cnn"]
    assert spec_sha256(dilated, PROTOCOL) != HASHES["deeper-cnn"]
    assert spec_sha256(model, LaterProtocol(ema_share=1.0)) != HASHES["deeper-cnn"]


def test_a_younger_field_at_its_default_is_in_no_request_and_no_record():
    """So a revision that does not know the field reads them."""
    later = canonical(_with_later_convolutions(MODELS["deeper-cnn"]))
    assert later == {
        "name": "deeper-cnn",
        "input_shape": [28, 28, 1],
        "layers": later["layers"],
    }
    assert msgspec.convert(later, type(MODELS["deeper-cnn"])) == MODELS["deeper-cnn"]
    assert "ema_share" not in canonical(LaterProtocol())
    assert canonical(LaterProtocol(ema_share=2.0))["ema_share"] == 2


def test_what_is_canonical_reads_back(models, protocols):
    @given(models, protocols)
    def check(model, protocol):
        for spec in (model, protocol):
            text = msgspec.json.encode(canonical(spec))
            assert msgspec.json.decode(text, type=type(spec)) == spec

    check()


RESULTS = Path(__file__).parents[2] / "results"


def test_every_committed_record_is_named_by_the_hash_of_its_spec():
    records, unreadable = read(*sorted(RESULTS.glob("**/records.jsonl.gz")))
    assert not unreadable
    assert len(records) > 1000
    for record in records:
        assert spec_sha256(record.spec, record.protocol) == record.spec_sha256, record.run_id
