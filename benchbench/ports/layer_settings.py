"""What two paired layers own up to in their settings; the settings' names are Keras's."""

from __future__ import annotations

import msgspec

from benchbench.plugins.ports import PortBlock, PortSetting
from benchbench.ports.report import Trap

_SHORT = {"BatchNormalization": "BatchNorm", "LayerNormalization": "LayerNorm"}
# Where a layer does not have the setting, it is as if it had this one.
_DEFAULTS: dict[str, PortSetting] = {"max_norm": "none"}


def of_layers(a: PortBlock, b: PortBlock) -> Trap | None:
    """Return the first setting of two layers that differs, for a forward pass."""
    for name in dict.fromkeys((*a.settings, *b.settings)):
        values = [one.settings.get(name, _DEFAULTS.get(name)) for one in (a, b)]
        left, right = values
        if name == "momentum" or left is None or right is None or same(left, right):
            continue
        if name == "cropping":
            return Trap("padding", f"it cuts {left} off its output, the other {right}")
        if name == "padding":
            symmetric = "on both sides" in f"{left}{right}"
            trap = "symmetric padding" if symmetric else "padding"
            words = (
                f"it pads {left}, the other {right}; 'same' with strides pads more at the end"
                if symmetric
                else f"it pads '{left}', the other '{right}'"
            )
            return Trap(trap, words)
        kind = _SHORT.get(a.kind, a.kind)
        return Trap(f"{kind} {name}", f"it has {name} {left}, the other {right}")
    return None


def of_kinds(a: PortBlock, b: PortBlock) -> Trap | None:
    """Return that two layers of the same variables normalise otherwise."""
    if a.kind == b.kind or not {a.kind, b.kind} <= _OVER.keys():
        return None
    told = [f"{_SHORT.get(one.kind, one.kind)} normalises {_OVER[one.kind]}" for one in (a, b)]
    return Trap("another normalization", f"{told[0]}; {told[1]}")


_OVER = {
    "BatchNormalization": "each channel over the batch",
    "LayerNormalization": "each sample over its features",
    "GroupNormalization": "each sample over groups of channels and all places",
    "RMSNormalization": "each sample by its root mean square, without a mean or a shift",
}


def of_unseen(a: PortBlock, b: PortBlock) -> Trap | None:
    """Return a setting of two layers that differs, however little these inputs show it."""
    if a.kind != b.kind:
        return None
    shown = [{name: one.settings[name] for name in _UNSEEN & one.settings.keys()} for one in (a, b)]
    replace = msgspec.structs.replace
    return of_layers(replace(a, settings=shown[0]), replace(b, settings=shown[1]))


_UNSEEN = {"epsilon", "max_norm"}


def same(left: PortSetting, right: PortSetting) -> bool:
    """Say whether two settings are one, whatever they are written as."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        return abs(left - right) <= 1e-6 * max(abs(left), abs(right))
    return str(left).lower() == str(right).lower()
