"""Certify backends on random small specs: `python studies/fuzz.py --backend all`

Each division of a backend is fuzzed in processes of its own, in the environment of a worker: Keras
takes its engine from there. After twenty specs comes a fresh one, which draws the same specs and
tries the next twenty. A spec that breaks is shrunk to the smallest that breaks at the same rung,
and stays as a file for `benchbench certify --model FILE`; the command and what the break looks like
go to stderr. stdout gets a Markdown table, a row a division. Exit code 1 where anything broke.
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fuzzer import Cell, Fuzzer

from benchbench.certify.reference import REFERENCE
from benchbench.errors import BenchbenchError, UsageError
from benchbench.experiments.names import ALL_DIVISIONS
from benchbench.experiments.selection import find_backends
from benchbench.measure.clock import now_ns
from benchbench.plugins.registry import load_registry
from benchbench.run.environment import worker_environment

HEADERS = (
    *("backend", "division", "device", "seed", "specs"),
    *("skipped", "no certificate", "failures", "seconds"),
)
# TensorFlow keeps 70 MB of each spec, and XLA's programs up to two thousand memory maps, of which
# the kernel grants a process 65,530.
PORTION = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="all", help="a backend; default: all installed")
    parser.add_argument("--division", default=ALL_DIVISIONS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--specs", type=int, default=200, help="so many a division")
    parser.add_argument("--seed", type=int, help="of what is drawn; default: another every time")
    parser.add_argument("--into", type=Path, default=Path("fuzzed"), help="where breaks are kept")
    parser.add_argument("--at-once", type=int, default=1, help="so many processes side by side")
    parser.add_argument(
        "--here", type=int, metavar="N", help="in this process, a portion, from spec N on"
    )
    options = parser.parse_args()
    if options.seed is None:
        options.seed = secrets.randbelow(2**31)
    try:
        cells = cells_of(options)
        if options.here is not None:
            logging.disable(logging.WARNING)  # TensorFlow's, of so many models
            portion = range(options.here, options.here + PORTION)
            return max(Fuzzer(cell).fuzz(options.specs, options.seed, portion) for cell in cells)
    except BenchbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"| {' | '.join(HEADERS)} |\n|{'---|' * len(HEADERS)}", flush=True)
    with ThreadPoolExecutor(options.at_once) as pool:
        return max(pool.map(lambda cell: fuzz_apart(cell, options), cells))


def cells_of(options: argparse.Namespace) -> list[Cell]:
    """Return the cells that are asked for; the reference is compared with nothing."""
    infos = find_backends([options.backend], load_registry())
    cells = [
        Cell(info.name, division, options.device, options.into)
        for info in infos
        if info.name != REFERENCE
        for division in info.divisions
        if options.division in {ALL_DIVISIONS, division}
    ]
    if not cells:
        raise UsageError(f"there is no division '{options.division}' of {options.backend} to fuzz")
    return cells


def fuzz_apart(cell: Cell, options: argparse.Namespace) -> int:
    """Fuzz one cell in processes of its own, to the first break; return its exit code."""
    started = now_ns()
    tried = skipped = uncertified = failures = 0
    with tempfile.TemporaryDirectory(prefix="benchbench-fuzzing-") as home:
        for first in range(0, options.specs, PORTION):
            done = fuzz_portion(cell, options, first, Path(home))
            if done.returncode < 0:
                print(
                    f"{cell.backend} {cell.division}: its process was killed by signal "
                    f"{-done.returncode} at the spec in {cell.model_file} and {cell.protocol_file}",
                    file=sys.stderr,
                )
                return 1
            if not done.stdout:
                return done.returncode
            counts = [int(word) for word in done.stdout.splitlines()[-1].split()]
            tried, skipped, uncertified = (
                total + count
                for total, count in zip((tried, skipped, uncertified), counts, strict=False)
            )
            failures = counts[3]
            if failures:
                break
    seconds = (now_ns() - started) // 10**9
    row = (
        cell.backend,
        cell.division,
        cell.device,
        options.seed,
        tried,
        skipped,
        uncertified,
        failures,
    )
    print(f"| {' | '.join(map(str, (*row, seconds)))} |", flush=True)
    return failures


def fuzz_portion(
    cell: Cell, options: argparse.Namespace, first: int, home: Path
) -> subprocess.CompletedProcess[str]:
    """Fuzz one cell in a process of its own, from the spec of this number on."""
    words = [
        *(sys.executable, __file__, "--here", str(first), "--backend", cell.backend),
        *("--division", cell.division, "--device", cell.device, "--into", str(cell.folder)),
        *("--specs", str(options.specs), "--seed", str(options.seed)),
    ]
    info = load_registry().backend(cell.backend)
    environment = worker_environment(os.environ, info=info, threads=1, home=home) | {
        # Most of JAX's time is compiling the same few programs for one trainer after another.
        "JAX_COMPILATION_CACHE_DIR": f"{home}/jax",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    return subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
