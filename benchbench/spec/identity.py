"""The name that a spec earns by what it says: a hash of the function trained, not of its label.

A spec grows: a layer or a protocol gets a field that it had not before, with a default that means
what was meant before. A hash that wrote such a field out at its default would change with every
release, and with it every certificate and record. So a spec class lists its `original_fields`,
those of its first release, which always count; a younger field is left out at its default, from the
hash, and from requests and records as well: a revision that does not know the field reads them.
What is no spec may list its `young_fields` instead, which are left out likewise.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

import msgspec

from benchbench.spec.losses import DEFAULT_LOSSES
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol


def spec_sha256(model: ModelSpec, protocol: TrainingProtocol) -> str:
    """Return the SHA-256 of model and protocol as canonical JSON, in hexadecimal.

    Everything counts but the model's name: two files that describe the same layers train the same
    function. So do two protocols of which one names the loss that the other takes by itself.
    """
    if protocol.loss == DEFAULT_LOSSES.get(model.output_activation):
        protocol = msgspec.structs.replace(protocol, loss=None)
    content = canonical({"model": model, "protocol": protocol})
    # The form of spec version 1: the model's fields stand beside the protocol.
    content = {**content["model"], "protocol": content["protocol"]}
    del content["name"]
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def canonical(value: Any) -> Any:
    """Return a struct, or what holds structs, as dictionaries and lists, young defaults left out.

    What is neither a struct nor a collection is returned as it is.
    """
    match value:
        case msgspec.Struct():
            return _fields(value)
        case dict():
            return {key: canonical(item) for key, item in value.items()}
        case list() | tuple():
            return [canonical(item) for item in value]
        case _:
            return value


def _fields(struct: msgspec.Struct) -> dict[str, Any]:
    config = struct.__struct_config__
    fields: dict[str, Any] = {} if config.tag is None else {str(config.tag_field): config.tag}
    original = getattr(struct, "original_fields", None)
    youngest = getattr(struct, "young_fields", ())
    for field in _fields_of(type(struct)):
        value = getattr(struct, field.name)
        young = field.name in youngest or (original is not None and field.name not in original)
        if not (young and value == field_default(field)):
            fields[field.encode_name] = canonical(value)
    return fields


@cache
def _fields_of(kind: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    # It evaluates the annotations anew each time, which took nine tenths of a comparison.
    return msgspec.structs.fields(kind)


def field_default(field: msgspec.structs.FieldInfo) -> object:
    """Return what the field is where nobody says; msgspec.NODEFAULT where it must be said."""
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default
