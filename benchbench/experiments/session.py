"""What every verb that trains has in common: does it fit, and then conduct it, with progress."""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING

from benchbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchbench.data.catalog import Chosen
    from benchbench.plugins.registry import Registry
    from benchbench.records import RunRecord
    from benchbench.run.plan import Cell, Group, Session
    from benchbench.run.store import Store
    from benchbench.spec.model import ModelSpec


def find_dataset(
    wanted: str, registry: Registry, models: Sequence[ModelSpec], *, quick: bool = False
) -> Chosen:
    """Find and verify a data set that the models take; say on stderr where it comes from.

    Raises UsageError, DataError or Unavailable.
    """
    from benchbench.data import catalog

    offered = {name: offer.item for name, offer in registry.datasets.items()}
    chosen = catalog.choose(wanted, offered, quick=quick)
    if chosen.note:
        print(chosen.note, file=sys.stderr)
    must_fit(models, chosen)
    return chosen


def must_be_comparable(cells: Sequence[Cell]) -> None:
    """Raise UsageError where no model has two cells: `--until` would have nothing to wait for."""
    if len(cells) == len({cell.model for cell in cells}):
        raise UsageError(
            "--until needs two cells of a model to compare, but every model has one here; "
            "name another --backend, or --division all"
        )


def must_fit(models: Sequence[ModelSpec], chosen: Chosen) -> None:
    """Raise UsageError for a model that does not take the images of the data set."""
    for model in models:
        if chosen.image_shape not in {None, model.input_shape}:
            raise UsageError(
                f"the model '{model.name}' takes images of {model.input_shape} (height, width, "
                f"channels), but those of '{chosen.name}' are {chosen.image_shape}"
            )
        if chosen.classes is not None and chosen.classes > model.classes:
            raise UsageError(
                f"the model '{model.name}' tells {model.classes} classes apart, but "
                f"'{chosen.name}' has {chosen.classes}"
            )


def conduct(groups: Sequence[Group], store: Store, timeout: float) -> list[RunRecord]:
    """Run the groups, one after another; return the records, all of them saved.

    `timeout` is in seconds of work, for each run.
    """
    from benchbench.cli.progress import progress
    from benchbench.run.conductor import Conductor

    with progress() as listener:
        return list(Conductor(store=store, listener=listener, timeout=timeout).conduct(groups))


def conduct_until(
    session: Session,
    store: Store,
    timeout: float,
    *,
    width: float,
    least_blocks: int,
    budget_seconds: float,
    certified: bool,
) -> list[RunRecord]:
    """Run block after block until every steady ratio is known within `width`, a fraction.

    Stops by the width of the intervals alone, wherever they lie: to stop on a verdict would be to
    choose it. No block is begun that would probably end after `budget_seconds`.
    """
    from benchbench.compare.comparison import compare, steady_half_width
    from benchbench.compare.contrast import Question
    from benchbench.measure.clock import now_ns

    started = now_ns()
    records: list[RunRecord] = []
    for number in itertools.count():
        records += conduct(session.block(number), store, timeout)
        spent = (now_ns() - started) / 1e9
        reached = steady_half_width(compare(records, Question(), certified=certified))
        told = "no interval yet" if reached is None else f"intervals within {100 * reached:.1f} %"
        print(f"block {number}: {told}, {spent:.0f} s spent", file=sys.stderr, flush=True)
        if number + 1 < least_blocks:
            continue
        if reached is None:
            print(
                "a ratio has no interval even now; `benchbench compare` says why", file=sys.stderr
            )
            break
        if reached <= width:
            break
        if spent * (number + 2) / (number + 1) > budget_seconds:
            print(
                f"the budget of {budget_seconds:.0f} s is spent before every interval is within "
                f"{100 * width:g} %; --budget gives more",
                file=sys.stderr,
            )
            break
    return records
