"""What do the last three rungs catch? `python studies/late_faults.py`

Trains with every fault of `tests/faulty/late.py`, in models small and large, and prints where each
is caught. Exits 1 unless all are, in each of the models.

`--false-alarms 200` asks the order of every division of a backend instead, with as many seeds, and
with batches of 8, 32 and 128. Exits 1 if any is flagged.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tabulate import tabulate

from benchbench.certify.implementation import Implementation
from benchbench.certify.order import disorders
from benchbench.plugins.registry import load_registry

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from faulty.escapes import ESCAPES
from faulty.late import FAULTS, breaking
from faulty.scoring import ALL_MODELS

MODELS = ("single-layer", "two-layer", "odd-sizes", "three-channels")
BATCH_SIZES = (8, 32, 128)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--false-alarms", type=int, metavar="SEEDS")
    parser.add_argument("--backend", default="numpy", help="of --false-alarms")
    options = parser.parse_args()
    seeds = options.false_alarms
    well = false_alarms(options.backend, seeds) if seeds else score()
    sys.exit(0 if well else 1)


def score() -> bool:
    """Print the tables. Return whether every fault is caught in every model."""
    caught = {fault: _caught(fault) for fault in FAULTS}
    header = ["fault", "what is wrong", *MODELS]
    rows = [[fault.name, fault.description, *places] for fault, places in caught.items()]
    print(tabulate(rows, header, tablefmt="pipe"))
    whole = sum(all(places) for places in caught.values())
    print(f"\n{whole} of {len(FAULTS)} faults caught in each of {len(MODELS)} models\n")
    print("What escapes ten steps, and some of it all steps:\n")
    rows = [[fault.name, fault.description, *_caught(fault)] for fault in ESCAPES]
    print(tabulate(rows, header, tablefmt="pipe"))
    return whole == len(FAULTS)


def _caught(fault) -> list[str]:
    return [", ".join(breaking(fault, ALL_MODELS[name])) for name in MODELS]


def false_alarms(name: str, seeds: int) -> bool:
    """Print how many right orders are flagged. Return whether none is."""
    info = load_registry().backend(name)
    backend = info.create()
    asked = flagged = 0
    for seed in range(seeds):
        size = BATCH_SIZES[seed % len(BATCH_SIZES)]
        for division in info.divisions:
            found = disorders(Implementation(backend, division), size, seed=seed)
            asked += 1
            flagged += bool(found)
            if found:
                print(f"{division}, batches of {size}, seed {seed}: {found[0].words}")
    print(f"{name}: {flagged} of {asked} orders flagged")
    return not flagged


if __name__ == "__main__":
    main()
