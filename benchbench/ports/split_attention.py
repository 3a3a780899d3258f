"""Attention that is one layer on one side and four dense ones on the other."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benchbench.plugins.ports import PortBlock

KIND = "MultiHeadAttention"
_ROLES = ("query", "key", "value", "output")


def split(blocks: Sequence[PortBlock]) -> list[PortBlock]:
    """Return the blocks, each attention as the four dense layers that it consists of.

    Their variables keep the roles that they have in the whole: "query_kernel".
    """
    made: list[PortBlock] = []
    for block in blocks:
        parts = _parts(block) if block.kind == KIND else []
        whole = {role for part in parts for role in part.variables} == set(block.variables)
        made += parts if parts and whole else [block]
    return made


def whole_name(part: str) -> str:
    """Return the name of the block that a part was split from; other names as they are."""
    return part.partition(_MARK)[0]


def has_role(a: str, b: str, role: str) -> bool:
    """Say whether paired blocks are that part of attention, or no parts at all."""
    roles = {name.partition(_MARK)[2] for name in (a, b) if is_part(name)}
    return roles <= {role}


def is_part(name: str) -> bool:
    """Say whether a block was split from another."""
    return _MARK in name


# Between the name of the whole and the part's; no framework has it in a name.
_MARK = "\0/"


def _parts(block: PortBlock) -> list[PortBlock]:
    return [
        msgspec.structs.replace(
            block,
            name=f"{block.name}{_MARK}{role}",
            kind="Dense",
            variables={
                name: shape
                for name, shape in block.variables.items()
                if name.startswith(f"{role}_")
            },
            settings={},
        )
        for role in _ROLES
        if f"{role}_kernel" in block.variables
    ]
