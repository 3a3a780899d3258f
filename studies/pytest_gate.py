"""What does the gate of `epoch_benchmark` find? `python studies/pytest_gate.py --records DIR`

Takes recorded runs of one backend on one machine, in the order in which they ran, each for a run of
a benchmark: the median steady epoch over the median calibration. Lets the gate judge each by the
runs before it, as pytest does with `--benchmark-compare`: saved are so many, the baseline is the
last of them. Prints how often it fails where nothing changed, where the code grew slower by what is
allowed, and by more; what it says it can tell apart; and, beside it, a gate at the plain ratio.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np

from benchbench.pytest_plugin.judgement import RatioGate
from benchbench.pytest_plugin.measurement import EpochMeasurement
from benchbench.pytest_plugin.saved_runs import SavedRun
from benchbench.records import RunRecord
from benchbench.run.store import read

ALLOWED = 0.10
GROWTHS = (0.0, 0.10, 0.20, 0.30, 0.50)
SAVED = (4, 6, 10, 20)
TEST = "the test"


def ratios(folder: Path) -> list[list[float]]:
    """Return the ratios to the calibration, by backend, model and copy, in the order of time.

    A run a block of a cell that is not slowed down.
    """
    found: dict[tuple[object, ...], list[RunRecord]] = defaultdict(list)
    for run in read(folder)[0]:
        if run.status == "ok" and not (run.variant and run.variant.slowdown):
            label = run.variant.label.partition(" ")[0] if run.variant else ""
            found[run.backend, run.division, run.model, label].append(run)
    series = []
    for runs in found.values():
        runs.sort(key=lambda run: run.started)
        series.append([one for run in runs if (one := _ratio(run)) is not None])
    return [one for one in series if len(one) > max(SAVED)]


def _ratio(run: RunRecord) -> float | None:
    calibrations = [
        epoch.machine.calibration_seconds
        for epoch in run.epochs[1:]
        if epoch.machine and epoch.machine.calibration_seconds
    ]
    if not calibrations:
        return None
    seconds = statistics.median(epoch.train_seconds for epoch in run.epochs[1:])
    return seconds / statistics.median(calibrations)


def measured(ratio: float) -> EpochMeasurement:
    words = dict.fromkeys(("benchbench_version", "backend", "division", "device", "model"), "")
    counts = dict.fromkeys(("batch_size", "steps", "threads", "seed"), 1)
    return EpochMeasurement(
        **words,
        **counts,
        spec_sha256="",
        samples_per_second=1.0,
        calibration_seconds=(1.0,),
        ratio_to_calibration=ratio,
        settings={},
        versions={},
        environment={},
    )


def fails(series: Sequence[float], saved: int, growth: float) -> list[bool]:
    """Return for each run whether the gate fails it, by the `saved` runs before it."""
    found = []
    for place in range(saved, len(series)):
        before = [measured(one) for one in series[place - saved : place]]
        gate = RatioGate(ALLOWED, [SavedRun(str(n), {TEST: one}) for n, one in enumerate(before)])
        now = msgspec.structs.replace(before[-1], ratio_to_calibration=series[place] * (1 + growth))
        found.append(not gate.allows(TEST, before[-1], now))
    return found


def plain(series: Sequence[float], growth: float) -> list[bool]:
    """Return for each run whether its ratio alone is above what is allowed."""
    return [now * (1 + growth) / then > 1 + ALLOWED for then, now in pairwise(series)]


def told_apart(series: Sequence[float], saved: int) -> list[float]:
    found = []
    for place in range(saved, len(series)):
        before = [measured(one) for one in series[place - saved : place]]
        gate = RatioGate(ALLOWED, [SavedRun(str(n), {TEST: one}) for n, one in enumerate(before)])
        gate.allows(TEST, before[-1], before[-1])
        list(gate.objections(1))
        found.append(gate.told_apart[0])
    return found


def normal(sd: float, count: int, seed: int) -> list[float]:
    random = np.random.default_rng(seed)
    return np.exp(random.normal(0, sd, count)).tolist()


def _share(
    all_series: Sequence[Sequence[float]], failed: Callable[[Sequence[float]], list[bool]]
) -> str:
    return f"{100 * np.mean([one for series in all_series for one in failed(series)]):.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=Path, required=True, action="append")
    options = parser.parse_args()
    sources = {folder.name: ratios(folder) for folder in options.records}
    sources["normal, 5 %"] = [normal(0.05, 4000, 0)]
    print(
        "| runs | count | one after another differ by | saved | fails: nothing changed | grown by "
        + " | ".join(f"{100 * one:g} %" for one in GROWTHS[1:])
        + " | tells apart, beyond what is allowed |"
    )
    print("|---" * (6 + len(GROWTHS)) + "|")
    for name, all_series in sources.items():
        steps = np.concatenate([np.diff(np.log(one)) for one in all_series])
        start = f"| {name} | {sum(map(len, all_series))} | {100 * np.sqrt((steps**2).mean()):.1f} %"
        for saved in SAVED:
            cells = [_share(all_series, partial(fails, saved=saved, growth=one)) for one in GROWTHS]
            apart = np.median([one for s in all_series for one in told_apart(s, saved)])
            print(f"{start} | {saved} | {' | '.join(cells)} | {100 * apart:.0f} % |")
        cells = [_share(all_series, partial(plain, growth=one)) for one in GROWTHS]
        print(f"{start} | plain ratio | {' | '.join(cells)} | |")


if __name__ == "__main__":
    main()
