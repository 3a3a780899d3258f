"""Write docs/reference.md, docs/commands.md and docs/report.schema.json from the types.

python studies/reference.py
"""

from __future__ import annotations

import inspect
import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path

import msgspec
import typer

from benchbench.cli.verbs import app
from benchbench.report.formats import Answer
from benchbench.report.renderers.markdown import escape
from benchbench.spec import losses, optimizers, schedules
from benchbench.spec.layers import ActivationName, Layer
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol

DOCS = Path(__file__).parents[1] / "docs"
COMMAND = "python studies/reference.py"
_WORDS: dict[object, str] = {
    int: "an integer",
    float: "a number",
    bool: "true or false",
    str: "text",
    type(None): "nothing",
}


def page() -> str:
    """Return the reference page: every kind of a spec file, its fields and their defaults."""
    parts = [
        "# Reference",
        f"Made from the types by `{COMMAND}`. A model and a protocol are TOML files: a kind is "
        'written as `type = "Dense"`, and a field that is left out has its default.',
        *_kind("A model", ModelSpec, "A file for `--model`."),
        *_kind("A protocol", TrainingProtocol, "A file for `--protocol`."),
        *_family("Layers", Layer),
        "## Activations",
        ", ".join(f"`{name}`" for name in typing.get_args(ActivationName)) + ".",
        *_family("Optimizers", optimizers.Optimizer),
        *_family("Learning rates", schedules.Schedule),
        *_family("Losses", losses.Loss),
        "## Data and results",
        "What `--dataset` takes, and the formats of data files: [data](data.md). What a record "
        "holds: [result format](result-format.md). What `report` and `compare` print with "
        "`--format json` is described by [report.schema.json](report.schema.json), a JSON Schema.",
    ]
    return "\n\n".join(parts) + "\n"


def schema() -> str:
    """Return the JSON Schema of what `report` and `compare` print as JSON."""
    return json.dumps(msgspec.json.schema(Answer), indent=1) + "\n"


def commands() -> str:
    """Return the page of the options: what each means, and the verbs that take it."""
    found: dict[str, dict[str, list[str]]] = {}
    for verb, command in verbs():
        for one in command.params:
            if one.param_type_name == "option":
                names = " / ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts))
                told = found.setdefault(names, {}).setdefault(getattr(one, "help", ""), [])
                usual = one.default
                known = isinstance(usual, str | int | float) and not isinstance(usual, bool)
                told.append(f"`{verb}` ({usual})" if known else f"`{verb}`")
    rows = [
        f"| {names} | {escape(words)} | {', '.join(takers)} |"
        for names, texts in sorted(found.items())
        for words, takers in texts.items()
    ]
    parts = [
        "# Options",
        f"Made from the command line by `{COMMAND}`. An option means the same in every "
        "command that takes it; only `--model all` means more in `certify`. In brackets: the "
        "default there.",
        "\n".join(["| option | what it says | commands |", "|---|---|---|", *rows]),
    ]
    return "\n\n".join(parts) + "\n"


def verbs() -> Iterator[tuple[str, typer.core.TyperCommand]]:
    """Yield every command by its words: `run`, `data fetch`."""
    line = typer.main.get_command(app)
    for name in line.list_commands(None):
        verb = line.get_command(None, name)
        nested = getattr(verb, "commands", None)
        if nested is None:
            yield name, verb
        else:
            yield from ((f"{name} {inner}", one) for inner, one in nested.items())


def _family(title: str, union: object) -> Iterator[str]:
    yield f"## {title}"
    for kind in sorted(_members(union), key=lambda one: one.__name__):
        yield from _kind(kind.__name__, kind, level="###")


def _members(union: object) -> Iterator[type[msgspec.Struct]]:
    if isinstance(union, type):
        yield union
        return
    for one in typing.get_args(union):
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            yield one
        elif isinstance(one, types.UnionType) or typing.get_args(one):
            yield from _members(one)


def _kind(
    title: str, kind: type[msgspec.Struct], words: str = "", level: str = "##"
) -> Iterator[str]:
    yield f"{level} {title}"
    told = (inspect.getdoc(kind) or "").strip()
    yield f"{words} {told}".strip()
    rows = [
        f"| `{field.name}` | {escape(_type(field.type))} | {_default(field)} |"
        for field in msgspec.structs.fields(kind)
    ]
    if rows:
        yield "\n".join(["| field | values | default |", "|---|---|---|", *rows])


def _type(kind: object) -> str:  # noqa: PLR0911 - one for each form of a type
    """Return what a field takes, in words."""
    if typing.get_origin(kind) is typing.Annotated:
        inner, *notes = typing.get_args(kind)
        bounds = [text for note in notes for text in _bounds(note)]
        return f"{_type(inner)}{', ' if bounds else ''}{' and '.join(bounds)}"
    if typing.get_origin(kind) is typing.Literal:
        return ", ".join(f'"{value}"' for value in typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        parts = [_type(part) for part in typing.get_args(kind)]
        if parts[-1] == "Ellipsis":
            return f"a list of: {parts[0]}"
        return f"{len(parts)} values: {parts[0]}"
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        if set(_members(kind)) == set(_members(Layer)):
            return "a layer"
        return " or ".join(dict.fromkeys(_type(part) for part in typing.get_args(kind)))
    return _WORDS.get(kind) or getattr(kind, "__name__", str(kind)).strip(".")


def _bounds(note: object) -> Iterator[str]:
    if isinstance(note, msgspec.Meta):
        for name, word in (("ge", "from"), ("gt", "above"), ("le", "to"), ("lt", "below")):
            value = getattr(note, name)
            if value is not None and value < 2**62:
                yield f"{word} {value:g}"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default
    if value is msgspec.NODEFAULT:
        value = field.default_factory()
    return f"`{json.dumps(msgspec.to_builtins(value))}`" if value is not None else "none"


def main() -> None:
    """Write all files."""
    (DOCS / "reference.md").write_text(page(), encoding="utf-8")
    (DOCS / "commands.md").write_text(commands(), encoding="utf-8")
    (DOCS / "report.schema.json").write_text(schema(), encoding="utf-8")


if __name__ == "__main__":
    main()
