"""Does the gate find what it should? `python studies/gating.py --results DIR --times 10`

In a throw-away clone of this repository's HEAD, one after the other and so many times each:

- planted: a `time.sleep` in a backend's idiomatic loop that adds a tenth to what its steps take
  undisturbed (one sleep in ten steps, as long as a step), as an uncommitted change; the gate should
  fail, and say SLOWER;
- unchanged: the clone as it is; the gate should pass.

Every gate's JSON goes into the folder, with all records. What is there already is not run again, so
that a proof that was interrupted goes on. No figure here is asserted; docs quote the table.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchbench.measure.clock import now_ns
from benchbench.records import RunRecord
from benchbench.run.store import read

ROOT = Path(__file__).parents[1]
# A sleep takes some 60 µs more than asked for, a tenth of a small step; so it comes rarely.
STEPS_A_SLEEP = 10
# For each backend the file of its loop, and the line in it that takes a step.
LOOPS = {
    "torch": (Path("backends/benchbench_torch/idiomatic.py"), "self._optimizer.step()"),
    "numpy": (
        Path("backends/benchbench_numpy/trainer.py"),
        "adam.update(network.parameters, network.gradient)",
    ),
}
HEADERS = ("tree", "gates", "passed", "verdicts", "confirmed", "ratio, median (range)", "seconds")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--backend", default="torch", choices=LOOPS)
    parser.add_argument("--model", default="single-layer")
    parser.add_argument("--slowdown", type=float, default=0.10)
    parser.add_argument("options", nargs="*", help="Options of the gate, after --.")
    options = parser.parse_args()
    results = options.results.resolve()
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchbench-") as folder:
        clone = Clone(Path(folder) / "clone", options.backend, options.model)
        for number in range(options.times):
            for kind in ("planted", "unchanged"):
                if number < len(told_before(results, kind)):
                    continue
                nap = clone.plant(options.slowdown) if kind == "planted" else clone.restore()
                told = clone.gate(results, options.options) | {"sleep_seconds": nap}
                with gates_of(results, kind).open("a") as file:
                    file.write(f"{json.dumps(told)}\n")
                verdict = "PASS" if told["passed"] else "FAIL"
                print(f"{kind} {number}: {verdict}", file=sys.stderr)
    print(table(results))


class Clone:
    """A clone to be damaged, and the command that imports from it."""

    def __init__(self, folder: Path, backend: str, model: str) -> None:
        command = ["git", "clone", "--quiet", "--shared", str(ROOT), str(folder)]
        subprocess.run(command, check=True)
        loop, self._step = LOOPS[backend]
        self._folder = folder
        self._loop = folder / loop
        self._code = self._loop.read_text()
        self._fastest = math.inf
        self._cell = ("--backend", backend, "--division", "idiomatic", "--model", model)

    def restore(self) -> float:
        """Take the sleep out; return 0."""
        self._loop.write_text(self._code)
        return 0.0

    def plant(self, slowdown: float) -> float:
        """Plant a sleep of this fraction of the steps; return the seconds that are asked for."""
        self.restore()
        wanted = slowdown * STEPS_A_SLEEP * self._step_seconds()
        nap = 2 * wanted - _sleep_seconds(wanted)
        if nap <= 0:
            sys.exit(f"a sleep takes longer than {wanted * 1e6:.0f} µs: take a larger model")
        before, line, after = self._code.partition(f"{self._step}\n")
        assert line, f"{self._loop} has changed: where does it take its step?"
        indent = before.rpartition("\n")[2]
        sleep = f"{indent}if next(_STEPS) % {STEPS_A_SLEEP} == 0:\n"
        sleep += f"{indent}    __import__('time').sleep({nap!r})\n"
        counter = "\n\n_STEPS = __import__('itertools').count()\n"
        self._loop.write_text(f"{before}{line}{sleep}{after}{counter}")
        return nap

    def gate(self, results: Path, options: list[str]) -> dict[str, Any]:
        """Run the gate against the clone's HEAD and return what it says, and what it took."""
        started = now_ns()
        words = ["gate", "--against", "HEAD", *self._cell, "--results", str(results), "--json"]
        done = self._benchbench(*words, *options)
        if not done.stdout:
            sys.exit(f"the gate said nothing and exited with {done.returncode}")
        told: dict[str, Any] = json.loads(done.stdout)
        return told | {"exit_code": done.returncode, "seconds": (now_ns() - started) / 1e9}

    def _step_seconds(self) -> float:
        """Return what a step takes when the machine is at its best, as seen by now.

        Measured until the middle epoch of a run is near the fastest ever: beside another job an
        epoch takes ten times as long, and a sleep calibrated by it would be no tenth.
        """
        while True:
            with tempfile.TemporaryDirectory() as folder:
                words = ["run", *self._cell, "--epochs", "9", "--no-certify", "--results", folder]
                self._benchbench(*words)
                (record,) = read(Path(folder))[0]
            seconds = [epoch.train_seconds for epoch in record.epochs[1:]]
            self._fastest = min(self._fastest, *seconds)
            if statistics.median(seconds) <= 1.2 * self._fastest:
                return self._fastest / _steps(record)
            print("the machine is busy: the step is measured again", file=sys.stderr)

    def _benchbench(self, *words: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(str(self._folder / one) for one in (".", "backends"))
        return subprocess.run(
            [sys.executable, "-m", "benchbench", *words],
            cwd=self._folder,
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )


def _steps(record: RunRecord) -> int:
    assert record.train_image_count is not None, record.error
    return -(-record.train_image_count // record.protocol.batch_size)


def _sleep_seconds(asked: float, count: int = 500) -> float:
    """Return what a sleep takes when so much is asked for, the mean of so many."""
    started = now_ns()
    for _ in range(count):
        time.sleep(asked)
    return (now_ns() - started) / 1e9 / count


def gates_of(results: Path, kind: str) -> Path:
    """Return the file of what gates said, a line each."""
    return results / f"{kind}.jsonl"


def told_before(results: Path, kind: str) -> list[dict[str, Any]]:
    """Return what the gates of this kind have said so far."""
    path = gates_of(results, kind)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(results: Path) -> str:
    """Return how the gates in the folder came out, as Markdown."""
    lines = [f"| {' | '.join(HEADERS)} |", f"|{'---|' * len(HEADERS)}"]
    for kind in ("planted", "unchanged"):
        told = told_before(results, kind)
        rows = [row for one in told for row in one["rows"]]
        firsts = [row["first"]["contrast"] for row in rows if row["first"]]
        seconds = [row["second"]["contrast"] for row in rows if row["second"]]
        verdicts = Counter(first["verdict"] for first in firsts)
        ratios = [first["steady"]["ratio"] for first in firsts] or [float("nan")]
        cells = (
            kind,
            str(len(told)),
            str(sum(one["passed"] for one in told)),
            ", ".join(f"{count} {name}" for name, count in verdicts.most_common()),
            str(sum(second["verdict"] == "SLOWER" for second in seconds)),
            f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})",
            f"{statistics.median([one['seconds'] for one in told] or [0.0]):.0f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
