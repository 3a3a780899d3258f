"""The layers of sequences under torch: beside the reference, and what is special to torch."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from backends.sequence_networks import (  # noqa: E402
    CAUSAL_TRANSFORMER,
    CHAR_GRU,
    LAYERS,
    LSTM_CLASSIFIER,
    MIXED,
    NETWORKS,
    OPTIMIZERS,
    VIT,
    assert_trains_as_numpy,
    first_values,
    make_trainer,
    protocol,
    samples,
)
from benchbench_torch.network import Network  # noqa: E402

from benchbench import Unsupported  # noqa: E402
from benchbench.testing.observer import RecordingObserver  # noqa: E402


def _name(spec) -> str:
    return spec.name


@pytest.mark.parametrize("spec", LAYERS, ids=_name)
def test_each_layer_trains_as_in_numpy(spec):
    assert_trains_as_numpy("torch", "idiomatic", spec, "momentum")


@pytest.mark.parametrize("words", OPTIMIZERS)
@pytest.mark.parametrize("spec", NETWORKS, ids=_name)
def test_each_network_trains_as_in_numpy(spec, words):
    assert_trains_as_numpy("torch", "idiomatic", spec, words)


@pytest.mark.exhaustive
@pytest.mark.parametrize("spec", NETWORKS, ids=_name)
def test_each_network_compiled_trains_as_in_numpy(spec):
    assert_trains_as_numpy("torch", "compiled", spec, "adamw")


@pytest.mark.parametrize("spec", [*LAYERS, *NETWORKS], ids=_name)
def test_layout_there_and_back_is_the_identity(spec):
    arrays = first_values(spec)
    network = Network(spec, torch.device("cpu"))
    network.load(arrays)
    for array, back in zip(arrays, network.canonical(), strict=True):
        np.testing.assert_array_equal(back, array)


def test_tuned_says_which_layers_it_has_not():
    with pytest.raises(Unsupported, match=r"torch tuned does not know .*the layer GRU"):
        make_trainer("torch", "tuned", CHAR_GRU)


@pytest.mark.parametrize("words", ["adam", "adamw", "rmsprop"])
def test_the_second_bias_of_an_lstm_stays_zero_and_is_not_trained(words):
    trainer = make_trainer("torch", "idiomatic", LSTM_CLASSIFIER, words)
    split = samples(LSTM_CLASSIFIER)
    trainer.set_variables(first_values(LSTM_CLASSIFIER))
    trainer.fit(split, split, RecordingObserver())
    inner = trainer._network.module[1].inner
    assert not torch.any(inner.bias_hh_l0)
    assert not any(one is inner.bias_hh_l0 for one in trainer._network.parameters())


@pytest.mark.parametrize("spec", [CAUSAL_TRANSFORMER, MIXED, VIT], ids=_name)
def test_weight_decay_acts_on_kernels_and_embeddings_alone(spec):
    network = Network(spec, torch.device("cpu"))
    decayed = {id(one) for one in network.decayed()}
    for name, parameter in network.module.named_parameters():
        expected = parameter.ndim > 1 or name.endswith("embeddings")
        assert (id(parameter) in decayed) is expected, name


def test_predictions_of_a_causal_network_do_not_know_what_follows():
    trainer = make_trainer("torch", "idiomatic", CAUSAL_TRANSFORMER)
    trainer.set_variables(first_values(CAUSAL_TRANSFORMER))
    tokens = samples(CAUSAL_TRANSFORMER).inputs
    before = trainer.predict(tokens)
    for step in range(1, tokens.shape[1]):
        changed = tokens.copy()
        changed[:, step] = (changed[:, step] + 1) % CAUSAL_TRANSFORMER.vocabulary
        after = trainer.predict(changed)
        np.testing.assert_allclose(after[:, :step], before[:, :step], rtol=1e-5, atol=1e-7)
        assert np.all(np.any(np.abs(after[:, step] - before[:, step]) > 1e-4, axis=-1))


def test_nothing_is_warned_of_and_tokens_are_not_written_to():
    split = samples(CAUSAL_TRANSFORMER)
    before = split.inputs.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer = make_trainer("torch", "idiomatic", CAUSAL_TRANSFORMER)
        trainer.set_variables(first_values(CAUSAL_TRANSFORMER))
        trainer.fit(split, split, RecordingObserver())
        trainer.predict(split.inputs)
    np.testing.assert_array_equal(split.inputs, before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("spec", NETWORKS, ids=_name)
def test_each_network_trains_on_cuda_as_on_the_cpu(spec):
    from benchbench_torch.backend import TorchBackend

    split, answers = samples(spec), []
    for device in ("cpu", "cuda:0"):
        trainer = TorchBackend().trainer(
            spec, protocol(spec), device=device, division="idiomatic", threads=1, seed=0
        )
        trainer.set_variables(first_values(spec))
        trainer.fit(split, split, RecordingObserver())
        answers.append(trainer.predict(split.inputs))
    np.testing.assert_allclose(answers[1], answers[0], rtol=1e-3, atol=1e-4)
