"""Specs as TOML files: every fault is told with its line; what is written reads back."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

import msgspec
import tomli_w

from benchbench.errors import SpecError, UsageError, nearest
from benchbench.files import read_text
from benchbench.spec.faults import Fault, find_faults
from benchbench.spec.identity import canonical
from benchbench.spec.model import DEEPEST, ModelSpec
from benchbench.spec.model_faults import find_misfits
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.task import task_of
from benchbench.spec.toml_lines import deepest_line, lines_of

# A spec has some hundred lines; what is larger than this is none.
_LARGEST_BYTES = 16 << 20
# Of a file that is no spec at all, a screenful tells enough.
_MOST_FAULTS = 20

Spec = TypeVar("Spec", ModelSpec, TrainingProtocol)


def load_model(path: str | Path) -> ModelSpec:
    """Read a model from a TOML file. Raises UsageError with the line of every fault."""
    return _load(Path(path), ModelSpec)


def load_protocol(path: str | Path) -> TrainingProtocol:
    """Read a protocol from a TOML file. Raises UsageError with the line of every fault."""
    return _load(Path(path), TrainingProtocol)


def require_task(model: ModelSpec, protocol: TrainingProtocol, path: Path | None) -> None:
    """Raise UsageError for a model whose output does not fit the protocol's loss.

    `path` is the protocol's file: the message names the line of the loss.
    """
    try:
        task_of(model, protocol)
    except SpecError as error:
        if path is None:
            raise
        text = read_text(path, limit=_LARGEST_BYTES)
        raise UsageError(_told(path, text, [Fault(error.reason, error.path)])) from None


def dump(spec: ModelSpec | TrainingProtocol) -> str:
    """Return the TOML text from which `load_model` or `load_protocol` reads the same spec.

    Fields that are younger than their kind's first release are left out at their defaults.
    """
    return tomli_w.dumps(canonical(spec))


def _load(path: Path, kind: type[Spec]) -> Spec:
    try:
        text = read_text(path, limit=_LARGEST_BYTES)
    except OSError as error:
        meant = _nearest_file(path) if isinstance(error, FileNotFoundError) else ""
        raise UsageError(
            f"cannot read the spec file {path}: {error.strerror or error}{meant}"
        ) from None
    try:
        return _parse(path, text, kind)
    except RecursionError:
        raise UsageError(
            f"{path}, line {deepest_line(text)}: it is nested too deeply: layers lie in "
            f"layers {DEEPEST} deep at most; write them one after another"
        ) from None


def _parse(path: Path, text: str, kind: type[Spec]) -> Spec:
    try:
        content = tomllib.loads(text)
    # Not only TOMLDecodeError: a whole number may have more digits than Python reads.
    except ValueError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    _must_be_meant(path, content, kind)
    try:
        return msgspec.convert(content, kind)
    except (msgspec.ValidationError, SpecError):
        faults = list(islice(find_faults(content, kind), _MOST_FAULTS + 1))
        if kind is ModelSpec:
            faults += islice(find_misfits(content, faults), _MOST_FAULTS + 1)
        faults = list(dict.fromkeys(faults))
        raise UsageError(_told(path, text, faults)) from None


def _must_be_meant(path: Path, content: dict[str, object], kind: type[Spec]) -> None:
    """Raise UsageError for a protocol in the place of a model, and the other way round."""
    model, protocol = (set(one.__struct_fields__) for one in (ModelSpec, TrainingProtocol))
    names = set(content)
    if kind is ModelSpec and names & protocol and not names & model:
        raise UsageError(
            f"{path}: expected a model, with name, input_shape and layers, but it is a training "
            f"protocol: name it with --protocol"
        )
    if kind is TrainingProtocol and names & model and not names & protocol:
        raise UsageError(
            f"{path}: expected a training protocol, with {', '.join(sorted(protocol))}, but it is "
            f"a model: name it with --model"
        )


def _nearest_file(path: Path) -> str:
    """Return which file beside a path may be meant, as `nearest` does."""
    return nearest(path.name, [one.name for one in path.parent.glob("*.toml")])


def _told(path: Path, text: str, faults: Sequence[Fault]) -> str:
    """Write a line a fault, in the order of the file, as compilers do."""
    lines = lines_of(text, [fault.path for fault in faults])
    told = [
        f"{path}, line {line}: {reason} (at {'.'.join(map(str, place)) or 'the file'})"
        for line, (reason, place) in sorted(zip(lines, faults, strict=True), key=itemgetter(0))
    ]
    more = ["there are more"] if len(told) > _MOST_FAULTS else []
    return "\n".join(told[:_MOST_FAULTS] + more)
