"""Networks of different sizes: a table of both that shows the first difference."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from benchbench.plugins.ports import PortBlock
from benchbench.ports import layer_settings
from benchbench.ports.layouts import squeezed
from benchbench.ports.report import Trap


class Unpaired(Exception):  # noqa: N818 - an answer: the two networks differ here
    """The networks do not have the same variables. `trap` names the mistake it looks like."""

    def __init__(self, reason: str, trap: str = "", layers: tuple[str, str] = ("", "")) -> None:
        super().__init__(reason)
        self.trap = trap
        self.layers = layers


def signature(block: PortBlock) -> tuple[object, ...]:
    """Return what paired blocks share: of known kinds the first shape, of others all shapes."""
    shapes = [tuple(shape) for shape in block.variables.values()]
    if block.kind in _KNOWN:
        return (len(shapes[0]), shapes[0])
    return tuple(sorted(tuple(sorted(squeezed(shape))) for shape in shapes))


_KNOWN = {
    *("Dense", "Conv1D", "Conv2D", "Conv3D", "BatchNormalization", "LayerNormalization"),
    *("GroupNormalization", "RMSNormalization"),
}


def different_sizes(a: Sequence[PortBlock], b: Sequence[PortBlock]) -> Unpaired:
    """Return the error for networks of different sizes: the first difference in a table of both."""
    rows: list[tuple[str, str, str]] = []
    first, layers, trap = None, ("", ""), None
    alike: list[tuple[PortBlock, PortBlock]] = []
    matcher = difflib.SequenceMatcher(
        None, [signature(one) for one in a], [signature(one) for one in b], autojunk=False
    )
    for tag, a0, a1, b0, b1 in matcher.get_opcodes():
        for place in range(max(a1 - a0, b1 - b0)):
            left = a[a0 + place] if a0 + place < a1 else None
            right = b[b0 + place] if b0 + place < b1 else None
            differs = tag != "equal"
            if left and right and first is None and not differs:
                alike.append((left, right))
            if differs and first is None:
                first = len(rows)
                layers = (left.name if left else "", right.name if right else "")
                trap = _of_sizes(left, right) or _before(alike, left, right) or _of_tying(a, b)
            rows.append(("->" if differs else "  ", _shown(left), _shown(right)))
    width = max(len(left) for _, left, _ in rows)
    shown = rows[max(0, (first or 0) - 2) : (first or 0) + 6]
    table = "\n".join(f"  {mark} {left:<{width}}  {right}" for mark, left, right in shown)
    hint = _advice(a, b)
    if trap:
        hint = f"\n{trap.words}"
    sizes = _total(a), _total(b)
    told = f"the networks differ in size: {sizes[0]:,} and {sizes[1]:,} values"
    if sizes[0] == sizes[1]:
        told = f"the layers of the networks differ, of {sizes[0]:,} values each"
    return Unpaired(
        f"{told}\n{table}{hint}",
        trap.name if trap else "",
        layers,
    )


def _advice(a: Sequence[PortBlock], b: Sequence[PortBlock]) -> str:
    """Say what to do about layers of the user's own; empty where there are none."""
    own = [one for one in (*a, *b) if one.kind not in _KNOWN | _RECURRENT]
    if not own:
        return ""
    if _shapes(a) == _shapes(b):
        return (
            "\nwhere these are the same in another form, pair the variables in a map: "
            "--map map.toml"
        )
    names = ", ".join(f"{one.name} ({one.kind})" for one in own[:_NAMED])
    return (
        f"\nlayers of one's own: {names}{' ...' if own[_NAMED:] else ''}. A map pairs variables of "
        f"one shape: give both networks the same variables there, such as one kernel for each gate"
    )


def _shapes(blocks: Sequence[PortBlock]) -> Counter[tuple[int, ...]]:
    return Counter(tuple(sorted(shape)) for block in blocks for shape in block.variables.values())


_NAMED = 4
_RECURRENT = {"LSTM", "GRU", "Embedding", "MultiHeadAttention"}


def _shown(block: PortBlock | None) -> str:
    if block is None:
        return "-"
    shapes = ", ".join(f"{role} {tuple(shape)}" for role, shape in block.variables.items())
    return f"{block.name}: {block.kind}, {shapes}"


def _total(blocks: Sequence[PortBlock]) -> int:
    return sum(int(np.prod(shape)) for block in blocks for shape in block.variables.values())


def _before(
    alike: Sequence[tuple[PortBlock, PortBlock]], a: PortBlock | None, b: PortBlock | None
) -> Trap | None:
    """Return why a dense layer gets more features: a setting of one of the layers before it."""
    if a is None or b is None or not a.kind == b.kind == "Dense":
        return None
    kernels = [one.variables.get("kernel", ()) for one in (a, b)]
    if kernels[0][1:] != kernels[1][1:]:
        return None
    for left, right in alike:
        found = layer_settings.of_layers(left, right) if left.kind.startswith("Conv") else None
        if found:
            names = left.name if left.name == right.name else f"{left.name} / {right.name}"
            return Trap(found.name, f"'{names}' before it: {found.words}")
    return None


def _of_tying(a: Sequence[PortBlock], b: Sequence[PortBlock]) -> Trap | None:
    """Return that one has a matrix of its own where the other uses its embedding again."""
    counts = [_shapes(one) for one in (a, b)]
    tables = {
        tuple(sorted(one.variables["embeddings"])) for one in (*a, *b) if one.kind == "Embedding"
    }
    for side, more in (("A", counts[0] - counts[1]), ("B", counts[1] - counts[0])):
        if list(more.elements()) in [[table] for table in tables]:
            words = f"{side} has a matrix of its own where the other uses that of its Embedding"
            return Trap("tied weights", words)
    return None


def _of_sizes(a: PortBlock | None, b: PortBlock | None) -> Trap | None:
    """Return why two layers have variables of different sizes."""
    if a is None or b is None:
        return None
    if a.kind == b.kind == "MultiHeadAttention":
        return Trap(
            "key_dim",
            "Keras's key_dim is the size of one head, embed_dim // heads; torch's embed_dim is "
            "that of all heads together",
        )
    if a.kind != b.kind:
        return layer_settings.of_kinds(a, b)
    if a.kind == "PReLU":
        return Trap(
            "slopes of PReLU",
            "torch has one slope, or one a channel; Keras one at every position, or one a channel "
            "with shared_axes=[1, 2]",
        )
    rows = sorted(len(one.variables.get("bias", ())) for one in (a, b))
    if a.kind != "GRU" or rows != [1, 2]:
        return None
    resets = [one.settings.get("reset_after") for one in (a, b)]
    return Trap(
        "GRU reset_after" if resets[0] != resets[1] else "recurrent bias missing",
        "a GRU has a bias for the product of its inputs and one for that of its state. Flax's "
        "GRUCell has only the first; so has Keras's GRU with reset_after=False, which is another "
        "function",
    )
