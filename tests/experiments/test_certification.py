"""Which certificate is taken from the cache: one for the device that would be used."""

from __future__ import annotations

import pytest

from benchbench.certify.reference import REFERENCE
from benchbench.experiments import certification
from benchbench.experiments.certification import Certification, CertificationRequest, certify
from benchbench.plugins.registry import load_registry
from benchbench.run.encoding import to_json
from benchbench.run.messages import GaveUp
from benchbench.run.question import Returned
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
        rungs: list[str] = []
        (done,) = certify([request], infos, timeout_seconds=120, heard=rungs.append)
        assert done.certificate
        assert {rung.rpartition(": ")[0] for rung in rungs} == (
            set() if done.from_cache else {"tiny numpy idiomatic"}
        ), "while it certifies it says which rung"
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


def test_requests_of_one_process_share_it_wherever_they_stand(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path))
    infos = {name: offer.item for name, offer in load_registry().backends.items()}
    asked = []

    class Refuses:
        """It answers that nobody can certify, and remembers what it was asked together."""

        def sources_sha256(self, info):
            return info.name

        def versions(self, info):
            return {}

        def ask(self, requests, info, *, timeout_seconds):
            asked.append([(one.backend, one.threads, one.seed) for one in requests])
            gave_up = GaveUp("skipped", f"seed {requests[0].seed}")
            answers = [Certification(request=one, gave_up=gave_up) for one in requests]
            return Returned(to_json(answers), "", "")

    def request(backend, threads, seed):
        return CertificationRequest(
            backend=backend,
            division="idiomatic",
            model=TINY,
            protocol=TrainingProtocol(batch_size=8),
            device="cpu",
            threads=threads,
            seed=seed,
        )

    order = [("numpy", 1, 0), ("torch", 1, 0), ("numpy", 1, 1), ("numpy", 2, 0), ("torch", 1, 1)]
    requests = [request(*one) for one in order]
    answers = list(certify(requests, infos, timeout_seconds=1, certifier=Refuses()))
    assert [answer.request for answer in answers] == requests
    assert asked == [
        [("numpy", 1, 0), ("numpy", 1, 1)],
        [("torch", 1, 0), ("torch", 1, 1)],
        [("numpy", 2, 0)],
    ]


def test_a_certificate_is_not_made_without_the_reference():
    infos = {name: offer.item for name, offer in load_registry().backends.items()}
    del infos[REFERENCE]
    request = CertificationRequest(
        backend="numpy",
        division="idiomatic",
        model=TINY,
        protocol=TrainingProtocol(),
        device="cpu",
        threads=1,
    )
    (answer,) = certify([request], infos, timeout_seconds=1)
    assert "'numpy-float64' is missing or disabled" in answer.gave_up.reason


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [(b"nothing", "its answer cannot be read"), (b"[]", "asked for 1 certificates it gave 0")],
)
def test_an_answer_that_cannot_be_read_costs_its_cell_and_no_more(
    monkeypatch, tmp_path, answer, trouble
):
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path))
    infos = {name: offer.item for name, offer in load_registry().backends.items()}

    class Garbles:
        def sources_sha256(self, info):
            return info.name

        def versions(self, info):
            return {}

        def ask(self, requests, info, *, timeout_seconds):
            return Returned(answer, "", "")

    requests = [
        CertificationRequest(
            backend="numpy",
            division="idiomatic",
            model=TINY,
            protocol=TrainingProtocol(),
            device="cpu",
            threads=1,
            seed=seed,
        )
        for seed in (0, 1)
    ]
    answers = list(certify(requests, infos, timeout_seconds=1, certifier=Garbles()))
    assert [one.gave_up.status for one in answers] == ["crashed", "crashed"]
    assert all(trouble in one.gave_up.reason for one in answers)
