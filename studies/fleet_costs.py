"""What other machines cost: wall time of blocks here, by Slurm and by Dask; and a large fleet.

`overhead`: eight blocks of numpy on single-layer, one node, each way; CPU time of the command.
`scale`: 10,000 blocks on 1,000 nodes that are made up: submission, collection, comparison, memory.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
sys.path.append(str(TESTS))

from benchbench.measure.clock import cpu_ns, now_ns  # noqa: E402
from benchbench.run.store import read  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    overhead_options = verbs.add_parser("overhead")
    overhead_options.add_argument("--blocks", type=int, default=8)
    overhead_options.add_argument("--epochs", type=int, default=5)
    scale_options = verbs.add_parser("scale")
    scale_options.add_argument("--nodes", type=int, default=1_000)
    scale_options.add_argument("--blocks", type=int, nargs="+", default=[1_000, 10_000])
    options = parser.parse_args()
    if options.verb == "overhead":
        lines = overhead(options.blocks, options.epochs)
    else:
        lines = scale(options.nodes, options.blocks)
    for line in lines:
        print(line, flush=True)


def overhead(blocks: int, epochs: int) -> Iterator[str]:
    """Yield a table: seconds of wall and CPU time of the command, each way."""
    import cluster

    yield (
        f"{blocks} blocks of numpy on single-layer, digits, {epochs} epochs, one thread, one node; "
        f"not certified. Wall time of the whole command; CPU time of its own process.\n"
    )
    yield "| executor | wall s | s a block more than local | CPU s of the command | of wall |"
    yield "|---|---|---|---|---|"
    local, own = timed(blocks, epochs, [])
    yield f"| local | {local:.1f} | | (conducts the blocks itself) | |"
    if reason := cluster.why_no_slurm():
        yield f"| slurm | {reason} | | | |"
    else:
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            Path(folder).chmod(0o755)
            with cluster.running(cluster.Slurm, Path(folder) / "slurm") as slurm:
                path = Path(folder) / "slurm.toml"
                path.write_text('nodelist = "node1"\n')
                words = ["--executor", "slurm", "--executor-options", str(path)]
                conf = {"SLURM_CONF": slurm.environment["SLURM_CONF"]}
                wall, own = timed(blocks, epochs, words, **conf)
        yield row("slurm", wall, local, own, blocks)
    with tempfile.TemporaryDirectory() as folder:
        with cluster.running(lambda place: cluster.Dask(place, workers=1), Path(folder)) as dask:
            words = ["--executor", "dask", "--executor-options", dask.address]
            wall, own = timed(blocks, epochs, words)
        yield row("dask", wall, local, own, blocks)


def row(name: str, wall: float, local: float, own: float, blocks: int) -> str:
    more = (wall - local) / blocks
    return f"| {name} | {wall:.1f} | {more:.2f} | {own:.2f} | {own / wall:.1%} |"


def timed(
    blocks: int, epochs: int, words: Sequence[str], **environment: str
) -> tuple[float, float]:
    """Run the command; return its seconds of wall time, and of CPU time of its own process."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as results:
        command = [
            *(sys.executable, "-m", "benchbench", "run", "--backend", "numpy"),
            *("--model", "single-layer", "--dataset", "digits", "--threads", "1", "--no-certify"),
            *("--blocks", str(blocks), "--epochs", str(epochs), "--results", results, *words),
        ]
        started = now_ns()
        process = subprocess.Popen(
            command,
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = (now_ns() - started) / 1e9
        assert status == 0, said.decode()
        assert len(read(Path(results))[0]) == blocks
    return wall, usage.ru_utime + usage.ru_stime


def scale(nodes: int, counts: Sequence[int]) -> Iterator[str]:
    """Yield a table: CPU time and memory of a session on made-up nodes, a process a row."""
    yield (
        f"Two cells a block on {nodes:,} made-up nodes; records are made up and saved one by one, "
        f"as nodes do, into memory. Seconds are of CPU time, peak memory is that of the whole "
        f"process.\n"
    )
    yield (
        "| blocks | records | submit and collect s | of it making records s | status s | "
        "compare s | peak GB |"
    )
    yield "|---|---|---|---|---|---|---|"
    for count in counts:
        done = subprocess.run(
            [sys.executable, __file__, "scale-one", str(nodes), str(count)],
            capture_output=True,
            text=True,
            check=True,
        )
        yield done.stdout.strip()


def scale_one(nodes: int, blocks: int) -> str:
    """Hold one session of made-up blocks; return its row of the table."""
    import msgspec
    from fake_engine import FakeEngine
    from stage import make_plan, make_session

    from benchbench.compare.comparison import compare
    from benchbench.compare.contrast import Question
    from benchbench.experiments import session_status
    from benchbench.experiments.fleet.executor import FleetExecutor
    from benchbench.experiments.listener import Silent
    from benchbench.experiments.saved_plan import save_plan
    from benchbench.experiments.units import Unit
    from benchbench.run.store import Store

    class Timed(FakeEngine):
        spent = 0.0

        def _finish(self, order, node):  # type: ignore[no-untyped-def]
            started = cpu_ns()
            state = super()._finish(order, node)
            self.spent += (cpu_ns() - started) / 1e9
            return state

    # In memory, where there is such a place: a thousand nodes do not wait for one disk.
    memory = Path("/dev") / "shm"
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        store = Store(Path(folder))
        store.prepare()
        session = msgspec.structs.replace(make_session("numpy", "torch"), threads=0)
        plan = make_plan(session, blocks=blocks, executor="fake")
        save_plan(store, plan)
        engine = Timed(nodes=tuple(f"n{number:04d}" for number in range(nodes)))
        fleet = FleetExecutor(engine, "the fake engine", sleep=lambda _: None)
        units = [Unit(number, (), session.cells) for number in range(blocks)]
        times = [cpu_ns()]
        records = list(fleet.run_units(plan, units, store, Silent()))
        times.append(cpu_ns())
        session_status.find_executor = lambda *_: fleet  # type: ignore[assignment]
        assert session_status.status(session.session_id, store).count("done") == blocks
        times.append(cpu_ns())
        compare(records, Question(), certified=False)
        times.append(cpu_ns())
    seconds = [(after - before) / 1e9 for before, after in itertools.pairwise(times)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return (
        f"| {blocks:,} | {len(records):,} | {seconds[0]:.1f} | {engine.spent:.1f} | "
        f"{seconds[1]:.1f} | {seconds[2]:.1f} | {peak:.2f} |"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["scale-one"]:
        print(scale_one(int(sys.argv[2]), int(sys.argv[3])))
    else:
        main()
