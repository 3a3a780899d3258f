"""The map of variables that a user edits: which variable of B is which of A, in TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import tomli_w

from benchbench.errors import UsageError
from benchbench.plugins.ports import PortBlock
from benchbench.ports.pairing import VariablePairing, shapes_of

_ASK = "?"


def read_map(path: Path) -> dict[str, str]:
    """Return B's variables with A's. Raises UsageError, for a question left open too."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    chosen = found.get("variables")
    if set(found) != {"variables"} or not isinstance(chosen, dict):
        raise UsageError(
            f"{path}: expected one table [variables], got {', '.join(found) or 'none'}"
        )
    wrong = [name for name, value in chosen.items() if not isinstance(value, str)]
    if wrong:
        raise UsageError(f"{path}: {', '.join(wrong)}: expected a variable's name in quotes")
    still = [name for name, value in chosen.items() if value == _ASK]
    if still:
        raise UsageError(f"{path}: say for {', '.join(still)} which variable it is, in place of ?")
    return chosen


def write_map(
    path: Path, pairing: VariablePairing, a: Sequence[PortBlock], b: Sequence[PortBlock]
) -> tuple[str, ...]:
    """Write the map as far as it is known, and return the variables of B left open, `?`.

    Raises UsageError where it cannot be written.
    """
    shapes_a, shapes_b = shapes_of(a), shapes_of(b)
    asked = tuple(n for n in shapes_b if n in pairing.unsure or n not in pairing.variables)
    lines = [
        "# Each line: a variable of the second network = the variable of the first that it is.",
        "# Shapes are in Keras's layout. Replace every ? by one of the names beside it;",
        '# .T behind a name transposes a matrix: "net.w" = "dense.kernel.T".',
        "[variables]",
    ]
    for name, shape in shapes_b.items():
        value = _ASK if name in asked else pairing.variables[name]
        line = tomli_w.dumps({name: value}).strip()
        if name in asked:
            fitting = pairing.unsure.get(name) or [
                other
                for other, own in shapes_a.items()
                if other not in pairing.variables.values() and sorted(own) == sorted(shape)
            ]
            line += f"  # {shape}: {' or '.join(fitting) or 'nothing of this shape is left'}"
        lines.append(line)
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
    return asked
