"""Which variable of one network is which of the other: by kind, shape and order of the calls."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchbench.plugins.ports import PortBlock
from benchbench.ports import by_order, layer_settings, split_attention
from benchbench.ports.layouts import TRANSPOSED, fits, laid_out
from benchbench.ports.messages import WEIGHT, NamedArrays
from benchbench.ports.sizes import Unpaired, different_sizes, signature

ArrayShape = tuple[int, ...]


@dataclass
class VariablePairing:
    """Which variable of A each variable of B is, and which block of A each block of B.

    `unsure` are variables of B with those of A that each may be. `channels`: blocks of B whose
    kernel's rows run over (channels, positions), where A's run over (positions, channels); the
    other way round the number is negative.
    `entries`: of a block that is one layer in one network and several in the other, the blocks of
    both that its inputs go into; the key has the side of the one layer.
    `turned`: matrices of B that are A's transposed, where the shapes do not say it.
    `single`: those of the blocks in `channels` that treat each feature by itself, as norms do.
    `named`: blocks of B that were told apart by their names, not by the order of the calls.
    """

    variables: dict[str, str] = field(default_factory=dict)
    blocks: dict[str, str] = field(default_factory=dict)
    unsure: dict[str, tuple[str, ...]] = field(default_factory=dict)
    channels: dict[str, int] = field(default_factory=dict)
    entries: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    turned: set[str] = field(default_factory=set)
    single: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)

    def to_b(self, values: NamedArrays, shapes: dict[str, ArrayShape]) -> NamedArrays:
        """Return A's arrays as B's: by B's names, in B's shapes."""
        made = {}
        for own, other in self.variables.items():
            value = laid_out(values[other], shapes[own], turned=own in self.turned)
            made[own] = self._rows(own, value, to_b=True)
        return made

    def to_a(self, values: NamedArrays, shapes: dict[str, ArrayShape]) -> NamedArrays:
        """Return B's arrays as A's."""
        made = {}
        for own, other in self.variables.items():
            value = self._rows(own, values[own], to_b=False)
            made[other] = laid_out(value, shapes[other], turned=own in self.turned)
        return made

    def entry(self, a: str, b: str) -> tuple[str, str]:
        """Return the blocks of A and B whose inputs are those of a pair of blocks."""
        return self.entries.get(("b", b)) or self.entries.get(("a", a)) or (a, b)

    def features_to_a(self, block: str, value: np.ndarray, *, output: bool = False) -> np.ndarray:
        """Return the input, or output, of a block of B with its features in A's order."""
        count = None if output and block not in self.single else self.channels.get(block)
        return value[..., channels_last(value.shape[-1], count)] if count else value

    def _rows(self, name: str, value: np.ndarray, *, to_b: bool) -> np.ndarray:
        block, _, role = name.rpartition(".")
        count = self.channels.get(block)
        if not count or (role != "kernel" and block not in self.single):
            return value
        order = channels_last(value.shape[0], count)
        return value[np.argsort(order)] if to_b else value[order]


def channels_last(features: int, channels: int) -> np.ndarray:
    """Return where features in (channels, positions) are, in (positions, channels) order.

    Of a negative number of channels the other way round.
    """
    order = np.arange(features).reshape(abs(channels), -1).T.ravel()
    return order if channels > 0 else np.argsort(order)


def shapes_of(blocks: Sequence[PortBlock]) -> dict[str, ArrayShape]:
    """Return the shapes of all variables by "block.role"."""
    return {
        f"{block.name}.{role}": tuple(shape)
        for block in blocks
        for role, shape in block.variables.items()
    }


