"""What does benchbench cost? `python studies/measuring_costs.py --results DIR`

Runs each framework's idiomatic division beside a bare script with a stopwatch (`stopwatch.py`), the
two taking turns epoch by epoch in one session, and prints two ratios, median and quartiles:

- side by side: benchbench's reading of the idiomatic epoch over the stopwatch's of the bare one;
- the same epoch: benchbench's reading of the bare epoch over the stopwatch's, which the machine's
  noise cannot touch.

With --jax it compares benchbench's tuned division of JAX with a jitted loop by hand, with optax:
the first ratio is at most 1 where what is written by hand is no faster.

Beside them runs a backend that does nothing: what the clock reads of its epochs is the cost of
measuring. The records stay in the folder. No figure here is asserted; docs quote them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchbench.records import RunRecord
from benchbench.run.store import read

MODELS = ("single-layer", "two-layer", "simple-cnn", "deeper-cnn")
HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--jax", action="store_true", help="the tuned division of JAX alone")
    options = parser.parse_args()
    if options.jax:
        print(
            "| model | tuned over by hand, side by side | by hand, the same epoch |\n|---|---|---|"
        )
        for model in options.model or MODELS:
            runs = measure(model, options.epochs, options.results, names=("jax", "bare-jax"))
            bare = runs["bare-jax"]
            print(f"| {model} | {ratio(runs['jax'], bare)} | {ratio(bare, bare)} |", flush=True)
        return
    print("| model | framework | side by side | the same epoch | an empty epoch |")
    print("|---|---|---|---|---|")
    for model in options.model or MODELS:
        runs = measure(model, options.epochs, options.results)
        empty = statistics.median(epoch.train_seconds for epoch in runs["nothing"].epochs)
        for name in ("torch", "keras"):
            bare = runs[f"bare-{name}"]
            ratios = f"{ratio(runs[name], bare)} | {ratio(bare, bare)}"
            print(f"| {model} | {name} | {ratios} | {empty * 1e6:.0f} µs |", flush=True)


ALL = ("torch", "bare-torch", "keras", "bare-keras", "nothing")


def measure(
    model: str, epochs: int, results: Path, names: Sequence[str] = ALL
) -> dict[str, RunRecord]:
    """Run the backends in one session; return their records by name, JAX's tuned ones."""
    division = "tuned" if "jax" in names else "idiomatic"
    with tempfile.TemporaryDirectory() as site:
        info = Path(site) / "stopwatch-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stopwatch\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[benchbench]\nstopwatch = stopwatch\n")
        command = [
            *(sys.executable, "-m", "benchbench", "run"),
            *(word for name in names for word in ("--backend", name)),
            *("--model", model, "--no-certify", "--dataset", "mnist", "--epochs", str(epochs)),
            *("--division", division, "--results", str(results)),
        ]
        subprocess.run(
            command,
            env=os.environ | {"PYTHONPATH": os.pathsep.join((site, str(HERE)))},
            stdout=subprocess.DEVNULL,
            check=False,  # the bare scripts fail the checks: they hand no weights over
        )
    return {
        record.backend: record
        for record in read(results)[0]
        if record.model == model and record.division == division
    }


def ratio(measured: RunRecord, bare: RunRecord) -> str:
    """Return benchbench's reading over the script's own, of epochs 2 and on, round by round."""
    ratios = [
        epoch.train_seconds / float(bare.settings[f"epoch {number} seconds"])
        for number, epoch in enumerate(measured.epochs, 1)
        if number > 1
    ]
    low, median, high = statistics.quantiles(ratios, n=4)
    return f"{median:.4f} ({low:.4f} to {high:.4f})"


if __name__ == "__main__":
    main()
