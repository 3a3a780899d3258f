"""What a differing update looks like: a usual mistake, or else the array at fault."""

from __future__ import annotations

from benchbench.certify import diagnosis
from benchbench.certify.diagnosis.biases import doubled_bias
from benchbench.certify.diagnosis.state import of_state
from benchbench.certify.exercise import ONE_STEP, Exercise, Program
from benchbench.certify.mistaken_losses import mistaken_update
from benchbench.certify.mistakes import mistaken_optimizer
from benchbench.certify.occurrences import unsummed
from benchbench.certify.reference import Reference
from benchbench.certify.rows import Arrays, Row
from benchbench.certify.variants import mistaken_layer


def explain_update(
    reference: Reference,
    exercise: Exercise,
    given: Arrays,
    expected: Row,
    observed: Row,
    *,
    program: Program,
    draw: int,
) -> str:
    """Say what the update `observed`, from the weights `given`, looks like."""
    first = program == ONE_STEP
    mistake = None
    if first:
        size = exercise.protocol.batch_size
        mistake = mistaken_layer(reference, exercise, given, expected, observed, draw=draw)
        mistake = mistake or unsummed(reference, exercise, given, expected, observed, draw=draw)
        mistake = mistake or doubled_bias(exercise.model, expected, observed)
        mistake = mistake or of_state(exercise.model, given, expected, observed, batch_size=size)
        mistake = mistake or mistaken_update(
            reference, exercise, given, expected, observed, draw=draw
        )
    mistake = mistake or mistaken_optimizer(
        reference, exercise, given, expected, observed, program=program, draw=draw
    )
    return mistake or diagnosis.of_update(
        exercise.model,
        exercise.protocol,
        expected,
        observed,
        first=first,
        program=program,
        given=given,
    )
