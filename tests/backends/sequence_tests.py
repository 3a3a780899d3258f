"""Networks of sequences beside the reference, and what TensorFlow does of repeated tokens."""

from __future__ import annotations

import pytest
from backends.sequence_networks import (
    CAUSAL_TRANSFORMER,
    LAYERS,
    NETWORKS,
    OPTIMIZERS,
    assert_trains_as_numpy,
)

from benchbench import SGD, Adam, RMSprop, TrainingProtocol
from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.exercise import FRESH, Exercise
from benchbench.certify.implementation import Implementation
from benchbench.certify.ladder import Ladder
from benchbench.certify.reference import REFERENCE, Reference
from benchbench.testing.subject import Subject, created

_exhaustive = pytest.mark.exhaustive
# Tracing takes long; of the others the conformance suite trains every layer.
_ORDINARY = (CAUSAL_TRANSFORMER, "adamw")


def _cases():
    pairs = [(network, optimizer) for network in NETWORKS for optimizer in OPTIMIZERS]
    for pair in (*pairs, *((network, "momentum") for network in LAYERS)):
        marks = () if pair == _ORDINARY else (_exhaustive,)
        yield pytest.param(*pair, id=f"{pair[0].name}, {pair[1]}", marks=marks)


class SequenceTests(Subject):
    """The layers of sequences, in networks that people train, under each optimizer."""

    @pytest.mark.parametrize(("network", "optimizer"), list(_cases()))
    def test_trains_sequences(self, network, optimizer) -> None:
        if self.backend == "jax" or self.division == "tuned":
            pytest.skip("jax has tests of its own, and Keras tuned refuses the layers")
        self.created()
        assert_trains_as_numpy(self.backend, self.division, network, optimizer)


def _protocol(optimizer, clip_norm=None):
    return TrainingProtocol(batch_size=16, optimizer=optimizer, clip_norm=clip_norm)


class PlainEmbeddingTests(Subject):
    """Keras's own Embedding on TensorFlow, whose gradient has a row for each repeated token."""

    @pytest.mark.parametrize(
        ("protocol", "told"),
        [
            pytest.param(_protocol(Adam()), "they are squared", id="adam"),
            pytest.param(_protocol(RMSprop()), "they are squared", id="rms", marks=_exhaustive),
            pytest.param(
                _protocol(SGD(0.1), 1e-3), "their norm is taken", id="clipped", marks=_exhaustive
            ),
            pytest.param(_protocol(SGD(0.1, momentum=0.9)), None, id="sgd", marks=_exhaustive),
        ],
    )
    def test_the_certificate_finds_what_repeated_tokens_do(self, protocol, told, monkeypatch):
        if self.backend != "keras" or self.division != "idiomatic":
            pytest.skip("a matter of TensorFlow")
        from benchbench_keras import sequences

        def plain(keras, layer):
            return keras.layers.Embedding(layer.vocabulary, layer.features)

        monkeypatch.setattr(sequences, "embedding", plain)
        repeated = next(network for network in LAYERS if network.name == "embedding")
        exercise = Exercise(repeated, protocol)
        reference = Reference(Implementation(created(REFERENCE)), exercise)
        measures = CandidateMeasures(Implementation(self.created()), reference, exercise)
        rungs = Ladder(measures, starts=(FRESH,)).climb()
        broken = [one for one in rungs if one.verdict == "breaks"]
        assert [one.name for one in broken] == (["update after 1 step"] if told else [])
        for one in broken:
            assert f"not summed before {told}: Keras on TensorFlow" in str(one.explanation)
