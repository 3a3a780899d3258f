"""Which runs may be compared, and why the others may not."""

from __future__ import annotations

import msgspec
import pytest

from benchbench.certificates import Certificate, Rung, seal
from benchbench.certify.exercise import as_certified
from benchbench.certify.validity import objection
from benchbench.spec.catalog import MODELS
from benchbench.spec.identity import spec_sha256
from benchbench.spec.protocol import TrainingProtocol


def _rung(name, verdict="holds", difference=1e-6, explanation=None):
    return Rung(
        name=name,
        measure="",
        differences={"fresh": difference},
        tolerance=1e-4,
        source="",
        verdict=verdict,
        explanation=explanation,
    )


def _certificate(*rungs, **changes):
    """Make the certificate of `make_record`'s run, changed as told."""
    verdicts = {rung.verdict for rung in rungs}
    certificate = Certificate(
        backend="torch",
        division="idiomatic",
        device="cpu",
        threads=2,
        model="deeper-cnn",
        certified_sha256=spec_sha256(MODELS["deeper-cnn"], as_certified(TrainingProtocol())),
        batch_size=128,
        seed=0,
        reference="numpy-float64",
        sources_sha256="",
        versions={"torch": "2.13.0"},
        settings={},
        verdict=next((v for v in ("breaks", "deviates") if v in verdicts), "holds"),
        rungs=rungs or (_rung("forward"),),
        seconds=1.0,
        made="2026-01-02T03:04:00+00:00",
    )
    return seal(msgspec.structs.replace(certificate, **changes))


def test_a_certified_run_may_be_compared(make_record):
    assert objection(make_record(certificate=_certificate())) is None


def test_a_run_without_a_certificate_says_why(make_record):
    assert objection(make_record()) == "it was not certified"
    assert objection(make_record(uncertified="--no-certify was given")) == "--no-certify was given"


def test_a_broken_rung_is_named_with_its_size(make_record):
    broken = _rung("update after 1 step", "breaks", 4.2e-2, "epsilon")
    told = objection(make_record(certificate=_certificate(_rung("forward"), broken)))
    assert told == "update after 1 step differs by 4.2e-02 (tolerance 1e-04)"


def test_a_break_without_a_number_is_told_in_words(make_record):
    broken = _rung("forward", "breaks", None, "`predict` raised ValueError: no")
    told = objection(make_record(certificate=_certificate(broken)))
    assert told == "forward: `predict` raised ValueError: no"


def test_an_edited_certificate_is_ignored_and_said_so(make_record):
    broken = _certificate(_rung("forward", "breaks", 1.0, "x"))
    forged = msgspec.structs.replace(broken, verdict="holds", rungs=(_rung("forward"),))
    assert "edited" in objection(make_record(certificate=forged))


def test_a_certificate_survives_being_written_and_read():
    certificate = _certificate(settings={"a": 0.1, "b": True}, seconds=1 / 3)
    again = msgspec.json.decode(msgspec.json.encode(certificate), type=Certificate)
    assert again.genuine
    assert again == certificate


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"backend": "keras"}, "backend keras was certified, torch ran"),
        ({"division": "tuned"}, "division tuned was certified, idiomatic ran"),
        ({"device": "cuda:0"}, "device cuda:0 was certified, cpu ran"),
        ({"threads": 1}, "threads 1 was certified, 2 ran"),
        ({"versions": {"torch": "2.12.0"}}, "torch 2.12.0 was certified, 2.13.0 ran"),
        ({"settings": {"compile": "jit"}}, "the setting compile jit was certified, None ran"),
        ({"certified_sha256": "0" * 64}, "another spec was certified"),
    ],
)
def test_a_certificate_of_something_else_does_not_count(make_record, changes, told):
    assert objection(make_record(certificate=_certificate(**changes))) == (
        f"its certificate is not for this run: {told}"
    )


def test_measured_settings_and_epochs_may_differ(make_record):
    certificate = _certificate(settings={"matmul_relative_error": 1e-7})
    protocol = TrainingProtocol(epochs=9)
    record = make_record(
        certificate=certificate, settings={"matmul_relative_error": 2e-7}, protocol=protocol
    )
    assert objection(record) is None


def test_a_certificate_made_with_a_smaller_batch_counts_for_the_spec(make_record):
    smaller = as_certified(TrainingProtocol(batch_size=16))
    sha256 = spec_sha256(MODELS["deeper-cnn"], smaller)
    certificate = _certificate(batch_size=16, certified_sha256=sha256)
    assert objection(make_record(certificate=certificate)) is None


def test_a_declared_deviation_of_training_is_not_comparable_one_of_a_loss_is(make_record):
    loss = _rung("loss", "deviates", 0.1, "declared: clamped")
    assert objection(make_record(certificate=_certificate(loss))) is None
    update = _rung("update after 1 step", "deviates", 0.1, "declared: no such pool")
    told = objection(make_record(certificate=_certificate(update)))
    assert told == "update after 1 step deviates, declared: no such pool"
