"""What a difference looks like, in words one can act on: a file a rung, and one an optimizer.

None of these raises, whatever it is given: an answer that nothing can be made of is shown.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

import numpy as np

from benchbench.certify.diagnosis import epochs, predictions, score, update, variables
from benchbench.certify.diagnosis.variables import array_names

__all__ = [
    "array_names",
    "of_epochs",
    "of_predictions",
    "of_returned",
    "of_score",
    "of_shapes",
    "of_update",
]

Given = ParamSpec("Given")


def _never_raising(explain: Callable[Given, str]) -> Callable[Given, str]:
    @functools.wraps(explain)
    def safe(*arguments: Given.args, **options: Given.kwargs) -> str:
        try:
            with np.errstate(all="ignore"):
                return explain(*arguments, **options)
        except Exception as error:
            answers = ", ".join(map(_shown, (*arguments, *options.values())))
            return f"no idea ({type(error).__name__}: {error}); compared were {answers}"

    return safe


def _shown(value: Any) -> str:
    """Return an array's type, shape and ends; of all else the name of its type."""
    if isinstance(value, np.ndarray):
        ends = np.array2string(value, threshold=6, edgeitems=2, precision=4).replace("\n", "")
        return f"{value.dtype} {value.shape} {ends}"
    return type(value).__name__


of_shapes = _never_raising(variables.of_shapes)
of_returned = _never_raising(variables.of_returned)
of_predictions = _never_raising(predictions.of_predictions)
of_score = _never_raising(score.of_score)
of_epochs = _never_raising(epochs.of_epochs)
of_update = _never_raising(update.of_update)
