"""What `--executor-options` says, as the options that a plugin has for its engine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from benchbench.errors import UsageError, nearest
from benchbench.files import read_text

_LARGEST_BYTES = 1 << 20

Options = TypeVar("Options", bound=msgspec.Struct)

_WRONG = re.compile(r"Expected `(?P<kinds>[^`]+)`, got `[^`]+`(?: - at `\$\.(?P<name>\w+).*`)?")
_KINDS = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list of texts in brackets",
}


def from_file(given: str, kind: type[Options], engine: str, *, more: str = "") -> Options:
    """Return the options of a TOML file. Raises UsageError.

    `engine` is its name in messages; `more` says what other options there may be.
    """
    try:
        content = tomllib.loads(read_text(Path(given), limit=_LARGEST_BYTES))
    except OSError as error:
        raise UsageError(
            f"--executor-options {given}: expected a TOML file with options for {engine}, but it "
            f"cannot be read: {error.strerror or error}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--executor-options {given} is no TOML: {error}") from None
    return checked(content, kind, given, more=more)


def from_json(given: str, kind: type[Options], *, more: str = "") -> Options:
    """Return options as a plan keeps them. Raises UsageError."""
    try:
        content = msgspec.json.decode(given, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise UsageError(
            f"--executor-options {given[:80]}: expected a TOML file; it begins like JSON, and is "
            f"none: {error}"
        ) from None
    return checked(content, kind, "in JSON", more=more)


def checked(
    content: dict[str, Any], kind: type[Options], source: str, *, more: str = ""
) -> Options:
    """Return options whose names are known and whose values have their types. Raises UsageError."""
    known = kind.__struct_fields__
    for name in content:
        if name not in known:
            raise UsageError(
                f"--executor-options {source}: there is no option '{name}'{nearest(name, known)} "
                f"(known: {', '.join(known)}{more})"
            )
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"--executor-options {source}: {_told(str(error), content)}") from None


def _told(error: str, content: dict[str, Any]) -> str:
    found = _WRONG.match(error)
    name = found["name"] if found else None
    if found is None or name is None:
        return error.replace("Object missing required field", "there is no")
    words = [_KINDS[one] for one in found["kinds"].split(" | ") if one in _KINDS]
    value = content[name]
    # JSON has no nan and no inf, TOML has.
    plain = isinstance(value, float)
    shown = str(value) if plain else msgspec.json.encode(value, enc_hook=str).decode()
    return f"{name} is {shown:.60}: expected {' or '.join(words)}"
