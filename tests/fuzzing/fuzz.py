"""Certify backends on random small specs: `python tests/fuzzing/fuzz.py --backend all`

Each division of a backend is fuzzed in a process of its own, in the environment of a worker: Keras
takes its engine from there. A spec that breaks is shrunk to the smallest that breaks at the same
rung, and stays as a file for `benchbench certify --model FILE`; the command and what the break
looks like go to stderr. stdout gets a Markdown table, a row a division. Exit code 1 where anything
broke.
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

from fuzzer import HEADERS, Cell, Fuzzer

from benchbench.certify.reference import REFERENCE
from benchbench.cli.names import DivisionChoice
from benchbench.cli.selection import find_backends
from benchbench.errors import BenchbenchError, UsageError
from benchbench.plugins.registry import load_registry
from benchbench.run.environment import worker_environment


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="all", help="a backend; default: all installed")
    parser.add_argument("--division", type=DivisionChoice, default=DivisionChoice.ALL)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--specs", type=int, default=200, help="so many a division")
    parser.add_argument("--seed", type=int, help="of what is drawn; default: another every time")
    parser.add_argument("--into", type=Path, default=Path("fuzzed"), help="where breaks are kept")
    parser.add_argument("--at-once", type=int, default=1, help="so many processes side by side")
    parser.add_argument("--here", action="store_true", help="in this process, with no header")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = secrets.randbelow(2**31)
    try:
        cells = cells_of(options)
        if options.here:
            logging.disable(logging.WARNING)  # TensorFlow's, of so many models
            return max(Fuzzer(cell).fuzz(options.specs, options.seed) for cell in cells)
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
        if options.division in {DivisionChoice.ALL, division}
    ]
    if not cells:
        raise UsageError(f"there is no division '{options.division}' of {options.backend} to fuzz")
    return cells


def fuzz_apart(cell: Cell, options: argparse.Namespace) -> int:
    """Fuzz one cell in a process of its own; return its exit code, 1 where it died."""
    words = [
        *(sys.executable, __file__, "--here", "--backend", cell.backend),
        *("--division", cell.division, "--device", cell.device, "--into", str(cell.folder)),
        *("--specs", str(options.specs), "--seed", str(options.seed)),
    ]
    info = load_registry().backend(cell.backend)
    with tempfile.TemporaryDirectory(prefix="benchbench-fuzzing-") as home:
        environment = worker_environment(os.environ, info=info, threads=1, home=Path(home)) | {
            # Most of JAX's time is compiling the same few programs for one trainer after another.
            "JAX_COMPILATION_CACHE_DIR": f"{home}/jax",
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        code = subprocess.run(words, env=environment, check=False).returncode
    if code >= 0:
        return code
    print(
        f"{cell.backend} {cell.division}: its process was killed by signal {-code} at the spec in "
        f"{cell.model_file} and {cell.protocol_file}",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
