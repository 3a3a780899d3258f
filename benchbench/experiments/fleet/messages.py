"""What goes to a node and what comes back, as JSON: an order of one block, and its answer."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from benchbench.experiments.saved_plan import SavedPlan
from benchbench.machines import Machine
from benchbench.records import RunRecord

ORDER_SCHEMA = 1

# done: the block ran to its end, whatever became of its runs. unfit: this node could not take it,
# another may. ended: it was stopped on its way. failed: it can go nowhere.
Ending: TypeAlias = Literal["done", "unfit", "ended", "failed"]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One block to run on a node: of the plan's cells those of `models`.

    `key` is the order's own number in its session; `number` is the block's, in the place of the
    blocks `replaces`. `again`: a block that was lost is done again, once. `submitted` is in UTC.
    """

    schema: int = ORDER_SCHEMA
    key: int
    number: int
    models: tuple[str, ...]
    replaces: tuple[int, ...] = ()
    again: bool = False
    submitted: str


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A node has begun with a block: which node, in its own words, and what machine it is."""

    node: str
    machine: Machine
    threads: int
    started: str


class BlockAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an order. `trouble` says why it did not come to its end, `remarks` what else.

    `run_ids` are those of the records that were saved. Where nodes and command share no folder,
    `records` and `logs` (text by run) travel with the answer.
    """

    node: str
    ending: Ending
    trouble: str = ""
    run_ids: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    finished: str
    records: tuple[RunRecord, ...] = ()
    logs: dict[str, str] = {}


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """An order with all that it needs, for a node that shares no folder with the command."""

    plan: SavedPlan
    order: Order
