"""How long a certification will take, roughly, before it is begun."""

from __future__ import annotations

from benchbench.certify.exercise import PROGRAMS, SCHOOLING, STARTS, long_program
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol

# What the float64 reference does on one core, roughly: deeper-cnn took 25 s, two-layer 2 to 3.
_FLOPS_PER_SECOND = 8e9
_PARAMETERS_PER_SECOND = 4e8
_LONGEST_SECONDS = 300
# A program is gone through as it is, nudged up and nudged down; some draws are not steady.
_TIMES = 4


def too_large(model: ModelSpec, protocol: TrainingProtocol) -> str | None:
    """Return why this spec cannot be certified in reasonable time, with a batch that would do."""
    seconds = _seconds(model, protocol.batch_size)
    if seconds <= _LONGEST_SECONDS:
        return None
    told = (
        f"certifying '{model.name}' with batches of {protocol.batch_size} would take the "
        f"reference about {seconds / 60:.0f} minutes, more than {_LONGEST_SECONDS // 60}"
    )
    smaller = protocol.batch_size
    while smaller > 1 and _seconds(model, smaller) > _LONGEST_SECONDS:
        smaller //= 2
    if _seconds(model, smaller) > _LONGEST_SECONDS:
        return f"{told}, and no batch is small enough: certify a narrower model of the same layers"
    return f"{told}: try --batch-size {smaller}"


def _seconds(model: ModelSpec, batch_size: int) -> float:
    steps = _TIMES * len(STARTS) * sum(program.steps for program in PROGRAMS) + SCHOOLING.steps
    # As it is, nudged up and down, and what predictions of the large split take.
    long = long_program(model, batch_size)
    steps += 3 * long.steps + long.whole_batches
    of_a_step = model.training_flops * batch_size / _FLOPS_PER_SECOND
    return steps * (of_a_step + model.parameter_count / _PARAMETERS_PER_SECOND)
