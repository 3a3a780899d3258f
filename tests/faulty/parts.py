"""What the faults of sequences share: a fault in one part of the network, and protocols."""

from __future__ import annotations

import benchbench
from benchbench import TrainingProtocol
from faulty.fault import Fault

FORWARD, ONE = "forward", "update after 1 step"
PROTOCOL = TrainingProtocol(batch_size=32)
PLAIN = TrainingProtocol(batch_size=32, optimizer=benchbench.SGD(0.1))
RMSPROP = TrainingProtocol(batch_size=32, optimizer=benchbench.RMSprop())
CLIPPED = TrainingProtocol(batch_size=32, optimizer=benchbench.SGD(0.1), clip_norm=0.05)
CLIPPED_ADAM = TrainingProtocol(batch_size=32, clip_norm=0.05)


def fault(name, description, part, kind, where=FORWARD, *, applies, under=PROTOCOL, **options):
    """Return a fault that puts `kind` in the place of the network's `part`."""
    return Fault(
        name,
        description,
        where,
        parts={f"network.{part}": kind, **options.pop("parts", {})},
        applies=applies,
        protocol=under,
        **options,
    )
