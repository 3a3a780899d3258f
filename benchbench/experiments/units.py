"""What is to run together as one block: for the first time, or in the place of a lost one."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from benchbench.compare.contrast import CellName, cell_name
from benchbench.compare.whole import standing
from benchbench.experiments.saved_plan import SavedPlan
from benchbench.records import RunRecord
from benchbench.run.plan import Cell, Session


class Unit(NamedTuple):
    """Cells that are to run together, as the block `number`, perhaps in the place of another."""

    number: int
    replaces: tuple[int, ...]
    cells: tuple[Cell, ...]


class HandedOut(Protocol):
    """A block that was handed out to a node, whatever became of it."""

    @property
    def number(self) -> int: ...

    @property
    def models(self) -> tuple[str, ...]: ...

    @property
    def replaces(self) -> tuple[int, ...]: ...


def lacking(
    plan: SavedPlan, records: Sequence[RunRecord], handed_out: Iterable[HandedOut] = ()
) -> list[Unit]:
    """Return what is to run so that every model has all its blocks, each whole.

    A block that was `handed_out` and has no records is lost like one that has bad ones. Where a
    rule adds blocks, a model that is more than one behind had its answer: it lacks nothing.
    """
    orders = list(handed_out)
    blocks = {
        model: _Blocks(plan.session, model, records, orders) for model in models_of(plan.session)
    }
    most = max((len(one.standing) for one in blocks.values()), default=0)
    found: list[tuple[str, int, tuple[int, ...]]] = []
    for model, one in blocks.items():
        numbers, had = itertools.count(one.next_number), len(one.standing)
        wanted = plan.blocks if plan.until is None else most if had >= most - 1 else had
        found += [(model, next(numbers), ()) for _ in range(wanted - had)]
        found += [(model, next(numbers), lost) for lost in one.broken]
    return units_of(plan.session, found)


def further(
    plan: SavedPlan, records: Sequence[RunRecord], wanted: Collection[str] | None = None
) -> list[Unit]:
    """Return one block more of every model that is wanted, None for all."""
    models = [name for name in models_of(plan.session) if wanted is None or name in wanted]
    numbers = [_Blocks(plan.session, model, records, ()).next_number for model in models]
    return units_of(plan.session, [(*one, ()) for one in zip(models, numbers, strict=True)])


def units_of(session: Session, wanted: Iterable[tuple[str, int, tuple[int, ...]]]) -> list[Unit]:
    """Put models together that are to run a block of the same number for the same reason."""
    models: defaultdict[tuple[int, tuple[int, ...]], set[str]] = defaultdict(set)
    for model, number, replaces in wanted:
        models[number, replaces].add(model)
    return [
        Unit(*key, tuple(cell for cell in session.cells if cell.model.name in models[key]))
        for key in sorted(models, key=lambda key: key[0])
    ]


def models_of(session: Session) -> list[str]:
    """Return the names of a session's models, in their order."""
    return list(dict.fromkeys(cell.model.name for cell in session.cells))


def sentence(unit: Unit) -> str:
    """Say which block is to run, in whose place, and what is in it."""
    models = ", ".join(dict.fromkeys(cell.model.name for cell in unit.cells))
    lost = " and ".join(map(str, unit.replaces))
    place = f", in the place of block {lost}" if lost else ""
    return f"block {unit.number}{place}: {len(unit.cells)} runs of {models}"


def unseen(records: Iterable[RunRecord], handed_out: Iterable[HandedOut]) -> list[int]:
    """Return the numbers of the blocks that left no record, and that none stands for."""
    orders, seen = list(handed_out), {record.block for record in records}
    replaced = {lost for one in orders for lost in one.replaces}
    return sorted({one.number for one in orders} - seen - replaced)


def broken_models(session: Session, runs: Iterable[RunRecord], models: Iterable[str]) -> list[str]:
    """Return those of the models that lack a good run of a cell among the runs of one block."""
    by_model: defaultdict[str, list[RunRecord]] = defaultdict(list)
    for run in runs:
        by_model[run.model].append(run)
    return [
        model for model in models if not _is_whole(by_model[model], _cell_names(session, model))
    ]


class _Blocks:
    """The blocks that a session had of one model."""

    def __init__(
        self,
        session: Session,
        model: str,
        records: Sequence[RunRecord],
        orders: Sequence[HandedOut],
    ) -> None:
        cells = _cell_names(session, model)
        own = [record for record in records if record.model == model]
        by_block: defaultdict[int, list[RunRecord]] = defaultdict(list)
        for record in standing(own):
            by_block[record.block].append(record)
        handed_out = {one.number: one.replaces for one in orders if model in one.models}
        by_block |= {number: [] for number in handed_out if number not in by_block}
        for lost in {number for replaces in handed_out.values() for number in replaces}:
            by_block.pop(lost, None)
        _drop_replaced(by_block, own)
        self.standing = frozenset(by_block)
        # A block that broke may itself have been there for others.
        self.broken = [
            (*sorted(_replaced(runs) | {*handed_out.get(number, ())}), number)
            for number, runs in sorted(by_block.items())
            if not _is_whole(runs, cells)
        ]
        taken = [*(record.block for record in own), *handed_out]
        self.next_number = max(taken, default=-1) + 1


def _drop_replaced(by_block: dict[int, list[RunRecord]], own: Sequence[RunRecord]) -> None:
    """Leave out blocks without records that a later one stands for."""
    for lost in _replaced(own):
        by_block.pop(lost, None)


def _replaced(runs: Iterable[RunRecord]) -> set[int]:
    return {lost for run in runs for lost in run.replaces_blocks}


def _is_whole(runs: Iterable[RunRecord], cells: Mapping[CellName, int]) -> bool:
    return Counter(cell_name(run) for run in runs if run.status in {"ok", "skipped"}) == cells


def _cell_names(session: Session, model: str) -> Counter[CellName]:
    return Counter(
        CellName(one.backend, one.division, one.variant.label if one.variant else "")
        for one in session.cells
        if one.model.name == model
    )
