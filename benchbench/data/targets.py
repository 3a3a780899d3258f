"""What a data set has to learn, and whether it is what a model learns."""

from __future__ import annotations

import dataclasses

import msgspec

from benchbench.data.dataset import Dataset, Split
from benchbench.spec.losses import BinaryCrossEntropy, CrossEntropy
from benchbench.spec.model import ModelSpec
from benchbench.spec.task import Task
from benchbench.spec.variables import Shape


class TargetKind(msgspec.Struct, frozen=True):
    """The targets of a data set: of one sample their `shape`; classes or `values`.

    `classes` is how many there are; null where the targets are values and none of them is the
    number of a class. `unit`: values that all lie from 0 to 1.
    """

    shape: Shape
    values: bool = False
    classes: int | None = None
    unit: bool = False

    def describe(self) -> str:
        """Return it in words."""
        if not self.values:
            return f"{self.classes} classes" + (f" at each of {self.shape}" if self.shape else "")
        return f"values of shape {self.shape}" + (" from 0 to 1" if self.unit else "")


def kind_of(dataset: Dataset) -> TargetKind:
    """Return the kind of a data set's targets."""
    targets = [part.targets for part in (dataset.train, dataset.validation, dataset.test)]
    shape = targets[0].shape[1:]
    if targets[0].dtype.kind in "iu":
        return TargetKind(shape, classes=dataset.classes)
    unit = all(bool(one.min() >= 0 and one.max() <= 1) for one in targets)
    return TargetKind(shape, values=True, classes=dataset.classes, unit=unit)


def misfit(
    model: ModelSpec,
    task: Task,
    input_shape: Shape | None,
    kind: TargetKind | None,
    dataset: str,
    *,
    tokens: int | None = None,
) -> str | None:
    """Return why the model does not take the data set, with the cure; None where it does.

    What nobody has looked at, `input_shape` or `kind`, is None, and fits. `tokens` is how many
    different tokens the inputs may have, None for values.
    """
    if input_shape is not None:
        told = _input_misfit(model, input_shape, dataset, tokens)
        if told:
            return told
    if kind is None or _fits(task, kind):
        return None
    needed = f"the model '{model.name}' learns {task.loss.kind}"
    match task.loss:
        case CrossEntropy() if kind.classes is not None and kind.classes > (task.classes or 0):
            return (
                f"the model '{model.name}' tells {task.classes} classes apart, but '{dataset}' has "
                f"{kind.classes}: give the output layer as many units"
            )
        case CrossEntropy():
            needed += f" over {task.classes} classes, one for {task.target_shape or 'a sample'}"
            cure = (
                "values need a linear output layer and the loss MeanSquaredError; classes are "
                "numbered from 0, without a gap"
            )
            if not kind.values:
                places = "".join(f"{size}, " for size in kind.shape)
                cure = f"that needs an output of shape ({places}classes)"
        case BinaryCrossEntropy():
            needed += f" of {task.target_shape} values from 0 to 1"
            cure = (
                "values that leave 0 to 1 need a linear output layer and the loss MeanSquaredError"
                if kind.values and not kind.unit
                else f"classes need a softmax; to learn the inputs themselves take "
                f"--dataset {dataset}:autoencoder"
            )
        case _:
            needed += f" of {task.target_shape} values"
            cure = "give the output layer one unit for each value; classes need a softmax"
    return f"{needed}, but the targets of '{dataset}' are {kind.describe()}: {cure}"


def adapted(dataset: Dataset, task: Task) -> Dataset:
    """Return a data set that fits with targets in the form that the task takes."""
    parts = (_adapted(one, task) for one in (dataset.train, dataset.validation, dataset.test))
    train, validation, test = parts
    return dataclasses.replace(dataset, train=train, validation=validation, test=test)


def _input_misfit(
    model: ModelSpec, input_shape: Shape, dataset: str, tokens: int | None
) -> str | None:
    """Return why the model does not take such inputs: their type, their shape, their tokens."""
    if tokens is None and model.input_type == "int32":
        return (
            f"the model '{model.name}' takes tokens, but the inputs of '{dataset}' are values of "
            f"shape {input_shape}: take a text, --dataset text:FILE, an npz of whole numbers, or "
            f"--dataset synthetic"
        )
    if tokens is not None and model.input_type != "int32":
        return (
            f"the model '{model.name}' takes values, but the inputs of '{dataset}' are tokens: "
            f'write input_type = "int32" and begin the model with an Embedding of {tokens} tokens, '
            f"or take another data set"
        )
    if input_shape != model.input_shape:
        return (
            f"the model '{model.name}' takes inputs of shape {model.input_shape}, but those of "
            f"'{dataset}' are {input_shape}: write input_shape = {list(input_shape)}, or "
            f"take another data set"
        )
    if tokens is not None and tokens > (model.vocabulary or 0):
        return (
            f"the model '{model.name}' knows {model.vocabulary} tokens, but '{dataset}' has "
            f"{tokens}: write vocabulary = {tokens} in its Embedding, and give the output layer as "
            f"many units where it is to predict them"
        )
    return None


def _fits(task: Task, kind: TargetKind) -> bool:
    single = task.target_shape == (1,)
    match task.loss:
        case CrossEntropy():
            one_a_sample = task.target_shape == () and kind.values and kind.shape == (1,)
            known = kind.classes is not None and kind.classes <= (task.classes or 0)
            return known and (one_a_sample or (kind.shape == task.target_shape and not kind.values))
        case BinaryCrossEntropy():
            if not kind.values:
                alike = kind.shape == task.target_shape or (single and kind.shape == ())
                return alike and kind.classes == 2
            return kind.unit and kind.shape == task.target_shape
        case _:
            return kind.values and kind.shape == task.target_shape


def _adapted(split: Split, task: Task) -> Split:
    targets = split.targets
    if task.classes and targets.dtype.kind == "f":
        targets = targets.reshape(len(targets), *task.target_shape).astype("int64")
    elif not task.classes and targets.dtype.kind in "iu":
        targets = targets.reshape(len(targets), *task.target_shape).astype("float32")
    else:
        return split
    targets.flags.writeable = False
    return Split(split.inputs, targets)
