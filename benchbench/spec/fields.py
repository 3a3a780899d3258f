"""Specs are also built in Python, where msgspec looks at no field by itself; here it is made to."""

from __future__ import annotations

from functools import cache

import msgspec

from benchbench.errors import SpecError
from benchbench.spec.faults import find_faults


def settle_fields(spec: msgspec.Struct) -> None:
    """Bring every field to what a spec file would give: 1 to 1.0, a list to a tuple.

    Call it in `__post_init__`: two specs that say the same are then equal and hash alike. Raises
    SpecError for the first field that a spec file could not hold.
    """
    for name, kind in _kinds(type(spec)):
        try:
            given = msgspec.to_builtins(getattr(spec, name))
        except TypeError as error:
            raise SpecError(f"{name}: no spec file could hold it: {error}", (name,)) from None
        try:
            value = msgspec.convert(given, kind)
        except msgspec.ValidationError:
            reason, path = next(find_faults(given, kind, (name,)))
            raise SpecError(f"{'.'.join(map(str, path))}: {reason}", path) from None
        msgspec.structs.force_setattr(spec, name, value)


@cache
def _kinds(spec: type[msgspec.Struct]) -> tuple[tuple[str, object], ...]:
    return tuple((field.name, field.type) for field in msgspec.structs.fields(spec))
