"""Does a full machine give wrong verdicts? `python studies/full_machine.py --results DIR`

Compares a backend with itself, and with itself slowed down by a half, while programs that spin keep
none, one and all of the cores busy; prints how often it said what. A verdict is wrong where equals
are FASTER or SLOWER, or the slowed copy is FASTER or SAME. Exits 1 if one is. Takes a quarter of an
hour with five sessions each; it wants a machine with nothing else on it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tabulate import tabulate

from benchbench.compare.contrast import Question
from benchbench.experiments.listener import Silent
from benchbench.experiments.selection import find_backends, find_cells, find_models
from benchbench.experiments.selftest import SelfTest, judged
from benchbench.experiments.session import find_dataset
from benchbench.measure.machine import affinity
from benchbench.plugins.registry import load_registry
from benchbench.run.store import Store, read
from benchbench.spec.protocol import TrainingProtocol

SLOWDOWN = 0.5
WRONG = {0.0: {"FASTER", "SLOWER"}, SLOWDOWN: {"FASTER", "SAME"}}
HEADER = (
    "busy cores",
    "threads",
    "pair",
    "sessions",
    "SLOWER",
    "SAME",
    "UNDECIDED",
    "NOISY",
    "wrong",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--model", default="two-layer")
    parser.add_argument("--sessions", type=int, default=5)
    parser.add_argument("--blocks", type=int, default=3)
    options = parser.parse_args()
    cores = len(affinity())
    rows = []
    for busy in (0, cores // 2, cores):
        for threads in (cores, 1):
            place = options.results / f"busy-{busy}-threads-{threads}"
            with spinning(busy):
                measure(options, place, threads)
            rows += summed_up(place, busy, threads)
            print(tabulate(rows, HEADER, tablefmt="pipe"), end="\n\n", flush=True)
    sys.exit(1 if any(row[-1] for row in rows) else 0)


@contextmanager
def spinning(count: int) -> Iterator[None]:
    """Keep so many cores busy."""
    with ExitStack() as stack:
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while 1: pass"]))
            stack.callback(process.kill)
        yield


def measure(options: argparse.Namespace, place: Path, threads: int) -> None:
    """Run the sessions: the backend beside itself, and beside itself slowed down."""
    registry = load_registry()
    models = find_models([options.model], registry)
    (cell,) = find_cells(find_backends([options.backend], registry), "tuned", models)
    store = Store(place)
    store.prepare()
    SelfTest(
        cell=cell,
        slowdowns=(SLOWDOWN,),
        repeats=options.sessions,
        blocks=options.blocks,
        question=Question(),
        protocol=TrainingProtocol(epochs=11),
        chosen=find_dataset("auto", registry, models, note=print, quick=True),
        device="cpu",
        threads=threads,
        timeout=1800,
    ).run(registry, store, Silent())


def summed_up(place: Path, busy: int, threads: int) -> list[tuple[object, ...]]:
    """Count the verdicts of the saved sessions, each judged for itself."""
    found: dict[float, Counter[str]] = {slowdown: Counter() for slowdown in WRONG}
    records, _ = read(place)
    for session in sorted({record.session_id for record in records}):
        own = [record for record in records if record.session_id == session]
        for slowdown, one in judged(own, Question()):
            found[slowdown][one.verdict] += 1
    names = {0.0: "itself", SLOWDOWN: "slowed by 50 %"}
    return [
        (
            *(busy, threads, names[slowdown], counted.total()),
            *(counted[verdict] for verdict in HEADER[4:8]),
            sum(counted[verdict] for verdict in WRONG[slowdown]),
        )
        for slowdown, counted in found.items()
    ]


if __name__ == "__main__":
    main()
