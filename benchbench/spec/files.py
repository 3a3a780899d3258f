"""Specs as TOML files: read with the line at fault in every message, written so they read back."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import tomli_w

from benchbench.errors import SpecError, UsageError
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol

Spec = TypeVar("Spec", ModelSpec, TrainingProtocol)


def load_model(path: Path) -> ModelSpec:
    """Read a model from a TOML file. Raises UsageError naming file, line and fault."""
    return _load(path, ModelSpec)


def load_protocol(path: Path) -> TrainingProtocol:
    """Read a protocol from a TOML file. Raises UsageError naming file, line and fault."""
    return _load(path, TrainingProtocol)


def dump(spec: ModelSpec | TrainingProtocol) -> str:
    """Return the TOML text from which `load_model` or `load_protocol` reads the same spec."""
    return tomli_w.dumps(msgspec.to_builtins(spec))


def _load(path: Path, kind: type[Spec]) -> Spec:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the spec file {path}: {error}") from None
    try:
        return msgspec.convert(tomllib.loads(text), kind)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    except msgspec.ValidationError as error:
        reason, place = _place(str(error))
        raise _at_line(path, text, place, reason) from None
    except SpecError as error:
        raise _at_line(path, text, error.path, error.reason) from None


def _at_line(path: Path, text: str, place: tuple[str | int, ...], reason: str) -> UsageError:
    line = line_of(text, place)
    where = ".".join(str(key) for key in place) or "the file"
    return UsageError(f"{path}, line {line}: {reason} (at {where})")


def _place(message: str) -> tuple[str, tuple[str | int, ...]]:
    """Split msgspec's "reason - at `$.layers[2].units`" into reason and path."""
    reason, _, pointer = message.partition(" - at `$")
    steps = re.findall(r"\.([^.\[\]`]+)|\[(\d+)\]", pointer)
    path = tuple(int(index) if index else key for key, index in steps)
    unknown = re.search(r"unknown field `([^`]+)`", reason)
    return reason, (*path, unknown[1]) if unknown else path


def line_of(text: str, place: tuple[str | int, ...]) -> int:
    """Return the 1-based line of a TOML text at which the value at `place` first stands.

    The shortest prefix of the text that parses and holds the place ends on that line; brackets that
    the prefix leaves open are closed first. A place that is nowhere is looked for by its parents.
    """
    lines = text.splitlines()
    while place:
        for count in range(1, len(lines) + 1):
            prefix = "\n".join(lines[:count])
            if any(_holds(prefix + closing, place) for closing in ("", "\n]", "}\n]", "\n}")):
                return count
        place = place[:-1]
    return 1


def _holds(text: str, place: tuple[str | int, ...]) -> bool:
    try:
        value: Any = tomllib.loads(text)
        for key in place:
            value = value[key]
    except (tomllib.TOMLDecodeError, KeyError, IndexError, TypeError):
        return False
    return True
