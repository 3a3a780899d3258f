"""What other machines cost: wall time of blocks here, by Slurm and by Dask; and a large fleet.

`overhead`: eight blocks of numpy on single-layer, one node, each way; CPU time of the command.
`scale`: 10,000 blocks on 1,000 nodes that are made up: submission, collection, comparison, memory.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil

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
    overhead_options.add_argument("--rounds", type=int, default=3)
    scale_options = verbs.add_parser("scale")
    scale_options.add_argument("--nodes", type=int, default=1_000)
    scale_options.add_argument("--blocks", type=int, nargs="+", default=[1_000, 10_000])
    given = parser.parse_args()
    if given.verb == "overhead":
        lines = overhead(given.blocks, given.epochs, given.rounds)
    else:
        lines = scale(given.nodes, given.blocks)
    for line in lines:
        print(line, flush=True)


@dataclass(frozen=True)
class Spent:
    """What one command took, in seconds: wall time, and CPU time of its own process.

    `blocks_wall` and `blocks_cpu` are those from the first block's beginning to the last one's end,
    0 where the command conducts the blocks itself.
    """

    wall: float
    cpu: float
    blocks_wall: float = 0.0
    blocks_cpu: float = 0.0


def overhead(blocks: int, epochs: int, rounds: int) -> Iterator[str]:
    """Yield a table: seconds of wall and CPU time of the command, each way in turn."""
    import cluster

    yield (
        f"{blocks} blocks of numpy on single-layer, digits, {epochs} epochs, one thread, one node; "
        f"not certified; {rounds} rounds, in each every executor in turn; medians, and the range "
        f"over the rounds. CPU time is that of the command's own process, while blocks run: from "
        f"the first one's beginning to the last one's end.\n"
    )
    with ExitStack() as stack:
        ways: dict[str, tuple[list[str], dict[str, str]]] = {"local": ([], {})}
        missing = cluster.why_no_slurm()
        if missing is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp")))
            folder.chmod(0o755)
            slurm = stack.enter_context(cluster.running(cluster.Slurm, folder / "slurm"))
            (folder / "slurm.toml").write_text('nodelist = "node1"\n')
            conf = {"SLURM_CONF": slurm.environment["SLURM_CONF"]}
            ways["slurm"] = (options("slurm", str(folder / "slurm.toml")), conf)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        dask = stack.enter_context(
            cluster.running(lambda place: cluster.Dask(place, workers=1), folder)
        )
        ways["dask"] = (options("dask", dask.address), {})
        spent: dict[str, list[Spent]] = {name: [] for name in ways}
        for number in range(rounds):
            for name, (words, environment) in ways.items():
                spent[name].append(timed(blocks, epochs, words, **environment))
                said = f"round {number + 1}: {name}: {spent[name][-1]}"
                print(said, file=sys.stderr, flush=True)
    yield (
        "| executor | wall s | s a block more than local | CPU s while blocks run | of that time |"
    )
    yield "|---|---|---|---|---|"
    yield f"| local | {middle([one.wall for one in spent['local']])} | | | |"
    for name in [one for one in ways if one != "local"]:
        pairs = zip(spent[name], spent["local"], strict=True)
        more = [(one.wall - local.wall) / blocks for one, local in pairs]
        shares = [100 * one.blocks_cpu / one.blocks_wall for one in spent[name]]
        walls, cpus = (
            [getattr(one, kind) for one in spent[name]] for kind in ("wall", "blocks_cpu")
        )
        yield f"| {name} | {middle(walls)} | {middle(more)} | {middle(cpus)} | {middle(shares)} % |"
    if missing:
        yield f"| slurm | {missing} | | | |"


def options(executor: str, given: str) -> list[str]:
    return ["--executor", executor, "--executor-options", given]


def middle(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def timed(blocks: int, epochs: int, words: Sequence[str], **environment: str) -> Spent:
    """Run the command; return what it took."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as results:
        command = [
            *(sys.executable, "-m", "benchbench", "run", "--backend", "numpy"),
            *("--model", "single-layer", "--dataset", "digits", "--threads", "1", "--no-certify"),
            *("--blocks", str(blocks), "--epochs", str(epochs), "--results", results, *words),
        ]
        started = now_ns()
        process = psutil.Popen(
            command,
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        said, looks = [], []
        for line in process.stderr:
            said.append(line)
            if " running on " in line or " done on " in line:
                times = process.cpu_times()
                looks.append((now_ns() / 1e9, times.user + times.system))
        _, status, usage = os.wait4(process.pid, 0)
        wall = (now_ns() - started) / 1e9
        assert status == 0, "".join(said)
        assert len(read(Path(results))[0]) == blocks
    cpu = usage.ru_utime + usage.ru_stime
    if not looks:
        return Spent(wall, cpu)
    return Spent(wall, cpu, looks[-1][0] - looks[0][0], looks[-1][1] - looks[0][1])


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
