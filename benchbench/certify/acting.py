"""The protocol as a program of the ladder trains by it: what acts late is made to act within it."""

from __future__ import annotations

import msgspec

from benchbench.spec.optimizers import Adam, AdamW, Optimizer
from benchbench.spec.protocol import TrainingProtocol

# A schedule is shortened to four fifths of a program's steps, so that what comes after its end is
# seen as well; in the programs of ten steps and fewer to this, so that they go along one course.
SHORTEST_SCHEDULE = 8


def schedule_steps(program_steps: int) -> int:
    """Return to how many steps a schedule is shortened in a program of so many."""
    return max(SHORTEST_SCHEDULE, program_steps * 4 // 5)


def as_trained(
    protocol: TrainingProtocol, *, steps: int, epochs: int, clip_norm: float | None = None
) -> TrainingProtocol:
    """Return the protocol of a program of so many steps and epochs: in the order given.

    `clip_norm` takes the place of the protocol's, if it is given.
    """
    optimizer = protocol.optimizer.shortened(schedule_steps(steps))
    return msgspec.structs.replace(
        protocol,
        epochs=epochs,
        shuffle=False,
        optimizer=optimizer,
        clip_norm=protocol.clip_norm if clip_norm is None else clip_norm,
    )


def changes(protocol: TrainingProtocol, steps: int, clip_norm: float | None = None) -> str:
    """Return in words what a program of so many steps changes of a protocol; empty for nothing."""
    schedule, told = protocol.optimizer.schedule, ""
    shortest = schedule_steps(steps)
    if schedule is not None and schedule.shortened(shortest) != schedule:
        told = f"; the schedule's {schedule.stretch:,} steps shortened to {shortest}"
    if clip_norm is not None:
        told += f"; clip_norm {protocol.clip_norm:g} lowered to {clip_norm:.3g}, so that it acts"
    return told


def why_unsteady(optimizer: Optimizer) -> str:
    """Return what may make an update grow out of a rounding."""
    if isinstance(optimizer, Adam | AdamW):
        return "Adam's update has no bound where beta_2 <= beta_1^2"
    return "a learning rate at which the loss grows does this: try a smaller one"
