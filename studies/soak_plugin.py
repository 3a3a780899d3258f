"""Backends that misbehave at a chosen place, for `soak.py`, which installs this as a plugin.

A name is `ACTION-in-PLACE`. The trainer is the `null` of `tests/misfits.py`, which does nothing and
does it right; it does the action once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

from misfits import MisfitBackend, NullTrainer

from benchbench import BackendInfo, hookimpl

PLACES = ("create", "trainer", "fit", "evaluate", "predict", "settings")
TRUE_NS = time.perf_counter_ns


def die(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(300)


def hang() -> None:
    while True:
        time.sleep(1)


def spin() -> None:
    while True:
        pass


def throw(error: BaseException) -> None:
    raise error


def sleep_apart() -> None:
    """Start sleepers: a child, one in a session of its own, and an orphan in another."""
    for command in ("exec sleep 300", "exec setsid sleep 300", "(setsid sleep 300 &) ; exit 0"):
        subprocess.Popen(["/bin/sh", "-c", f"trap '' TERM INT HUP; {command}"])


def write_everywhere(line: bytes) -> None:
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, line)
        except OSError:
            continue


def flood() -> None:
    for _ in range(60):
        os.write(2, b"all work and no play\n" * 50_000)


def halve_the_clock() -> None:
    began = TRUE_NS()
    time.perf_counter_ns = lambda: began + (TRUE_NS() - began) // 2
    time.perf_counter = lambda: time.perf_counter_ns() / 1e9


ACTIONS: dict[str, Callable[[], Any]] = {
    **{f"signal-{number}": partial(die, number) for number in (6, 9, 11, 15, 40)},
    "stops": partial(die, signal.SIGSTOP),
    "exits-0": partial(os._exit, 0),
    "exits-7": partial(os._exit, 7),
    "exits-in-python": partial(sys.exit, 0),
    "interrupts": partial(throw, KeyboardInterrupt()),
    "raises": partial(throw, RuntimeError("the sky fell \udce2\x1b[2J\u202e")),
    "no-memory": partial(throw, MemoryError()),
    "kills-its-group": partial(os.killpg, 0, signal.SIGKILL),
    "hangs": hang,
    "spins": spin,
    "goes-on-twice": os.fork,
    "closes-descriptors": partial(os.closerange, 3, 64),
    "writes-a-line": partial(write_everywhere, b'{"type":"Finished"}\n'),
    "writes-without-end": partial(write_everywhere, b"x" * 3000),
    "nests-deeply": partial(write_everywhere, b"[" * 9000 + b"\n"),
    "sleeps-apart": sleep_apart,
    "floods": flood,
}
# These cost a run nothing but time: it may be `ok`.
HARMLESS = ("sleeps-apart", "floods")
SETTINGS: dict[str, Any] = {
    "nan-settings": {"rate": float("nan"), "most": float("inf")},
    "surrogate-settings": {"\ud800": "\udfff", "nul": "\0"},
    "nested-settings": {"list": [{"a": [object()]}], 3: {4: 5}},
    "huge-settings": {"text": "x" * 5_000_000, "number": 10**400},
    "no-settings": None,
}


class Acts(NullTrainer):
    """Does its action once, at its place."""

    place = ""
    action: Callable[[], Any] = staticmethod(lambda: None)
    acted = False

    def act(self, place: str) -> None:
        if place == self.place and not self.acted:
            self.acted = True
            self.action()

    def __init__(self, *arguments: Any) -> None:
        self.act("trainer")
        super().__init__(*arguments)

    def epoch(self) -> None:
        self.act("fit")
        super().epoch()

    def evaluate(self, split: Any) -> Any:
        self.act("evaluate")
        return super().evaluate(split)

    def predict(self, inputs: Any) -> Any:
        self.act("predict")
        return super().predict(inputs)

    def settings(self) -> Any:
        self.act("settings")
        return super().settings()


class HalvesTheClock(NullTrainer):
    def epoch(self) -> None:
        if time.perf_counter_ns is TRUE_NS:
            halve_the_clock()
        super().epoch()
        time.sleep(0.3)


class TooManyEpochs(NullTrainer):
    def fit(self, train: Any, validation: Any, observer: Any) -> None:
        super().fit(train, validation, observer)
        super().fit(train, validation, observer)


KINDS = {"halves-the-clock": HalvesTheClock, "too-many-epochs": TooManyEpochs}


def create(name: str) -> MisfitBackend:
    if name in KINDS:
        return MisfitBackend(KINDS[name])
    if name in SETTINGS:
        return MisfitBackend(
            type("Set", (NullTrainer,), {"settings": lambda _: nested(SETTINGS[name])})
        )
    action, place = name.rsplit("-in-", 1)
    if place == "create":
        ACTIONS[action]()
    kind = type("Acting", (Acts,), {"place": place, "action": staticmethod(ACTIONS[action])})
    return MisfitBackend(kind)


def nested(settings: Any) -> Any:
    """Put what has a list into 2,000 levels more."""
    if settings and "list" in settings:
        for _ in range(2_000):
            settings = {"deeper": settings}
    return settings


PLACED = tuple(f"{action}-in-{place}" for action, place in product(ACTIONS, PLACES))
UNPLACED = (*SETTINGS, *KINDS)


@hookimpl
def benchbench_backends() -> list[BackendInfo]:
    return [BackendInfo(name, (), partial(create, name)) for name in (*PLACED, *UNPLACED)]
