"""A user's file in a process of its own: asked one question after another, ended with the block."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from benchbench.children import AnswerTooLong, Child, ending
from benchbench.errors import BenchbenchError
from benchbench.plugins.ports import PortDescription
from benchbench.ports.messages import (
    READY,
    Action,
    NamedArrays,
    PortAnswer,
    PortQuestion,
    restore,
    save,
)
from benchbench.ports.subjects import PortSubject, SpecSubject
from benchbench.run.environment import worker_environment

_MODULE = "benchbench.ports.side"
_STARTING_SECONDS = 60.0
_LAST_LINE = 300
# Set unless the user has: TensorFlow says much on starting.
_DEFAULTS = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
# A card's rounding is not what is asked: both sides run on the CPU, whatever the user has set.
_ON_THE_CPU = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}


class PortFailure(BenchbenchError):  # noqa: N818 - a state of the world, like `Unavailable`
    """A user's file, or the network in it, that cannot be certified. `traceback` is its code's."""

    def __init__(self, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback


class PortProcess:
    """A context that holds one process; it can load one factory after another.

    A backend as the `subject` has a worker's environment, and perhaps another Python.
    """

    def __init__(
        self,
        ports: Mapping[str, str],
        *,
        timeout_seconds: float,
        subject: PortSubject | None = None,
    ) -> None:
        self._ports = dict(ports)
        self._timeout = timeout_seconds
        self._label = ""
        self._folder = tempfile.TemporaryDirectory(prefix="benchbench-")
        environment, python = dict(os.environ), None
        if isinstance(subject, SpecSubject) and subject.info:
            environment = worker_environment(
                environment,
                info=subject.info,
                threads=1,
                home=Path(self._folder.name),
                place=subject.place,
            )
            python = subject.place.python
        environment = {**_DEFAULTS, **environment, **_ON_THE_CPU}
        command = [python or sys.executable, "-m", _MODULE]
        self._child = Child(command, None, environment=environment)
        self._started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.end()
        self._folder.cleanup()

    def load(
        self, subject: PortSubject, sample: NamedArrays
    ) -> tuple[PortDescription, NamedArrays]:
        """Take up a subject; return what it is with its first variables. Raises PortFailure."""
        self._label = subject.label
        answer, arrays = self._exchange(subject.question(self._ports), sample)
        assert answer.description is not None  # noqa: S101 - it answers so to `load`
        return answer.description, arrays

    def ask(
        self,
        action: Action,
        arrays: NamedArrays,
        *,
        precision: str = "float32",
        own_optimizer: bool = True,
        snapshots: tuple[int, ...] = (),
        shape: tuple[int, ...] = (),
    ) -> tuple[PortAnswer, NamedArrays]:
        """Exercise the network. Raises PortFailure."""
        question = PortQuestion(
            action=action,
            precision=precision,
            own_optimizer=own_optimizer,
            snapshots=snapshots,
            shape=shape,
        )
        return self._exchange(question, arrays)

    def _exchange(
        self, question: PortQuestion, arrays: NamedArrays
    ) -> tuple[PortAnswer, NamedArrays]:
        if not self._started:
            if self._read(_STARTING_SECONDS) != READY:
                raise PortFailure(f"no process could be started for {self._label}: {self._last()}")
            self._started = True
        folder = Path(self._folder.name)
        asked, reply = str(folder / "asked.npz"), str(folder / "reply.npz")
        save(asked, arrays)
        named = msgspec.structs.replace(question, arrays=asked, reply=reply)
        self._child.say(msgspec.json.encode(named))
        line = self._read(self._timeout)
        if line is None:
            raise PortFailure(
                f"{self._label} gave no answer within {self._timeout:g} s (--timeout), in "
                f"`{question.action}`{self._last()}"
            )
        if not line:
            raise PortFailure(
                f"the process of {self._label} {ending(self._child.code or 0)}, in "
                f"`{question.action}`{self._last()}"
            )
        answer = msgspec.json.decode(line, type=PortAnswer)
        if answer.trouble:
            where = {"load": "its factory", "trace": "its forward pass"}.get(
                question.action, f"its {question.action}"
            )
            said = f"{where} raised {answer.trouble}" if answer.traceback else answer.trouble
            raise PortFailure(f"{self._label}: {said}", answer.traceback)
        return answer, restore(reply)

    def _read(self, seconds: float) -> bytes | None:
        try:
            return self._child.read_line(seconds)
        except AnswerTooLong:
            raise PortFailure(f"{self._label} answers too much to be read") from None

    def _last(self) -> str:
        lines = self._child.log.strip().splitlines()
        return f": {lines[-1][:_LAST_LINE]}" if lines else ""
