"""A plugin in git for the gate, in several states, and the command over its repository."""

from __future__ import annotations

import dataclasses
from pathlib import Path

# It trains nothing, like the misfits. The seconds of its epochs are made up, where the clock writes
# them down: so no verdict hangs on how busy this machine is. The conductor does not compare them
# with its own.
PLUGIN = """
from benchbench import BackendInfo, hookimpl
from benchbench.measure import clock
from benchbench.records import EpochRecord
from misfits import MisfitBackend, NullTrainer

clock.EpochRecord = lambda **fields: EpochRecord(**fields | {"train_seconds": seconds()})

def seconds():
    return 0.1

class Sleeper(NullTrainer):
    def epoch(self):
        super().epoch()

@hookimpl
def benchbench_backends():
    return [BackendInfo("sleeper", (), lambda: MisfitBackend(Sleeper))]
"""
SLOWER = PLUGIN.replace("return 0.1", "return 0.1 * 4 / 3")
FASTER = PLUGIN.replace("return 0.1", "return 0.1 / 2")

# It trains what the reference trains, so that it can be certified.
CERTIFIABLE = """
from benchbench import BackendInfo, hookimpl

def create():
    from benchbench.plugins.registry import load_registry
    return load_registry().backend("numpy").create()

@hookimpl
def benchbench_backends():
    return [BackendInfo("sleeper", (), create)]
"""


@dataclasses.dataclass
class Gate:
    """The command in a repository whose plugin is imported from its folder `src`."""

    repository: object
    command: object

    def __call__(self, *arguments: str, certify: bool = False, **options):
        return self.command(*self.words(*arguments, certify=certify), **self.options(options))

    def words(self, *arguments: str, certify: bool = False) -> list[str]:
        against = () if "--against" in arguments else ("--against", "main")
        return [
            *("gate", *against, "--dataset", str(self.command.dataset), "--threads", "1"),
            *("--results", str(self.command.results), "--blocks", "3", "--max-blocks", "3"),
            *("--epochs", "6", *(() if certify else ("--no-certify",)), *arguments),
        ]

    def options(self, more):
        return {"cwd": self.repository.root} | more

    def plant(self, code: str) -> None:
        """Change the plugin, without a commit."""
        self.repository.write("src/plugin.py", code)

    def leaves_nothing(self) -> bool:
        temporary = Path(self.command.environment["TMPDIR"])
        return len(self.repository.worktrees()) == 1 and not list(temporary.glob("benchbench-*/*"))


def last(stdout: str) -> str:
    return stdout.strip().splitlines()[-1]
