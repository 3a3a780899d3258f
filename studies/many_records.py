"""How long do `compare` and `report` take over many records? With generated ones.

Writes so many records, sessions of five blocks of four cells with certificates, and times each verb
in a process of its own: seconds of wall time and peak memory. Copies of one certified record are
varied in session, block, cell and times. Nothing is asserted; docs quote it.
"""

from __future__ import annotations

import argparse
import itertools
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from benchbench.measure.clock import now_ns
from benchbench.records import RunRecord
from benchbench.run.store import read

BLOCKS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="source", type=Path, required=True, help="certified runs")
    parser.add_argument("--records", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options = parser.parse_args()
    samples = [run for run in read(options.source)[0] if run.certificate and run.status == "ok"]
    first = samples[0]
    one_block = [
        run for run in samples if (run.session_id, run.block) == (first.session_id, first.block)
    ]
    print("| records | compare | report | peak memory |\n|---|---|---|---|")
    for count in options.records:
        with tempfile.TemporaryDirectory() as folder:
            write(one_block, count, Path(folder) / "runs")
            seconds = [timed(verb, folder) for verb in ("compare", "report")]
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        print(
            f"| {count:,} | {seconds[0]:.1f} s | {seconds[1]:.1f} s | {peak:.2f} GB |", flush=True
        )


def write(cells: list[RunRecord], count: int, folder: Path) -> None:
    """Write `count` records, varied from one block of real ones: blocks make up sessions."""
    folder.mkdir(parents=True)
    draw = random.Random(0)
    places = (
        (session, block, cell)
        for session in itertools.count()
        for block in range(BLOCKS)
        for cell in cells
    )
    for number, (session, block, cell) in enumerate(itertools.islice(places, count)):
        epochs = [
            msgspec.structs.replace(
                epoch, train_seconds=epoch.train_seconds * draw.uniform(0.9, 1.1)
            )
            for epoch in cell.epochs
        ]
        record = msgspec.structs.replace(
            cell,
            run_id=f"run-{number:07d}",
            session_id=f"session-{session:06d}",
            block=block,
            seed=block,
            order_seed=block,
            epochs=tuple(epochs),
        )
        (folder / f"{record.run_id}.json").write_bytes(msgspec.json.encode(record))


def timed(verb: str, folder: str) -> float:
    """Return the seconds that a verb takes over the records in a folder."""
    started = now_ns()
    command = [sys.executable, "-m", "benchbench", verb, "--results", folder]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (now_ns() - started) / 1e9


if __name__ == "__main__":
    main()
