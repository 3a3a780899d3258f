"""Specs are also built in Python, where msgspec checks no field by itself; here it is made to."""

from __future__ import annotations

from functools import cache

import msgspec

from benchbench.errors import SpecError


def check_fields(spec: msgspec.Struct) -> None:
    """Raise SpecError for the first field that a spec file could not hold."""
    for name, kind in _kinds(type(spec)):
        try:
            msgspec.convert(msgspec.to_builtins(getattr(spec, name)), kind)
        except msgspec.ValidationError as error:
            raise SpecError(f"{name}: {error}", (name,)) from None


@cache
def _kinds(spec: type[msgspec.Struct]) -> tuple[tuple[str, object], ...]:
    return tuple((field.name, field.type) for field in msgspec.structs.fields(spec))
