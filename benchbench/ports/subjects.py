"""What can be certified against another: a network of a file, a backend, a spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from benchbench.errors import UsageError
from benchbench.plugins.contract import BackendInfo
from benchbench.ports.messages import PortQuestion, TrainedSpec
from benchbench.run.plan import HERE, Environment


@dataclass(frozen=True)
class Factory:
    """A function in a file: `path.py:name`."""

    path: Path
    name: str

    @property
    def label(self) -> str:
        return f"{self.path.name}:{self.name}"

    def question(self, ports: Mapping[str, str]) -> PortQuestion:
        """Return the question that loads it."""
        return PortQuestion(action="load", path=str(self.path), name=self.name, ports=dict(ports))


@dataclass(frozen=True)
class SpecSubject:
    """A model of the spec and who trains it: a backend, perhaps of another environment.

    Without `info` it is the spec itself, trained by the reference.
    """

    trained: TrainedSpec
    label: str
    info: BackendInfo | None = None
    place: Environment = HERE

    def question(self, ports: Mapping[str, str]) -> PortQuestion:
        """Return the question that loads it."""
        return PortQuestion(action="load", trained=self.trained, ports=dict(ports))


PortSubject: TypeAlias = Factory | SpecSubject


def find_factory(text: str) -> Factory:
    """Read "file.py:name". Raises UsageError, before anything of the file runs."""
    path, colon, name = text.rpartition(":")
    if not colon or not name.isidentifier() or not path.endswith(".py"):
        raise UsageError(
            f"'{text}': expected FILE.py:NAME, a Python file and a function in it that makes the "
            f"network, such as my_model.py:build"
        )
    if not Path(path).is_file():
        raise UsageError(f"'{text}': there is no file {path}")
    return Factory(Path(path).absolute(), name)
