"""Protocols that together say every word of the spec, each within the first few steps."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from benchbench.spec.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.schedules import Cosine, Exponential, Piecewise

_BATCH = 32


def _protocol(optimizer: Optimizer, clip_norm: float | None = None) -> TrainingProtocol:
    return TrainingProtocol(batch_size=_BATCH, optimizer=optimizer, clip_norm=clip_norm)


_WARM = Cosine(0.1, 6, alpha=0.1, warmup_steps=3, warmup_from=0.01)

PROTOCOLS: Mapping[str, TrainingProtocol] = MappingProxyType(
    {
        "sgd": _protocol(SGD(0.1)),
        "momentum": _protocol(SGD(0.05, momentum=0.9)),
        "nesterov": _protocol(SGD(0.05, momentum=0.9, nesterov=True)),
        "decayed momentum": _protocol(SGD(0.05, momentum=0.9, weight_decay=0.01)),
        "adam": _protocol(Adam()),
        "adam, corrected root": _protocol(Adam(epsilon=1e-6, epsilon_added_to="corrected_root")),
        "adamw": _protocol(AdamW(weight_decay=0.02)),
        "adamw, corrected root": _protocol(
            AdamW(Exponential(2e-3, 2, 0.5), epsilon_added_to="corrected_root", weight_decay=0.02)
        ),
        "rmsprop": _protocol(RMSprop()),
        "clipped": _protocol(SGD(0.1), clip_norm=0.05),
        "clipped adam": _protocol(Adam(), clip_norm=0.05),
        "cosine": _protocol(SGD(Cosine(0.1, 8), momentum=0.9)),
        "everything": _protocol(
            SGD(_WARM, momentum=0.8, nesterov=True, weight_decay=0.01), clip_norm=0.5
        ),
        "stairs": _protocol(RMSprop(Exponential(2e-3, 2, 0.5, staircase=True), rho=0.8)),
        "warm stairs": _protocol(
            Adam(Exponential(2e-3, 3, 0.3, True, warmup_steps=2, warmup_from=1e-4))
        ),
        "pieces": _protocol(RMSprop(Piecewise((2, 5), (2e-3, 5e-4, 1e-3)))),
        "warm pieces": _protocol(
            SGD(Piecewise((3, 4), (0.1, 0.02, 0.1), warmup_steps=2, warmup_from=0.01))
        ),
    }
)
