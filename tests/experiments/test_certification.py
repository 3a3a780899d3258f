"""Which certificate is taken from the cache: one for the device that would be used."""

from __future__ import annotations

import pytest

from benchbench.experiments import certification
from benchbench.experiments.certification import CertificationRequest, certify
from benchbench.plugins.registry import load_registry
from benchbench.spec.layers import Dense, Flatten
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol

TINY = ModelSpec("tiny", (3, 3, 1), (Flatten(), Dense(2, "softmax")))


@pytest.fixture
def certified(monkeypatch, tmp_path):
    """Certify a tiny model under numpy on a device; say whether it came from the cache."""
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path))
    infos = {name: offer.item for name, offer in load_registry().backends.items()}

    def _certified(device: str) -> bool:
        request = CertificationRequest(
            backend="numpy",
            division="idiomatic",
            model=TINY,
            protocol=TrainingProtocol(batch_size=8),
            device=device,
            threads=1,
        )
        (done,) = certify([request], infos, timeout_seconds=120)
        assert done.certificate
        assert done.certificate.device == "cpu"
        return done.from_cache

    return _certified


def test_what_auto_was_is_found_by_the_name_of_the_device(certified):
    assert not certified("auto")
    assert certified("auto")
    assert certified("cpu"), "the device that was used"


def test_auto_is_another_question_where_another_card_is_there_or_visible(certified, monkeypatch):
    assert not certified("auto")
    monkeypatch.setattr(certification, "accelerators", lambda: ("a card",))
    assert not certified("auto")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not certified("auto")
    assert certified("cpu")
