"""What is wrong with a value that should become a spec: every fault, its place, what is allowed.

msgspec stops at the first fault and names neither the values nor the fields that it would take.
What is allowed is read off the types here, so a new layer, field or value needs no line of its own.
"""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, Union, get_args, get_origin

import msgspec
from msgspec import inspect

from benchbench.errors import SpecError, nearest

Path: TypeAlias = tuple[str | int, ...]

# What stands for "no limit" in a type; nobody wants to read it.
_ENDLESS = 1e15
_SHOWN_CHARACTERS = 60


class Fault(NamedTuple):
    """What was expected and what came, and the keys and indices that lead there."""

    reason: str
    path: Path


def find_faults(value: object, kind: Any, path: Path = ()) -> Iterator[Fault]:
    """Yield what keeps `value`, as TOML or JSON gives it, from being a `kind`.

    Of fields that do not fit each other (a window and its image) the first is told, once each field
    is right; `model_faults` finds them all.
    """
    members = _members(kind)
    structs = [member for member in members if _is_struct(member)]
    if structs and isinstance(value, dict):
        yield from _table_faults(value, structs, path)
        return
    items = next((member for member in members if get_origin(member) in {tuple, list}), None)
    if items is not None and isinstance(value, list | tuple) and _fits(items, len(value)):
        found = False
        kinds = _item_kinds(items, len(value))
        for index, item in enumerate(value):
            for fault in find_faults(item, kinds[index], (*path, index)):
                found = True
                yield fault
        if found:
            return
        most = _most_items(kind)
        if len(value) > most:
            yield Fault(f"expected a list of at most {most:,}, but it has {len(value):,}", path)
            return
    yield from _conversion_faults(value, kind, path, allowed=_allowed(kind))


def _most_items(kind: Any) -> float:
    """Return how many items a list may have."""
    limits = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    known = [one.max_length for one in limits if getattr(one, "max_length", None) is not None]
    return min(known, default=math.inf)


def _table_faults(table: dict[str, object], structs: Sequence[Any], path: Path) -> Iterator[Fault]:
    infos = [_struct_info(struct) for struct in structs]
    info = infos[0]
    if info.tag_field is not None:
        tags = {str(one.tag): one for one in infos}
        tag = table.get(info.tag_field)
        if info.tag_field not in table:
            reason = f"'{info.tag_field}' is missing; expected {_one_of(list(tags))}"
            yield Fault(reason, path)
            return
        if tag not in tags:
            yield Fault(_not_among(tag, list(tags)), (*path, info.tag_field))
            return
        info = tags[str(tag)]
    found = False
    for fault in _field_faults(table, info, path):
        found = True
        yield fault
    if not found:
        yield from _conversion_faults(table, info.cls, path, allowed="a table")


def _field_faults(
    table: dict[str, object], info: inspect.StructType, path: Path
) -> Iterator[Fault]:
    kinds = _fields(info.cls)
    whose = f"{info.tag} has the fields" if info.tag else "expected the fields"
    known = ", ".join(kinds) or "none"
    for name in table:
        if name not in kinds and name != info.tag_field and info.forbid_unknown_fields:
            reason = f"{whose} {known}, but there is '{_short(name)}'{nearest(name, kinds)}"
            yield Fault(reason, (*path, name))
    for name, field in kinds.items():
        if name in table:
            yield from find_faults(table[name], field.type, (*path, name))
        elif field.required:
            reason = f"'{name}' is missing; expected {_allowed(field.type)}"
            yield Fault(reason, path)


def _conversion_faults(value: object, kind: Any, path: Path, *, allowed: str) -> Iterator[Fault]:
    """Convert what has no fault in its parts; there is one fault at most."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        literal = next((one for one in _members(kind) if get_origin(one) is Literal), None)
        if literal is not None and isinstance(value, str):
            yield Fault(_not_among(value, get_args(literal)), path)
        else:
            yield Fault(f"expected {allowed}, but it is {_shown(value)}", path)
    except SpecError as error:
        yield Fault(error.reason, (*path, *error.path))


@cache
def _members(kind: Any) -> tuple[Any, ...]:
    """Return the kinds of a union, and any other kind as the only one; limits are left out."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in {Union, types.UnionType}:
        return tuple(one for member in get_args(kind) for one in _members(member))
    return (kind,)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


