"""The protocol as a program of the ladder trains by it: what acts late is made to act within it."""

from __future__ import annotations

import msgspec

from benchbench.spec.protocol import TrainingProtocol

# A schedule is shortened to four fifths of a program's steps, so that what comes after its end is
# seen as well; in the programs of ten steps and fewer to this, so that they go along one course.
SHORTEST_SCHEDULE = 8


def schedule_steps(program_steps: int) -> int:
    """Return to how many steps a schedule is shortened in a program of so many."""
    return max(SHORTEST_SCHEDULE, program_steps * 4 // 5)


def as_trained(protocol: TrainingProtocol, *, steps: int, epochs: int) -> TrainingProtocol:
    """Return the protocol of a program of so many steps and epochs: in the order given."""
    optimizer = protocol.optimizer.shortened(schedule_steps(steps))
    return msgspec.structs.replace(protocol, epochs=epochs, shuffle=False, optimizer=optimizer)


def shortening(protocol: TrainingProtocol, steps: int) -> str:
    """Return in words how the schedule is shortened in a program; empty where it is not."""
    schedule = protocol.optimizer.schedule
    shortest = schedule_steps(steps)
    if schedule is None or schedule.shortened(shortest) == schedule:
        return ""
    return f"; the schedule's {schedule.stretch:,} steps shortened to {shortest}"
