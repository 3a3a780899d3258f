"""Specs as TOML files: read with the line at fault in every message, written so they read back."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec
import tomli_w

from benchbench.errors import SpecError, UsageError
from benchbench.files import read_file
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.toml_lines import KeyPath, line_of

# A spec has some hundred lines; what is larger than this is none.
_LARGEST_BYTES = 16 << 20

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
        text = read_file(path, limit=_LARGEST_BYTES).decode()
    except OSError as error:
        raise UsageError(f"cannot read the spec file {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read the spec file {path}: {error}") from None
    try:
        return _parse(path, text, kind)
    except RecursionError:
        raise UsageError(f"{path} is nested too deeply to be a spec") from None


def _parse(path: Path, text: str, kind: type[Spec]) -> Spec:
    try:
        return msgspec.convert(tomllib.loads(text), kind)
    except msgspec.ValidationError as error:
        reason, place = _place(str(error))
        raise _at_line(path, text, place, reason) from None
    # Not only TOMLDecodeError: a whole number may have more digits than Python reads.
    except ValueError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    except SpecError as error:
        raise _at_line(path, text, error.path, error.reason) from None


def _at_line(path: Path, text: str, place: KeyPath, reason: str) -> UsageError:
    line = line_of(text, place)
    where = ".".join(str(key) for key in place) or "the file"
    return UsageError(f"{path}, line {line}: {reason} (at {where})")


def _place(message: str) -> tuple[str, KeyPath]:
    """Split msgspec's "reason - at `$.layers[2].units`" into reason and path."""
    reason, _, pointer = message.partition(" - at `$")
    steps = re.findall(r"\.([^.\[\]`]+)|\[(\d+)\]", pointer)
    path = tuple(int(index) if index else key for key, index in steps)
    unknown = re.search(r"unknown field `([^`]+)`", reason)
    return reason, (*path, unknown[1]) if unknown else path