@cache
def _struct_info(struct: Any) -> inspect.StructType:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - for the types
    return info


@cache
def _fields(struct: Any) -> dict[str, Any]:
    """Return the fields of a struct by their names; msgspec works them out anew each time."""
    return {field.encode_name: field for field in msgspec.structs.fields(struct)}


def _fits(kind: Any, count: int) -> bool:
    parts = get_args(kind)
    return get_origin(kind) is list or parts[-1:] == (...,) or len(parts) == count


def _item_kinds(kind: Any, count: int) -> Sequence[Any]:
    parts = get_args(kind)
    return parts if get_origin(kind) is tuple and parts[-1] is not ... else [parts[0]] * count


def _not_among(value: object, allowed: Sequence[object]) -> str:
    names = [str(one) for one in allowed]
    meant = nearest(value, names) if isinstance(value, str) else ""
    return f"expected {_one_of(names)}, but it is {_shown(value)}{meant}"


def _one_of(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"one of {', '.join(names)}"


def _allowed(kind: Any) -> str:
    """Say in words what a kind takes."""
    return _in_words(inspect.type_info(kind))


def _in_words(info: inspect.Type) -> str:  # noqa: PLR0911 - one return a type
    match info:
        case inspect.Metadata():
            described = (info.extra_json_schema or {}).get("description")
            return str(described) if described else _in_words(info.type)
        case inspect.UnionType():
            structs = [one for one in info.types if isinstance(one, inspect.StructType)]
            others = [_in_words(one) for one in info.types if one not in structs]
            tables = [_table_of(structs)] if structs else []
            return " or ".join(others + tables)
        case inspect.StructType():
            return _table_of([info])
        case inspect.LiteralType():
            return _one_of([str(one) for one in info.values])
        case inspect.IntType():
            return "a whole number" + _limits(info)
        case inspect.FloatType():
            finite = info.le == sys.float_info.max
            return ("a finite number" if finite else "a number") + _limits(info)
        case inspect.BoolType():
            return "true or false"
        case inspect.NoneType():
            return "nothing"
        case inspect.StrType():
            return "text" + (f" that matches {info.pattern}" if info.pattern else "")
        case inspect.TupleType():
            items = {_in_words(one) for one in info.item_types}
            each = f", each {items.pop()}" if len(items) == 1 else ""
            return f"a list of {len(info.item_types)}{each}"
        case inspect.VarTupleType() | inspect.ListType():
            least = f" of at least {info.min_length}" if info.min_length else ""
            return f"a list{least}, each {_in_words(info.item_type)}"
        case _:
            return type(info).__name__.removesuffix("Type").lower()


def _table_of(structs: Sequence[inspect.StructType]) -> str:
    if structs[0].tag_field is None:
        return "a table"
    return f"a table whose '{structs[0].tag_field}' is {_one_of([str(s.tag) for s in structs])}"


def _limits(info: inspect.IntType | inspect.FloatType) -> str:
    pairs = (("at least", info.ge), ("above", info.gt), ("at most", info.le), ("below", info.lt))
    limits = [
        f"{word} {limit:,}" if isinstance(limit, int) else f"{word} {limit:g}"
        for word, limit in pairs
        if limit is not None and abs(limit) < _ENDLESS
    ]
    return f", {' and '.join(limits)}" if limits else ""


def _shown(value: object) -> str:  # noqa: PLR0911 - one return a type
    """Return a value as one writes it in TOML, not too much of it."""
    match value:
        case bool():
            return str(value).lower()
        case int() if abs(value) >= 2**63:
            return "a number of more than 64 bits"
        case str():
            return f'"{_short(value)}"'
        case dict():
            return "a table"
        case list() | tuple():
            numbers = all(isinstance(one, int | float) for one in value) and len(value) <= 6
            return f"{list(value)}" if value and numbers else f"a list of {len(value)}"
        case None:
            return "nothing"
        case _:
            return _short(str(value))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
