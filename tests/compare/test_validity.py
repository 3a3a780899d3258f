"""Which runs may be compared, and why the others may not."""

from __future__ import annotations

import msgspec
import pytest
from makers import make_certificate, make_record, make_rung

from benchbench.certificates import Certificate, seal
from benchbench.certify.exercise import as_certified
from benchbench.compare.validity import objection
from benchbench.spec.catalog import MODELS
from benchbench.spec.identity import spec_sha256
from benchbench.spec.protocol import TrainingProtocol


def test_a_certified_run_may_be_compared():
    assert objection(make_record(certificate=make_certificate())) is None


def test_a_run_without_a_certificate_says_why():
    assert objection(make_record()) == "it was not certified"
    assert objection(make_record(uncertified="--no-certify was given")) == "--no-certify was given"


def test_a_broken_rung_is_named_with_its_size():
    broken = make_rung("update after 1 step", 4.2e-2, verdict="breaks", explanation="epsilon")
    told = objection(make_record(certificate=make_certificate(make_rung("forward", 1e-6), broken)))
    assert told == "update after 1 step differs by 4.2e-02 (tolerance 1e-04)"


def test_a_break_without_a_number_is_told_in_words():
    broken = make_rung(
        "forward", None, verdict="breaks", explanation="`predict` raised ValueError: no"
    )
    told = objection(make_record(certificate=make_certificate(broken)))
    assert told == "forward: `predict` raised ValueError: no"


def test_an_edited_certificate_is_ignored_and_said_so():
    broken = make_certificate(make_rung("forward", 1.0, verdict="breaks", explanation="x"))
    forged = msgspec.structs.replace(broken, verdict="holds", rungs=(make_rung("forward", 1e-6),))
    assert "edited" in objection(make_record(certificate=forged))


def test_a_certificate_survives_being_written_and_read():
    certificate = make_certificate(settings={"a": 0.1, "b": True}, seconds=1 / 3)
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
def test_a_certificate_of_something_else_does_not_count(changes, told):
    assert objection(make_record(certificate=make_certificate(**changes))) == (
        f"its certificate is not for this run: {told}"
    )


def test_measured_settings_and_epochs_may_differ():
    certificate = make_certificate(settings={"matmul_relative_error": 1e-7})
    protocol = TrainingProtocol(epochs=9)
    record = make_record(
        certificate=certificate, settings={"matmul_relative_error": 2e-7}, protocol=protocol
    )
    assert objection(record) is None


def test_a_certificate_made_with_a_smaller_batch_counts_for_the_spec():
    smaller = as_certified(TrainingProtocol(batch_size=16))
    sha256 = spec_sha256(MODELS["deeper-cnn"], smaller)
    certificate = make_certificate(batch_size=16, certified_sha256=sha256)
    assert objection(make_record(certificate=certificate)) is None


def test_a_declared_deviation_of_training_is_not_comparable_one_of_a_loss_is():
    loss = make_rung("loss", 0.1, verdict="deviates", explanation="declared: clamped")
    assert objection(make_record(certificate=make_certificate(loss))) is None
    update = make_rung(
        "update after 1 step", 0.1, verdict="deviates", explanation="declared: no such pool"
    )
    told = objection(make_record(certificate=make_certificate(update)))
    assert told == "update after 1 step deviates, declared: no such pool"


def test_a_certificate_that_compared_nothing_is_none():
    certificate = make_certificate()
    bare = seal(msgspec.structs.replace(certificate, rungs=(), sha256=""))
    assert objection(make_record(certificate=bare)) == (
        "its certificate has no rungs: nothing was compared"
    )


def test_a_certificate_that_stops_without_a_break_is_none():
    rungs = (make_rung("forward", 1e-6), make_rung("loss", verdict="not reached"))
    certificate = make_certificate(*rungs)
    told = objection(make_record(certificate=certificate))
    assert told == "its certificate breaks nowhere and does not reach loss"
