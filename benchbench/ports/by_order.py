"""Variables that one network has in layers and the other beside them: paired by their order."""

from __future__ import annotations

from collections.abc import Sequence

from benchbench.plugins.ports import PortBlock
from benchbench.ports.layouts import ArrayShape, fits, squeezed

_Named = list[tuple[str, ArrayShape]]


def pair(
    a: Sequence[PortBlock], b: Sequence[PortBlock]
) -> tuple[dict[str, str], dict[str, str]] | None:
    """Return B's variables with A's, and the blocks of both that hold the same; None if unsure.

    They are one where they fit one after another, or each fits one other alone.
    """
    names_a, names_b = _named(a), _named(b)
    if len(names_a) != len(names_b):
        return None
    if all(_same(x[1], y[1]) for x, y in zip(names_a, names_b, strict=True)):
        variables = {y[0]: x[0] for x, y in zip(names_a, names_b, strict=True)}
    else:
        choices = {
            own: [x for x, other in names_a if _same(other, shape)] for own, shape in names_b
        }
        if any(len(those) != 1 for those in choices.values()):
            return None
        variables = {own: those[0] for own, those in choices.items()}
    if len(set(variables.values())) < len(variables):
        return None
    return variables, _blocks(variables, a, b)


def _named(blocks: Sequence[PortBlock]) -> _Named:
    return [
        (f"{block.name}.{role}", tuple(shape))
        for block in blocks
        for role, shape in block.variables.items()
    ]


def _same(a: ArrayShape, b: ArrayShape) -> bool:
    return len(squeezed(a)) == len(squeezed(b)) and fits(a, b)


def _blocks(
    variables: dict[str, str], a: Sequence[PortBlock], b: Sequence[PortBlock]
) -> dict[str, str]:
    kinds = {block.name: (block.kind, len(block.variables)) for block in a}
    found = {}
    for block in b:
        twins = {variables[f"{block.name}.{role}"].rpartition(".")[0] for role in block.variables}
        twin = twins.pop()
        if not twins and kinds[twin] == (block.kind, len(block.variables)):
            found[block.name] = twin
    return found