def pair(a: Sequence[PortBlock], b: Sequence[PortBlock]) -> VariablePairing:
    """Pair blocks given in the order of their calls. Raises Unpaired, with a table of both."""
    pairing = VariablePairing()
    groups_a, groups_b = _groups(a), _groups(b)
    if not _alike(groups_a, groups_b):
        groups_a, groups_b = (_groups(split_attention.split(one)) for one in (a, b))
        if not _alike(groups_a, groups_b):
            in_order = by_order.pair(a, b)
            if in_order is not None:
                pairing.variables, pairing.blocks = in_order
                return pairing
            groups_a, groups_b = _by_order_of_the_rest(a, b, pairing)
    for key, own in groups_b.items():
        named = _by_name(groups_a[key], own)
        if named is not None:
            pairing.named |= {block.name for block in own}
        for block_b, block_a in zip(own, named or groups_a[key], strict=True):
            _pair_blocks(block_a.name, block_b.name, pairing)
            _pair_roles(block_a, block_b, pairing)
    return pairing


def _by_order_of_the_rest(
    a: Sequence[PortBlock], b: Sequence[PortBlock], pairing: VariablePairing
) -> tuple[_Groups, _Groups]:
    """Pair by order what one network has in other layers; return the groups that both have.

    Raises Unpaired where that cannot be done.
    """
    groups = _groups(a), _groups(b)
    both = {key for key, own in groups[0].items() if len(groups[1].get(key, ())) == len(own)}
    rest = ([block for block in side if signature(block) not in both] for side in (a, b))
    in_order = by_order.pair(*rest)
    if in_order is None:
        raise different_sizes(a, b)
    pairing.variables, pairing.blocks = in_order
    own, other = ({key: one[key] for key in one if key in both} for one in groups)
    return own, other


def _pair_blocks(a: str, b: str, pairing: VariablePairing) -> None:
    """Pair two blocks; of attention in four layers, the last one with the whole."""
    whole = split_attention.whole_name
    names = whole(a), whole(b)
    if split_attention.has_role(a, b, "output"):
        pairing.blocks[names[1]] = names[0]
    if (a, b) != names and split_attention.has_role(a, b, "query"):
        side = "b" if split_attention.is_part(b) else "a"
        pairing.entries[side, names[side == "b"]] = names


def pair_by(
    chosen: dict[str, str], a: Sequence[PortBlock], b: Sequence[PortBlock]
) -> VariablePairing:
    """Pair by what the user says: B's variables to A's. Raises Unpaired for what does not fit.

    A name that ends in .T is a matrix to be transposed.
    """
    shapes_a, shapes_b = shapes_of(a), shapes_of(b)
    turned = {own for own, other in chosen.items() if other.endswith(TRANSPOSED)}
    chosen = {own: other.removesuffix(TRANSPOSED) for own, other in chosen.items()}
    missing = [name for name in shapes_b if name not in chosen]
    strange = [*(set(chosen) - set(shapes_b)), *(set(chosen.values()) - set(shapes_a))]
    if missing or strange:
        raise Unpaired(
            f"the map lacks {', '.join(missing) or 'nothing'} and names "
            f"{', '.join(sorted(strange)) or 'nothing'} that is not there"
        )
    named = {one.name for one in b}
    pairing = VariablePairing(variables=dict(chosen), turned=turned, named=named)
    for own, other in chosen.items():
        if not fits(shapes_a[other], shapes_b[own]):
            raise Unpaired(
                f"the map pairs {own} {shapes_b[own]} with {other} {shapes_a[other]}: "
                f"expected one shape"
            )
        pairing.blocks.setdefault(own.rpartition(".")[0], other.rpartition(".")[0])
    return pairing


def first_weights(values: NamedArrays, blocks: Sequence[PortBlock]) -> NamedArrays:
    """Return A's first values, with noise on what starts constant, so that each matters."""
    random = np.random.default_rng(0)
    made = {}
    known = shapes_of(blocks)
    for name, value in values.items():
        key = name.removeprefix(WEIGHT)
        role = key.rpartition(".")[2]
        if key not in known:
            continue
        if value.ndim > 1 and np.ptp(value) > 0:
            made[key] = value
        elif "variance" in role:
            made[key] = (value + random.uniform(0, 1, value.shape)).astype(value.dtype)
        else:
            made[key] = (value + 0.1 * random.normal(size=value.shape)).astype(value.dtype)
    return made


