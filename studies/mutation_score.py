"""Does the ladder catch what it should? `python studies/mutation_score.py`

Climbs the ladder with every fault of `tests/faulty` in every model in which it exists, and prints
where each is caught. A fault counts as caught where it belongs if the first rung that breaks is its
own, from the starting points that it names. Exits 1 unless all are.

`--false-alarms 200` climbs it with the right NumPy backend in float32 instead, with as many random
seeds and sizes of batches, from 8 to 256. Exits 1 if any is flagged.

`--protocols` does either with what a protocol says beyond Adam: the faults of `protocols.py` and
`schedules.py` there, the right backend under every protocol of `benchbench.testing`.

`--sequences` does either with the layers of sequences: the faults of `sequences.py` in the networks
of `sequence_models.py`. `--images` does it with those of `images.py`, in its own networks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from itertools import cycle, islice
from pathlib import Path

import msgspec
import numpy as np
from benchbench_numpy.backend import NumpyBackend

from benchbench import TrainingProtocol
from benchbench.certificates import Rung
from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.exercise import Exercise
from benchbench.certify.implementation import Implementation
from benchbench.certify.ladder import Ladder
from benchbench.certify.reference import Reference
from benchbench.certify.rungs import RUNGS
from benchbench.testing.protocols import PROTOCOLS

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from faulty import FAULTS, Fault, images, schedules, sequences
from faulty import protocols as of_protocols
from faulty.escapes import ESCAPES
from faulty.image_models import IMAGE_MODELS
from faulty.scoring import ALL_MODELS, Caught, catch
from faulty.sequence_models import SEQUENCE_MODELS

SCORED = ("single-layer", "two-layer", "simple-cnn", "deeper-cnn", "odd-sizes", "padding-absorbed")
# The small models are cheap: most of the random runs are theirs.
SMALL = ("single-layer", "odd-sizes", "three-channels", "pool-first", "padding-absorbed")
CYCLE = (*SMALL, "two-layer", *SMALL, "simple-cnn", *SMALL, "two-layer", *SMALL, "deeper-cnn")
IMAGES = tuple(model.name for model in IMAGE_MODELS)
SEQUENCES = tuple(model.name for model in SEQUENCE_MODELS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=list(ALL_MODELS), action="append")
    parser.add_argument("--false-alarms", type=int, metavar="RUNS")
    parser.add_argument("--seed", type=int, default=0, help="draws the seeds of --false-alarms")
    parser.add_argument(
        "--protocols", action="store_true", help="of optimizers, schedules, decay, clipping"
    )
    parser.add_argument(
        "--sequences", action="store_true", help="of embeddings, recurrent layers, attention"
    )
    parser.add_argument("--images", action="store_true", help="of layers of images, and norms")
    options = parser.parse_args()
    if options.false_alarms:
        several = options.protocols or options.sequences or options.images
        protocols = list(PROTOCOLS.values()) if several else [TrainingProtocol()]
        usual = SEQUENCES if options.sequences else SMALL if options.protocols else CYCLE
        models = options.model or (IMAGES if options.images else usual)
        well = false_alarms(options.false_alarms, models, options.seed, protocols)
    elif options.images:
        well = score(options.model or IMAGES, images.FAULTS, ())
    elif options.sequences:
        well = score(options.model or SEQUENCES, sequences.FAULTS, ())
    elif options.protocols:
        well = score(options.model or SMALL[:4], (*of_protocols.FAULTS, *schedules.FAULTS), ())
    else:
        well = score(options.model or SCORED, FAULTS, ESCAPES)
    sys.exit(0 if well else 1)


def score(names: Sequence[str], faults: Sequence[Fault], escapes: Sequence[Fault]) -> bool:
    """Print the table and the score. Return whether all faults are caught where they belong."""
    results = {fault: _caught(fault, names) for fault in faults}
    starts = ", ".join(f"{start[0]} {start}" for start in _starts(results.values()))
    print(f"The largest difference, and the starting points above the tolerance ({starts}):\n")
    _print_table(("fault", "what is wrong", "caught at", *names), results, names)
    exists = {fault: caught for fault, caught in results.items() if caught}
    caught = [fault for fault, rows in exists.items() if all(one.rung for one in rows)]
    placed = [fault for fault, rows in exists.items() if all(one.where_it_belongs for one in rows)]
    print(
        f"\n{len(caught)} of {len(exists)} faults caught, {len(placed)} at the rung where they "
        f"belong ({len(placed) / len(exists):.0%})"
    )
    for fault, rows in exists.items():
        for one in rows:
            if not one.where_it_belongs:
                found = f"at '{one.rung.name}' from {one.starts}" if one.rung else "nowhere"
                rungs = " or ".join(fault.rungs_in(one.model))
                belongs = f"'{rungs}' from {fault.starts or 'any'}"
                print(f"- {fault.name}, {one.model.name}: caught {found}, belongs to {belongs}")
    _print_room(results.values())
    if escapes:
        print("\nKnown to escape, in these models or in some of them:\n")
        escaped = {fault: _caught(fault, names) for fault in escapes}
        _print_table(("fault", "why", "caught at", *names), escaped, names)
    return len(placed) == len(exists)


def _caught(fault: Fault, names: Iterable[str]) -> list[Caught]:
    models = [ALL_MODELS[name] for name in names]
    print(fault.name, file=sys.stderr)
    return [catch(fault, model) for model in models if fault.applies(model)]


def _starts(results: Iterable[list[Caught]]) -> list[str]:
    rungs = [one.rung for rows in results for one in rows if one.rung]
    return list(dict.fromkeys(start for rung in rungs for start in rung.differences))


def _print_table(
    headers: Sequence[str], results: dict[Fault, list[Caught]], names: Sequence[str]
) -> None:
    print(f"| {' | '.join(headers)} |")
    print("|---" * len(headers) + "|")
    for fault, rows in results.items():
        cells = {one.model.name: _cell(one) for one in rows}
        rungs = dict.fromkeys(one.rung.name for one in rows if one.rung)
        row = (
            fault.name,
            fault.description,
            " or ".join(rungs),
            *(cells.get(n, "") for n in names),
        )
        print(f"| {' | '.join(row)} |")


def _cell(caught: Caught) -> str:
    if caught.rung is None:
        return "not caught"
    known = [value for value in caught.rung.differences.values() if value is not None]
    largest = f"{max(known):.1e}" if known else "not comparable"
    if caught.rung.name == "architecture" and known:
        largest = f"arrays: {max(known):.0f}"
    return f"{largest} {' '.join(start[0] for start in caught.starts)}"


def _print_room(results: Iterable[list[Caught]]) -> None:
    """Print how far the smallest fault of each rung lies above its tolerance."""
    print("\n| rung | tolerance | smallest fault | times the tolerance | which |")
    print("|---|---|---|---|---|")
    smallest: dict[str, tuple[float, Rung, Caught]] = {}
    for one in (one for rows in results for one in rows if one.rung and one.rung.tolerance):
        known = [value for value in one.rung.differences.values() if value is not None]
        found = max(known, default=None)
        if found is not None and found < smallest.get(one.rung.name, (np.inf,))[0]:
            smallest[one.rung.name] = found, one.rung, one
    for name in (name for name in RUNGS if name in smallest):
        found, rung, one = smallest[name]
        times = f"{found / rung.tolerance:.1f}"
        which = f"{one.fault.name}, {one.model.name}"
        print(f"| {name} | {rung.tolerance:.0e} | {found:.1e} | {times} | {which} |")


def false_alarms(
    runs: int, names: Sequence[str], seed: int, protocols: Sequence[TrainingProtocol]
) -> bool:
    """Climb the ladder with the right backend. Return whether no run was flagged."""
    random = np.random.default_rng(seed)
    largest: dict[str, tuple[float, str, float]] = {}
    flagged = 0
    pairs = zip(cycle(names), cycle(protocols), strict=False)
    for number, (name, given) in enumerate(islice(pairs, runs), 1):
        protocol = msgspec.structs.replace(given, batch_size=int(random.integers(8, 257)))
        exercise = Exercise(ALL_MODELS[name], protocol, seed=int(random.integers(1_000_000)))
        told = f"{name}, seed {exercise.seed}, batches of {protocol.batch_size}"
        if len(protocols) > 1:
            told = f"{told}, {protocol.optimizer.describe()}"
        print(f"{number} of {runs}: {told}", file=sys.stderr)
        for rung in _climb(exercise):
            if rung.verdict == "breaks":
                flagged += 1
                found = f"{rung.differences} for {rung.tolerance:.0e}; {rung.explanation}"
                print(f"FLAGGED: {told}, at '{rung.name}': {found}", flush=True)
            for start, difference in rung.differences.items():
                if difference is not None and difference >= largest.get(rung.name, (0,))[0]:
                    largest[rung.name] = difference, f"{told}, from {start}", rung.tolerance
    print("| rung | largest difference | tolerance | where |")
    print("|---|---|---|---|")
    for rung_name, (difference, where, tolerance) in largest.items():
        print(f"| {rung_name} | {difference:.1e} | {tolerance:.0e} | {where} |")
    print(f"\n{flagged} of {runs} runs of the right backend flagged")
    return flagged == 0


def _climb(exercise: Exercise) -> tuple[Rung, ...]:
    reference = Reference(Implementation(NumpyBackend("float64")), exercise)
    right = Implementation(NumpyBackend("float32"))
    return Ladder(CandidateMeasures(right, reference, exercise)).climb()


if __name__ == "__main__":
    main()
