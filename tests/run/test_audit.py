"""Is what is timed what was proved? Plugins that behave while they are certified are found out."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from fake_launcher import good_run, whole_report
from faulty.audited import audit_of, run_with
from faulty.disguised import FAULTS
from faulty.fault import Fault, FaultyTrainer
from faulty.late import breaking
from makers import make_record
from stage import Stage, make_session

from benchbench import Dropout, ModelSpec
from benchbench.audits import Audit, AuditedEpoch
from benchbench.certify.audit import epochs_within, why_never
from benchbench.compare.remarks import remarks
from benchbench.run.encoding import to_json
from benchbench.spec.catalog import MODELS
from benchbench.spec.protocol import TrainingProtocol

RIGHT = Fault("none", "nothing is wrong", "")
MODEL = MODELS["single-layer"]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_who_is_honest_only_while_certified_is_caught(fault):
    assert audit_of(fault, epochs=4).objection


@pytest.mark.parametrize("fault", FAULTS[::6], ids=lambda fault: fault.name)
def test_who_is_honest_only_while_certified_is_certified(fault):
    assert not breaking(fault, MODEL)


@pytest.mark.parametrize("model", ["single-layer", "two-layer"])
def test_a_right_run_is_repeated_epoch_by_epoch(model):
    audit = audit_of(RIGHT, model=model, epochs=2)
    assert audit.objection is None
    assert [epoch.number for epoch in audit.epochs] == [1, 2]
    assert (audit.reason, audit.fault) == (None, None)
    assert audit.seconds > 0


class StatesNone(FaultyTrainer):
    def order(self, epoch):
        return None


class AnotherShape(FaultyTrainer):
    def variables(self):
        return [*super().variables(), np.zeros(3, np.float32)]


def test_a_backend_without_an_order_is_not_audited():
    audit = audit_of(Fault("", "", "", StatesNone), epochs=2)
    assert (audit.epochs, audit.objection) == ((), None)
    assert audit.reason == "the backend states no order of the samples"


def test_without_shuffling_the_order_is_known():
    kept = msgspec.structs.replace(TrainingProtocol(), shuffle=False)
    audit = audit_of(Fault("", "", "", StatesNone, protocol=kept), epochs=2)
    assert [epoch.breaks for epoch in audit.epochs] == [False, False]


def test_weights_of_another_shape_are_a_fault_and_no_crash():
    audit = audit_of(Fault("", "", "", AnotherShape), epochs=2)
    assert "expected 7,850 values in `variables()`" in audit.objection


def test_the_audit_is_in_no_time_of_the_run():
    report = run_with(RIGHT, epochs=2).outcome
    assert report.audit.seconds < report.phases.waiting


def test_a_run_whose_audit_breaks_is_invalid_and_says_where(tmp_path):
    audit = Audit(epochs=(AuditedEpoch(1, 1e-6, 3e-5), AuditedEpoch(2, 0.5, 3e-5)))
    report = msgspec.structs.replace(whole_report(), audit=audit)
    play = Stage(tmp_path / "results", {"one": good_run(2, report=report)})
    record = play.conduct(make_session("one").block(0))["one"]
    assert record.status == "invalid"
    assert "expected epoch 2 to change the weights as the reference does" in record.error
    assert "within 3e-05, found a difference of 5.0e-01" in record.error
    assert record.audit == audit


def test_a_run_that_was_to_be_audited_says_what_came_of_it(tmp_path):
    session = msgspec.structs.replace(make_session("one"), audited_blocks=1)
    record = Stage(tmp_path / "results", {}).conduct(session.block(0))["one"]
    assert "audit: expected what came of it" in record.error


def test_of_a_session_one_run_of_each_cell_is_drawn():
    for order_seed in range(20):
        session = msgspec.structs.replace(
            make_session("one", "two"), audited_blocks=4, order_seed=order_seed
        )
        drawn = [
            run.request.backend
            for group in session.blocks(6)
            for run in group.runs
            if run.request.audited
        ]
        assert sorted(drawn) == ["one", "two"]


def test_a_block_that_runs_again_takes_over_the_audit():
    session = msgspec.structs.replace(make_session("one"), audited_blocks=1, order_seed=1)
    again = msgspec.structs.replace(session, replaces_blocks=(0,))
    assert again.block(7)[0].runs[0].request.audited is True
    assert session.block(7)[0].runs[0].request.audited is False


def test_records_and_requests_without_an_audit_do_not_mention_it():
    request = make_session("one").block(0)[0].runs[0].request
    assert request.audited is None
    assert b"audit" not in to_json(request) + to_json(make_record())


def test_tables_say_which_cells_are_not_audited():
    records = [
        make_record(audit=Audit(reason="it is heavy")),
        make_record(backend="jax", audit=Audit(reason="it is heavy")),
        make_record(backend="keras", audit=Audit(epochs=(AuditedEpoch(1, 0.0, 1.0),))),
    ]
    (told,) = (one for one in remarks(records) if "audited" in one)
    assert told == "not audited, it is heavy: deeper-cnn torch idiomatic, deeper-cnn jax idiomatic"


def test_what_cannot_be_repeated_in_time_is_known_beforehand():
    protocol = TrainingProtocol()
    assert epochs_within(MODEL, protocol, 48_000, 20) > protocol.epochs
    assert 1 < epochs_within(MODELS["two-layer"], protocol, 48_000, 20) < 3
    assert epochs_within(MODELS["deeper-cnn"], protocol, 48_000, 20) < 1


def test_masks_of_dropout_cannot_be_repeated():
    before, last = MODEL.layers
    dropping = ModelSpec("dropping", MODEL.input_shape, (before, Dropout(0.5), last))
    assert "masks" in why_never(dropping)
    assert why_never(MODEL) is None