_Groups = dict[tuple[object, ...], list[PortBlock]]


def _groups(blocks: Sequence[PortBlock]) -> _Groups:
    groups: _Groups = defaultdict(list)
    for block in blocks:
        groups[signature(block)].append(block)
    return groups


def _alike(a: _Groups, b: _Groups) -> bool:
    return {key: len(own) for key, own in a.items()} == {key: len(own) for key, own in b.items()}


def _by_name(a: list[PortBlock], b: list[PortBlock]) -> list[PortBlock] | None:
    """Return A's blocks in B's order by their names, None where these are others, or numbers."""
    if any(_is_numbered(block) for block in (*a, *b)):
        return None
    tails_a, tails_b = (_numbered([_tail(block.name) for block in one]) for one in (a, b))
    if set(tails_a) == set(tails_b):
        return [a[tails_a.index(tail)] for tail in tails_b]
    return None


def _is_numbered(block: PortBlock) -> bool:
    """Say whether a block has the name that its place gave it: "3", "dense_1"."""
    tail = _tail(block.name)
    return tail.isdigit() or _PLACE.sub("", tail).replace("_", "") == block.kind.lower()


_PLACE = re.compile(r"_\d+$")


def _numbered(tails: list[str]) -> list[tuple[str, int]]:
    """Return each with how often it was there before."""
    return [(tail, tails[:place].count(tail)) for place, tail in enumerate(tails)]


_ALIASES = {"q": "query", "k": "key", "v": "value", "o": "output", "out": "output"}


def _tail(name: str) -> str:
    """Return a block's own name in plain words: "q_proj" and "query" are one."""
    last = name.replace("/", ".").rpartition(".")[2].lower()
    for ending in ("_proj", "_projection", "_dense", "_linear"):
        last = last.removesuffix(ending)
    return _ALIASES.get(last, last)


def _pair_roles(a: PortBlock, b: PortBlock, pairing: VariablePairing) -> None:
    """Pair the variables of two blocks: by role, else by a shape that is there once."""
    if len(a.variables) != len(b.variables):
        raise _missing_role(a, b)
    name_a, name_b = (split_attention.whole_name(one.name) for one in (a, b))
    left_a = {role: tuple(shape) for role, shape in a.variables.items()}
    left_b = {role: tuple(shape) for role, shape in b.variables.items()}
    for role in [role for role in left_b if role in left_a]:
        if fits(left_a[role], left_b[role]):
            pairing.variables[f"{name_b}.{role}"] = f"{name_a}.{role}"
            del left_a[role], left_b[role]
    several = dict(left_a)
    for role, shape in left_b.items():
        fitting = [other for other, own in left_a.items() if fits(own, shape)]
        if not fitting:
            raise Unpaired(
                f"'{name_b}' has {role} {shape}, and nothing of '{name_a}' has that shape",
                layers=(name_a, name_b),
            )
        pairing.variables[f"{name_b}.{role}"] = f"{name_a}.{fitting[0]}"
        del left_a[fitting[0]]
        choices = [other for other, own in several.items() if fits(own, shape)]
        if len(choices) > 1:
            pairing.unsure[f"{name_b}.{role}"] = tuple(f"{name_a}.{one}" for one in choices)


def _missing_role(a: PortBlock, b: PortBlock) -> Unpaired:
    only_a = [role for role in a.variables if role not in b.variables]
    only_b = [role for role in b.variables if role not in a.variables]
    missing = "bias" if any("bias" in role for role in (*only_a, *only_b)) else "variable"
    other = layer_settings.of_kinds(a, b)
    trap = other.name if other else f"{missing} missing"
    name_a, name_b = (split_attention.whole_name(one.name) for one in (a, b))
    return Unpaired(
        f"'{name_a}' has {', '.join(a.variables)}; '{name_b}' has {', '.join(b.variables)}",
        trap,
        (name_a, name_b),
    )
