"""Try to lose a run: `python studies/soak.py --faults 200 --minutes 20 --seed 1`

Each trial is a `benchbench run` of one innocent backend beside backends that misbehave, with faults
of the command and of the records' folder, drawn and combined from the seed. After it no finished
run may be lost, no run with a fault be `ok`, no process be left after five seconds; the command may
not hang, nor end with a traceback. stdout gets a Markdown summary; exit code 1 where anything did
not hold. `--only 17` repeats the trial of that number and keeps its folder.

As root it also fills file systems and makes them read-only; else those two are not drawn.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import soaker
from soak_faults import GUILTY, PLANTED, PLUGINS, draw
from soaker import Place, Run, Trial


@dataclass(frozen=True)
class Outcome:
    trial: Trial
    code: int
    wrong: tuple[str, ...]


def attempt(trial: Trial, home: Path, keep: bool) -> Outcome:
    """Make one trial in a folder of its own."""
    root = home / f"trial-{trial.number}"
    paths = [str(home / "plugins")]
    if trial.guilty:
        paths.append(str(home / _module(trial.guilty)))
    if already := os.environ.get("PYTHONPATH"):
        paths.append(already)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "TMPDIR": str(root / "refuge"),
        "BENCHBENCH_CACHE": str(home / "cache"),
        "SOAK_BEGAN": datetime.now(UTC).isoformat(),
        soaker.MARK: f"{os.getpid()}-{trial.number}",
    }
    place = Place(root, environment)
    size = "24k" if "folder: full" in trial.faults else "8m"
    if size == "24k" or (trial.strike and trial.strike.what == "read-only"):
        mount = ["/bin/mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place.results)]
        subprocess.run(mount, check=True)
        place.runs.mkdir()
    for name in trial.planted:
        PLANTED[name](place.runs / f"{name.replace(' ', '-')}.json")
    try:
        run = Run(trial, place)
        code = run.finish()
        wrong = list(soaker.violations(run, code))
        if trial.planted or trial.number % 5 == 0:
            wrong += soaker.reading_violations(run)
        if keep:
            print(" ".join(run.words), place.told(), sep="\n", file=sys.stderr)
    finally:
        if not keep:
            soaker.clear(place)
    return Outcome(trial, code, tuple(wrong))


def install_plugins(home: Path) -> None:
    """Install the plugins of the trials, those that cannot be imported in a folder each."""
    for file in PLUGINS:
        _install(home / "plugins", file.stem, file.read_text())
    for what, code in GUILTY.items():
        _install(home / _module(what), _module(what), code)


def _module(what: str) -> str:
    return what.replace(" ", "_")


def _install(site: Path, name: str, code: str) -> None:
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (site / f"{name}.py").write_text(code)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[benchbench]\n{name} = {name}\n")


def summary(outcomes: Sequence[Outcome], seed: int, seconds: float) -> str:
    """Return the Markdown: how often each fault was drawn, and what did not hold."""
    drawn: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for outcome in outcomes:
        for fault in outcome.trial.faults:
            kind = fault.split("-in-")[0]
            drawn[kind] += 1
            wrong[kind] += bool(outcome.wrong)
    bad = [outcome for outcome in outcomes if outcome.wrong]
    lines = [
        f"Seed {seed}: {drawn.total()} faults in {len(outcomes)} commands, {seconds / 60:.0f} "
        f"minutes. Commands after which something did not hold: {len(bad)}.",
        "",
        "| fault | drawn | with a violation |",
        "|---|---|---|",
        *(f"| {_cell(kind)} | {drawn[kind]} | {wrong[kind]} |" for kind in sorted(drawn)),
    ]
    for outcome in bad:
        lines += ["", f"Trial {outcome.trial.number} ({'; '.join(outcome.trial.faults)}):", ""]
        lines += [f"- {one}" for one in outcome.wrong]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("<", "&lt;").replace(">", "&gt;").replace("&-", "&amp;-")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=200, help="until so many were drawn")
    parser.add_argument("--minutes", type=float, default=20.0, help="no trial begins after them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=2, help="so many commands side by side")
    parser.add_argument("--only", type=int, metavar="N", help="repeat one trial, keep its folder")
    options = parser.parse_args()
    # Started in the background it would ignore these, with all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    started = time.monotonic()
    trials, count = [], 0
    while count < options.faults:
        trials.append(draw(len(trials), options.seed))
        count += len(trials[-1].faults)

    def tried(trial: Trial) -> Outcome | None:
        if time.monotonic() - started > options.minutes * 60:
            return None
        outcome = attempt(trial, home, keep=False)
        wrong = f" VIOLATES: {'; '.join(outcome.wrong)}" if outcome.wrong else ""
        told = f"{trial.number}: exit code {outcome.code}: {', '.join(trial.faults)}{wrong}"
        print(told, file=sys.stderr, flush=True)
        return outcome

    if options.only is not None:
        home = Path(tempfile.mkdtemp(prefix="benchbench-soak-"))
        install_plugins(home)
        outcome = attempt(draw(options.only, options.seed), home, keep=True)
        print(summary([outcome], options.seed, time.monotonic() - started))
        return bool(outcome.wrong)
    with tempfile.TemporaryDirectory(prefix="benchbench-soak-") as folder:
        home = Path(folder)
        install_plugins(home)
        with ThreadPoolExecutor(options.at_once) as pool:
            outcomes = [outcome for outcome in pool.map(tried, trials) if outcome]
    print(summary(outcomes, options.seed, time.monotonic() - started))
    return int(any(outcome.wrong for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
