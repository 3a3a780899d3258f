"""One block on this machine, as an order says: what a node does between order and answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from benchbench.certify import crash
from benchbench.errors import BenchbenchError, StoreError
from benchbench.experiments.certified_cells import certify_cells
from benchbench.experiments.fleet.messages import Begun, BlockAnswer, Ending, Order
from benchbench.experiments.fleet.node_data import find_here
from benchbench.experiments.listener import Silent
from benchbench.experiments.saved_plan import SavedPlan, differences_here
from benchbench.experiments.selection import find_processors
from benchbench.measure.clock import utc_now
from benchbench.measure.machine import machine, node_name
from benchbench.measure.machine_lock import machine_lock
from benchbench.plugins.plugin_files import announce
from benchbench.plugins.registry import Registry, load_registry
from benchbench.records import RunRecord
from benchbench.run.conductor import Conductor
from benchbench.run.monitor import MachineMonitor
from benchbench.run.plan import Session
from benchbench.run.store import Store

# By so much may two clocks differ that nobody keeps together.
_CLOCKS = timedelta(minutes=2)


class Unfit(BenchbenchError):  # noqa: N818 - an answer, like `Unsupported`
    """This machine cannot take the block, another may. The message says why."""


class _Hearing(Silent):
    """Keeps the ids of the runs whose records are saved, in their order."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self.run_ids: list[str] = []
        self._note = note

    def note(self, text: str) -> None:
        self._note(text)

    def run_finished(self, record: RunRecord) -> None:
        self.run_ids.append(record.run_id)
        self._note(f"{record.run_id}: {record.status} {record.error or ''}".rstrip())


def run_order(
    plan: SavedPlan,
    order: Order,
    store: Store,
    *,
    copies: Sequence[Path] = (),
    began: Callable[[Begun], None] = lambda _: None,
    note: Callable[[str], None] = lambda _: None,
) -> BlockAnswer:
    """Run the block and save its records in the store; return what came of it, whatever it was.

    `began` is told when the block begins; what it raises ends the block. `copies` are folders that
    may hold the data set. A KeyboardInterrupt ends the runs, which are saved as interrupted.
    """
    heard = _Hearing(note)
    ending: Ending = "done"
    trouble = ""
    try:
        _conduct(plan, order, store, heard, copies=copies, began=began)
    except Unfit as error:
        ending, trouble = "unfit", str(error)
    except StoreError as error:
        ending, trouble = "unfit", f"its records cannot be saved: {error}"
    except BenchbenchError as error:
        ending, trouble = "failed", str(error)
    except OSError as error:
        ending, trouble = "unfit", crash.describe(error)
    except KeyboardInterrupt as error:
        notes = getattr(error, "__notes__", ())
        ending, trouble = "ended", "\n".join([str(error) or "it was interrupted", *notes])
    except Exception as error:
        ending, trouble = "failed", crash.describe(error)
    return BlockAnswer(
        node=node_name(),
        ending=ending,
        trouble=trouble,
        run_ids=tuple(heard.run_ids),
        finished=utc_now(),
    )


def _conduct(
    plan: SavedPlan,
    order: Order,
    store: Store,
    heard: _Hearing,
    *,
    copies: Sequence[Path],
    began: Callable[[Begun], None],
) -> None:
    _must_be_on_time(order)
    for path in plan.plugin_files:
        announce(path)
    registry = load_registry()
    if found := _differences(plan, registry):
        raise Unfit(f"other versions than the session's: {'; '.join(found)}")
    store.prepare()
    with machine_lock(waiting=lambda: heard.note("another block has this machine: waiting")):
        session = _fitted(plan, order, registry, heard, copies)
        here = machine(include_host=session.include_host)
        began(Begun(node=node_name(), machine=here, threads=session.threads, started=utc_now()))
        session = _certified(session, plan, registry, heard)
        conductor = Conductor(
            store=store,
            listener=heard,
            timeout=plan.timeout_seconds,
            monitor=MachineMonitor(include_host=session.include_host),
        )
        for _ in conductor.conduct(session.block(order.number)):
            pass


def _must_be_on_time(order: Order) -> None:
    """Raise Unfit where the order is of the future: records are put in order by their times."""
    late = datetime.fromisoformat(order.submitted) - datetime.fromisoformat(utc_now())
    if late > _CLOCKS:
        raise Unfit(
            f"its clock is slow: it says {utc_now()}, but the block was submitted at "
            f"{order.submitted}; set it (chrony, ntpd)"
        )


def _differences(plan: SavedPlan, registry: Registry) -> list[str]:
    try:
        return differences_here(plan, registry)
    except BenchbenchError as error:  # a backend that is not here
        return [str(error)]


def _fitted(
    plan: SavedPlan, order: Order, registry: Registry, heard: _Hearing, copies: Sequence[Path]
) -> Session:
    """Return the session's part that is ordered, with this machine's processors and data."""
    planned = plan.session
    cells = tuple(cell for cell in planned.cells if cell.model.name in order.models)
    models = list(dict.fromkeys(cell.model for cell in cells))
    try:
        threads, cpus = find_processors(planned.threads or None)
        dataset = find_here(planned.dataset, registry, models, copies=copies, note=heard.note)
    except BenchbenchError as error:
        raise Unfit(str(error)) from None
    return msgspec.structs.replace(
        planned,
        cells=cells,
        dataset=dataset,
        threads=threads,
        cpus=cpus,
        replaces_blocks=order.replaces,
    )


def _certified(session: Session, plan: SavedPlan, registry: Registry, heard: _Hearing) -> Session:
    """Return the session with certificates of this kind of machine, kept or made now."""
    if plan.certified_protocol is None:
        return session
    found = certify_cells(
        session.cells,
        plan.certified_protocol,
        registry,
        device=session.device,
        threads=session.threads,
        cpus=session.cpus,
        timeout_seconds=plan.timeout_seconds,
        certified=lambda one: heard.note(
            f"certificate: {one.request.model.name} {one.request.backend} {one.request.division}: "
            f"{one.certificate.verdict if one.certificate else 'no certificate'}"
        ),
    )
    return msgspec.structs.replace(session, certificates=tuple(found.items()))
