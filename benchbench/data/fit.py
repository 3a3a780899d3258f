"""Does a model take the data set that was chosen, as far as that is known before it is loaded?"""

from __future__ import annotations

from benchbench.data.chosen import Chosen
from benchbench.data.targets import misfit
from benchbench.spec.model import ModelSpec
from benchbench.spec.task import Task


def misfit_of(model: ModelSpec, task: Task, chosen: Chosen) -> str | None:
    """Return why the model does not take the data set, with the cure; None where it does."""
    shape, kind, tokens = chosen.input_shape, chosen.targets, chosen.tokens
    if tokens is None or chosen.length is None:
        return misfit(model, task, shape, kind, chosen.name, tokens=tokens)
    from benchbench.data import text

    shape, kind = text.input_shape(model), text.target_kind(model, tokens)
    told = misfit(model, task, shape, kind, chosen.name, tokens=tokens)
    return told or text.shortage(model, chosen.length)
