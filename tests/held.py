"""A command whose blocks wait until a test lets them go, and what a test waits for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def wait_for(condition, otherwise="it did not come to that", seconds=180.0):
    """Return what a condition comes to that is looked at again and again."""
    for _ in range(int(seconds / 0.1)):
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(otherwise)


class Held:
    """A command whose blocks wait in their first epoch until they are let go: backend `held`."""

    def __init__(self, command, folder: Path, *words: str, blocks: int) -> None:
        self._sessions = command.results / "sessions"
        self._held = folder / "held"
        self._held.mkdir()
        self._said = folder / "said"
        command.environment["HELD_AT"] = str(self._held)
        with self._said.open("wb") as errors:
            self.process = command.start(
                *("run", "--backend", "held", "--model", "single-layer", "--blocks", str(blocks)),
                *("--epochs", "2", "--threads", "1", "--dataset", str(command.dataset)),
                *("--no-certify", "--results", str(command.results), *words),
                stderr=errors,
            )

    def worker(self) -> int:
        """Wait until a block is held in its epoch; return the id of the process that trains."""
        wait_for(lambda: any(self._held.iterdir()) or self.process.poll() is not None)
        (held,) = self._held.iterdir()
        return int(held.name)

    def node(self) -> str:
        """Wait until a block is held in its epoch; return its node, which says that it began."""
        self.worker()
        (begun,) = self._sessions.glob("*/*.begun.json")
        return json.loads(begun.read_text())["node"]

    def let_go(self) -> None:
        """Let every block go on, those too that begin later."""
        (self._held / "go").touch()

    @property
    def said(self) -> str:
        """What the command has printed as errors and progress so far."""
        return self._said.read_text()

    def end(self) -> str:
        """Let all go on, wait for the command; return what it printed."""
        self.let_go()
        self.process.communicate(timeout=400)
        return self.said


@contextmanager
def tracked(command) -> Iterator[None]:
    """End the commands that a test has started and not waited for."""
    started, start = [], command.start

    def start_tracked(*arguments, **options):
        started.append(start(*arguments, **options))
        return started[-1]

    command.start = start_tracked
    try:
        yield
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.wait()
