"""What does not fit together in a model's file, also where single fields of it are wrong."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from types import MappingProxyType
from typing import Any

import msgspec

from benchbench.errors import SpecError
from benchbench.spec.faults import Fault
from benchbench.spec.layers import Layer
from benchbench.spec.model import MOST_LAYERS, ModelSpec
from benchbench.spec.placement import misplaced, shape_misfits

# No shape hangs on these fields: where one is wrong, the layer is read with this in its place.
_STAND_INS: Mapping[str, object] = MappingProxyType(
    {
        "activation": "linear",
        "causal": False,
        "epsilon": 1e-3,
        "function": "linear",
        "momentum": 0.9,
        "rate": 0.0,
        "use_bias": True,
    }
)


def find_misfits(table: Mapping[str, Any], known: Sequence[Fault]) -> Iterator[Fault]:
    """Yield what does not fit together, as far as the fields can be read.

    `known` are the faults of single fields. Of shapes nothing is said behind the first layer whose
    own shape is at fault.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(ModelSpec)}
    items = table.get("layers")
    if not isinstance(items, list) or not 0 < len(items) <= MOST_LAYERS:
        return
    layers = [_layer(item, index, known) for index, item in enumerate(items)]
    readable = [layer for layer in takewhile(bool, layers) if layer is not None]
    shape = _read(table.get("input_shape"), fields["input_shape"].type)
    if shape is not None:
        for error in shape_misfits(readable, shape):
            yield Fault(error.reason, error.path)
    input_type = _read(table.get("input_type", "float32"), fields["input_type"].type)
    if len(readable) == len(items):
        for error in misplaced(readable, input_type or ""):
            yield Fault(error.reason, error.path)


def _layer(item: object, index: int, known: Sequence[Fault]) -> Layer | None:
    """Return a layer, stand-ins in place of its wrong fields; None where its shape hangs on one."""
    item = copy.deepcopy(item)
    for fault in known:
        if fault.path[:2] == ("layers", index) and not _mended(item, fault.path[2:]):
            return None
    layer: Layer | None = _read(item, Layer)
    return layer


def _mended(item: Any, path: tuple[str | int, ...]) -> bool:
    """Put a stand-in at the path, and say whether there is one for it."""
    if not path or path[-1] not in _STAND_INS:
        return False
    for key in path[:-1]:
        item = item[key]
    item[path[-1]] = _STAND_INS[str(path[-1])]
    return True


def _read(value: object, kind: Any) -> Any:
    """Return the value as the kind, None where it is none."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, SpecError):
        return None
