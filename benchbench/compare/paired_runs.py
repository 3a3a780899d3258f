"""Which runs of two cells are a pair: one good run on either side, in the same block and group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from benchbench.compare.load import crowded
from benchbench.compare.validity import ending
from benchbench.records import RunRecord

PairOfRuns: TypeAlias = tuple[RunRecord, RunRecord]


class PairedRuns(NamedTuple):
    """The pairs, by block; sentences on the blocks that are lost, and on those that were crowded.

    A block is crowded in which a side had too few cores for its threads.
    """

    runs: dict[int, PairOfRuns]
    left_out: tuple[str, ...]
    crowded: tuple[str, ...]


def pair_up(
    own: Sequence[RunRecord],
    baseline: Sequence[RunRecord],
    names: tuple[str, str],
    blocks: Collection[int] | None = None,
) -> PairedRuns:
    """Pair the runs of two cells of these names; neither may be empty.

    `blocks` are the numbers of those that the session had, by default all up to the last.
    """
    ours, theirs = _by_block(own), _by_block(baseline)
    if blocks is None:
        blocks = range(max(*ours, *theirs) + 1)
    losses = {
        number: tuple(_losses(ours[number], theirs[number], names)) for number in sorted(blocks)
    }
    pairs = {
        number: (ours[number][0], theirs[number][0]) for number in losses if not losses[number]
    }
    return PairedRuns(
        pairs,
        left_out=tuple(f"block {number}: {why}" for number in losses for why in losses[number]),
        crowded=tuple(_crowded(pairs, names)),
    )


def _by_block(runs: Sequence[RunRecord]) -> defaultdict[int, list[RunRecord]]:
    found: defaultdict[int, list[RunRecord]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.run_id):
        found[run.block].append(run)
    return found


def _losses(
    ours: Sequence[RunRecord], theirs: Sequence[RunRecord], names: tuple[str, str]
) -> Iterator[str]:
    """Yield why the runs of one block are no pair."""
    faults = [
        f"{name} {told}"
        for name, runs in zip(names, (ours, theirs), strict=True)
        if (told := _fault(runs))
    ]
    yield from faults
    if faults:
        return
    if ours[0].order_seed != theirs[0].order_seed:
        yield f"{names[0]} and {names[1]} were not interleaved with each other"


def _fault(runs: Sequence[RunRecord]) -> str | None:
    """Return why runs of one cell in one block are no good, as a predicate."""
    if len(runs) != 1:
        return f"has {len(runs)} runs, expected one" if runs else "has no run"
    (run,) = runs
    return None if run.status == "ok" else ending(run)


def _crowded(pairs: Mapping[int, PairOfRuns], names: tuple[str, str]) -> Iterator[str]:
    """Yield the blocks in which a side had too few cores for its threads, each block once."""
    sides = list(zip(*pairs.values(), strict=True))
    for number, pair in pairs.items():
        told = [
            f"{name} {why}"
            for name, run, side in zip(names, pair, sides, strict=True)
            if (why := crowded(run, side))
        ]
        if told:
            yield f"block {number}: {' and '.join(told)}"
