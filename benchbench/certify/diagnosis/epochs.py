"""What a difference over several epochs looks like, where ten steps agreed."""

from __future__ import annotations

from collections.abc import Sequence


def of_epochs(differences: Sequence[float], tolerance: float) -> str:
    """Say from which epoch on the weights differ, and what acts only so late."""
    first = next(
        (number for number, one in enumerate(differences, 1) if not one <= tolerance),
        len(differences),
    )
    course = ", ".join(f"{one:.1e}" for one in differences)
    told = f"ten steps agree; after each of {len(differences)} epochs it differs by {course}"
    if first == 1:
        return (
            f"{told}. The first epoch differs: what acts from some step on, or with more samples "
            f"than ten batches (a step left out or repeated, a schedule of the rate, a precision "
            f"that changes, a limit on the number of samples)"
        )
    return (
        f"{told}. It begins with epoch {first}: what happens between epochs (state or rate that is "
        f"reset or decays, an early stop, weights that are averaged or restored)"
    )
