"""A real Slurm of two one-core nodes on this machine, and a real Dask of two workers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import packages
import psutil
from held import wait_for

NEEDED = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "runuser")
NODES = ("node1", "node2")
CONF = """\
ClusterName=bench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdSpoolDir={folder}/spool-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2
ReturnToService=2
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
SlurmdTimeout=10
MinJobAge=300
KillWait=5
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 Port={first} CPUs=1 RealMemory=1000
NodeName=node2 NodeHostname={host} NodeAddr=127.0.0.1 Port={second} CPUs=1 RealMemory=1000
PartitionName=bench Nodes=node1,node2 Default=YES OverSubscribe=EXCLUSIVE MaxTime=60 PriorityTier=1
PartitionName=urgent Nodes=node1,node2 OverSubscribe=EXCLUSIVE PriorityTier=9
"""


def why_no_slurm() -> str | None:
    """Return why no Slurm can be started here, None if one can."""
    missing = [name for name in NEEDED if packages.which(name) is None]
    if missing:
        return f"no Slurm: {', '.join(missing)} not installed (apt install slurm-wlm munge)"
    return None if os.geteuid() == 0 else "no Slurm: starting one needs root"


class Slurm:
    """The cluster; `environment` leads Slurm's commands to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = dict(os.environ) | {"SLURM_CONF": str(folder / "slurm.conf")}
        (folder / "state").mkdir(parents=True)
        # munged wants every folder above its key to be closed to other writers.
        folder.chmod(0o755)
        self._start_munge()
        host = os.uname().nodename.partition(".")[0]
        port = 20_000 + os.getpid() % 20_000
        conf = CONF.format(folder=folder, host=host, port=port, first=port + 1, second=port + 2)
        (folder / "slurm.conf").write_text(conf)
        self.start_controller()
        for node in NODES:
            (folder / f"spool-{node}").mkdir()
            self.start_node(node)
        self.wait_until_idle()

    def start_node(self, node: str) -> None:
        self._call("slurmd", "-f", str(self.folder / "slurm.conf"), "-N", node)

    def stop_controller(self) -> None:
        """End slurmctld, as before a restart."""
        controller = psutil.Process(int((self.folder / "slurmctld.pid").read_text()))
        controller.terminate()
        controller.wait(30)

    def start_controller(self) -> None:
        self._call("slurmctld", "-f", str(self.folder / "slurm.conf"))

    def kill_node(self, node: str) -> None:
        """Kill a node's daemon and all that runs under it, as when the machine dies."""
        spool = str(self.folder / f"spool-{node}")
        daemon = psutil.Process(int((self.folder / f"slurmd-{node}.pid").read_text()))
        numbers = self.jobs_on(node)
        daemon.kill()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                line = " ".join(process.cmdline())
                step = "slurmstepd" in line and any(f"[{one}." in line for one in numbers)
                if step or spool in line:
                    for child in process.children(recursive=True):
                        child.kill()
                    process.kill()

    def jobs_on(self, node: str) -> list[str]:
        """Return the jobs that are at work on a node, by number."""
        return self.say("squeue", "-h", "-r", "-t", "R", "-w", node, "-o", "%A").split()

    def wait_until_idle(self, count: int = 2) -> None:
        wait_for(
            lambda: (
                self.say("sinfo", "-h", "-p", "bench", "-t", "idle", "-o", "%D").strip()
                == str(count)
            ),
            f"the nodes do not come up: see {self.folder}",
        )

    def say(self, *words: str) -> str:
        done = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, check=False
        )
        return done.stdout

    def stop(self) -> None:
        self.say("scancel", "--user=root")
        found = []
        for name in ("slurmd-node1", "slurmd-node2", "slurmctld", "munge/munged"):
            with suppress(OSError, ValueError, psutil.Error):
                found.append(psutil.Process(int((self.folder / f"{name}.pid").read_text())))
                found[-1].terminate()
        for process in psutil.wait_procs(found, timeout=10)[1]:
            process.kill()

    def _start_munge(self) -> None:
        folder = self.folder / "munge"
        folder.mkdir(mode=0o755)
        (folder / "key").write_bytes(os.urandom(1024))
        (folder / "key").chmod(0o400)
        for path in (folder, folder / "key"):
            shutil.chown(path, "munge", "munge")
        names = {"key": "key-file", "socket": "socket", "munged.pid": "pid-file"}
        names |= {"log": "log-file", "seed": "seed-file"}
        words = [f"--{option}={folder / name}" for name, option in names.items()]
        self._call("runuser", "-u", "munge", "--", "munged", "--force", *words)

    def _call(self, *words: str) -> None:
        subprocess.run(words, env=self.environment, check=True, capture_output=True, timeout=60)


class Dask:
    """A scheduler and two workers, as processes on loopback."""

    def __init__(self, folder: Path, *, workers: int = 2, environments=None) -> None:
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        file = folder / "scheduler.json"
        self._start(
            "scheduler",
            "distributed.cli.dask_scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--scheduler-file",
            str(file),
        )
        wait_for(lambda: file.exists() and file.read_text().strip().endswith("}"), "no scheduler")
        self.address = json.loads(file.read_text())["address"]
        for number in range(1, workers + 1):
            self.start_worker(f"worker{number}")
        self._wait_for(workers)

    def start_worker(self, name: str, **environment: str) -> None:
        self._start(
            name,
            "distributed.cli.dask_worker",
            self.address,
            "--nthreads",
            "1",
            "--no-nanny",
            "--name",
            name,
            "--local-directory",
            str(self._folder / name),
            environment=environment,
        )

    def kill_above(self, pid: int) -> None:
        """Kill the worker whose block this process trains for, as when its machine dies."""
        above = {one.pid for one in psutil.Process(pid).parents()}
        (worker,) = (one for one in self._processes.values() if one.pid in above)
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def _wait_for(self, workers: int) -> None:
        """Wait until the workers are there."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=180)

    def stop(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()

    def _start(self, name: str, module: str, *words: str, environment=None) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", module, *words, "--no-dashboard"],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(os.environ) | (environment or {}),
            )


@contextmanager
def running(kind: type, *arguments: object) -> Iterator:
    """Start a cluster and stop it, whatever happens."""
    cluster = kind(*arguments)
    try:
        yield cluster
    finally:
        cluster.stop()
