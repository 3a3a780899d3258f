"""How long do `compare` and `report` take over many records? With generated ones.

Writes so many records, sessions of five blocks of four cells with certificates, and times each verb
in a process of its own: seconds of CPU time, which is that of wall time where nothing else runs,
and peak memory. Copies of one certified record are varied in session, block, cell and times. With
`--machines` they are of one session instead, ten blocks on each of so many machines. Nothing is
asserted; docs quote it.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchbench.records import RunRecord
from benchbench.run.store import read

BLOCKS = 5
BLOCKS_A_MACHINE = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="source", type=Path, required=True, help="certified runs")
    parser.add_argument("--records", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--machines", type=int, nargs="+")
    options = parser.parse_args()
    samples = [run for run in read(options.source)[0] if run.certificate and run.status == "ok"]
    first = samples[0]
    one_block = [
        run
        for run in samples
        if (run.session_id, run.block, run.model) == (first.session_id, first.block, first.model)
    ]
    counts = options.machines or options.records
    print(
        f"| {'machines | ' if options.machines else ''}records | compare | report | peak memory |"
    )
    print("|---" * (5 if options.machines else 4) + "|")
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            records = (
                over_machines(one_block, count)
                if options.machines
                else over_sessions(one_block, count)
            )
            written = write(records, Path(folder) / "runs")
            timed_verbs = [timed(verb, folder) for verb in ("compare", "report")]
        machines = f"{count:,} | " if options.machines else ""
        seconds = " | ".join(f"{one:.1f} s" for one, _ in timed_verbs)
        peak = max(memory for _, memory in timed_verbs)
        print(f"| {machines}{written:,} | {seconds} | {peak:.2f} GB |", flush=True)


def over_sessions(cells: list[RunRecord], count: int) -> Iterator[RunRecord]:
    """Yield `count` records, varied from one block of real ones: blocks make up sessions."""
    places = (
        (session, block, cell)
        for session in itertools.count()
        for block in range(BLOCKS)
        for cell in cells
    )
    for session, block, cell in itertools.islice(places, count):
        yield msgspec.structs.replace(
            cell, session_id=f"session-{session:06d}", block=block, seed=block, order_seed=block
        )


def over_machines(cells: list[RunRecord], machines: int) -> Iterator[RunRecord]:
    """Yield the records of one session over so many machines."""
    for block in range(machines * BLOCKS_A_MACHINE):
        host = f"node{block % machines:06d}"
        for cell in cells:
            own = msgspec.structs.replace(cell.machine, host=host)
            yield msgspec.structs.replace(
                cell, session_id="session", block=block, seed=block, order_seed=block, machine=own
            )


def write(records: Iterator[RunRecord], folder: Path) -> int:
    """Write the records with names and times of their own; return how many."""
    folder.mkdir(parents=True)
    draw = random.Random(0)
    number = 0
    for number, cell in enumerate(records, 1):
        epochs = [
            msgspec.structs.replace(
                epoch, train_seconds=epoch.train_seconds * draw.uniform(0.9, 1.1)
            )
            for epoch in cell.epochs
        ]
        run_id = f"run-{number:07d}"
        record = msgspec.structs.replace(cell, run_id=run_id, epochs=tuple(epochs))
        (folder / f"{run_id}.json").write_bytes(msgspec.json.encode(record))
    return number


def timed(verb: str, folder: str) -> tuple[float, float]:
    """Return the CPU seconds of a verb over the records in a folder, and its peak in GB."""
    command = [sys.executable, "-m", "benchbench", verb, "--results", folder]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6


if __name__ == "__main__":
    main()
