"""A run with a fault, as a worker does it, on a tenth of the digits; and what the audit says."""

from __future__ import annotations

from unittest import mock

import msgspec

from benchbench import BackendInfo
from benchbench.audits import Audit
from benchbench.data import catalog
from benchbench.plugins import registry
from benchbench.run import worker
from benchbench.run.messages import Finished
from benchbench.run.plan import Cell, Session
from benchbench.spec.catalog import MODELS
from faulty.fault import Fault, FaultyBackend

SEED = 3


def run_with(fault: Fault, *, model: str = "single-layer", epochs: int = 5) -> Finished:
    """Do one run with a fault, in this process; it is audited."""
    known = registry.load_registry()
    info = BackendInfo("faulty", ("numpy",), lambda: FaultyBackend(fault))
    backends = {**known.backends, "faulty": registry.Offer(info, "tests")}
    with_fault = registry.Registry(backends, {}, {}, {}, ())
    session = Session(
        cells=(Cell("faulty", "idiomatic", MODELS[model]),),
        protocol=msgspec.structs.replace(fault.protocol, epochs=epochs),
        dataset=catalog.choose("digits", {}, quick=True),
        device="cpu",
        threads=1,
        cpus=None,
        seed=SEED,
        audited_blocks=1,
    )
    ((run,),) = (group.runs for group in session.block(0))
    with mock.patch.object(registry, "load_registry", return_value=with_fault):
        ending = worker.execute(run.request, lambda event: None)
    assert isinstance(ending, Finished), ending
    return ending


def audit_of(fault: Fault, **choices) -> Audit:
    """Return the audit of a run with a fault."""
    audit = run_with(fault, **choices).outcome.audit
    assert audit is not None
    return audit
