"""The name that a spec earns by what it says: a hash of the function trained, not of its label."""

from __future__ import annotations

import hashlib

import msgspec

from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol


def spec_sha256(model: ModelSpec, protocol: TrainingProtocol) -> str:
    """Return the SHA-256 of model and protocol as canonical JSON, in hexadecimal.

    Every field counts, defaults written out, but for the model's name: two files that describe the
    same layers train the same function.
    """
    content = {
        "input_shape": model.input_shape,
        "layers": model.layers,
        "protocol": protocol,
    }
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
