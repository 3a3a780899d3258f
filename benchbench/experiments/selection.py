"""What the options of several verbs name: models, backends, cells, a protocol, processors."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from benchbench.errors import Unavailable, UsageError, nearest
from benchbench.experiments.names import backends_of_file, find_backend, find_divisions, find_model
from benchbench.quantities import fraction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchbench.compare.contrast import Question
    from benchbench.plugins.contract import BackendInfo
    from benchbench.plugins.registry import Registry
    from benchbench.records import RunRecord
    from benchbench.run.plan import Cell
    from benchbench.spec.model import ModelSpec
    from benchbench.spec.protocol import TrainingProtocol

_QUICK_EPOCHS = 2


def find_question(
    margin: str = "3%", confidence: str = "95%", *, allow_lost_blocks: bool = False
) -> Question:
    """Return the question that these options ask. Raises UsageError for what is no fraction."""
    from benchbench.compare.contrast import Question

    return Question(
        margin=fraction(margin, "--margin"),
        confidence=fraction(confidence, "--confidence", "95% or 0.95"),
        allow_lost_blocks=allow_lost_blocks,
    )


def model_names(names: Sequence[str], *, everything: bool = False) -> list[str]:
    """Return the names, with those that "all" and "catalog" stand for in their places.

    "catalog" is every model of the core, "all" the four that have published figures, or, with
    `everything`, the catalog too.
    """
    from benchbench.spec.catalog import MODELS, MORE_MODELS

    catalog = [*MODELS, *MORE_MODELS]
    several = {"catalog": catalog, "all": catalog if everything else [*MODELS]}
    return [one for name in names for one in several.get(name, [name])]


def find_models(
    names: Sequence[str], registry: Registry, *, everything: bool = False
) -> list[ModelSpec]:
    """Return the models of these names or files, each once; see `model_names`."""
    return must_be_unique(
        [find_model(name, registry) for name in model_names(names, everything=everything)]
    )


def must_be_unique(models: Sequence[ModelSpec]) -> list[ModelSpec]:
    """Return the models, each once. Raises UsageError where two of them share a name."""
    models = list(dict.fromkeys(models))
    labels = [model.name for model in models]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise UsageError(
            f"different models share the name {', '.join(twice)}; give one of them another name"
        )
    return models


def find_backends(names: list[str], registry: Registry) -> list[BackendInfo]:
    """Return the backends of these names; 'all' are those whose framework is installed.

    A file that was announced stands for the backends that it offers; "torch@venvs/old" is the
    backend of another environment.
    """
    from benchbench.experiments.environments.backends import find_elsewhere, told_apart
    from benchbench.experiments.environments.names import split_environment
    from benchbench.plugins.plugin_files import is_plugin_file
    from benchbench.plugins.registry import missing_requirements

    found: list[BackendInfo] = []
    for wanted in names:
        name, environment = split_environment(wanted)
        if environment is not None:
            of_file = backends_of_file(name, registry) if is_plugin_file(name) else ()
            for one in [info.name for info in of_file] or [name]:
                found += find_elsewhere(one, environment)
            continue
        if name == "all":
            infos = [offer.item for offer in registry.backends.values()]
            found += [info for info in infos if not missing_requirements(info)]
            continue
        if is_plugin_file(name):
            found += backends_of_file(name, registry)
            continue
        found.append(find_backend(name, registry))
    return told_apart(list(dict.fromkeys(found)))


def find_cells(
    backends: Sequence[BackendInfo],
    division: str,
    models: Sequence[ModelSpec],
    devices: Sequence[str] | None = None,
) -> list[Cell]:
    """Return a cell for each backend, division and model, and each device where there are several.

    Raises Unavailable for a device that a backend does not have, UsageError for one named twice.
    """
    from benchbench.experiments.device_cells import place_cells

    return [
        cell
        for info in backends
        for one in find_divisions(info, division)
        for model in models
        for cell in place_cells(info, one, model, devices or ())
    ]


def find_protocol(
    path: Path | None,
    epochs: int | None,
    batch_size: int | None = None,
    *,
    quick: bool = False,
    models: Sequence[ModelSpec] = (),
) -> TrainingProtocol:
    """Return the protocol of this file, or the default one, with what else was asked for.

    `quick` trains two epochs unless it is told how many. Raises UsageError, with the line, where
    the loss does not fit the output of one of the models.
    """
    import msgspec

    from benchbench.spec.files import load_protocol, require_task
    from benchbench.spec.protocol import TrainingProtocol

    protocol = load_protocol(path) if path else TrainingProtocol()
    for model in models:
        require_task(model, protocol, path)
    if epochs is None and quick:
        epochs = _QUICK_EPOCHS
    wanted = {"epochs": epochs, "batch_size": batch_size}
    changes = {name: value for name, value in wanted.items() if value is not None}
    return msgspec.structs.replace(protocol, **changes)


def find_certified_protocol(
    path: Path | None, batch_size: int | None, *, certify: bool
) -> TrainingProtocol | None:
    """Return the protocol that cells are certified by, or None where none is.

    Raises UsageError for a batch size that nothing is certified with.
    """
    if certify:
        return find_protocol(path, None, batch_size)
    if batch_size is not None:
        raise UsageError(
            "--certify-batch changes nothing beside --no-certify: leave out one of the two"
        )
    return None


def find_processors(threads: int | None) -> tuple[int, tuple[int, ...] | None]:
    from benchbench.measure.machine import physical_cores, processors, usable_cores

    usable = usable_cores()
    count = physical_cores() if threads is None else threads
    if not 1 <= count <= usable:
        raise UsageError(
            f"--threads {count}: this process may use {usable} logical cores here; "
            f"give a number from 1 to {usable}"
        )
    return count, processors(count)


def must_have_pytest() -> None:
    """Raise Unavailable where the conformance suite has nothing to run under."""
    if importlib.util.find_spec("pytest") is None:
        raise Unavailable(
            "the conformance suite runs under pytest, which is not installed; install it with: "
            "pip install 'benchbench-harness[test]'"
        )


def only(
    records: Sequence[RunRecord], kind: str, wanted: str | None, ids: Sequence[str]
) -> list[RunRecord]:
    """Return the records whose id is the wanted one; all where none is. Raises UsageError."""
    if wanted is None:
        return list(records)
    if wanted not in ids:
        raise UsageError(
            f"there is no {kind} '{wanted}'{nearest(wanted, ids)} in the results; the latest of "
            f"{len(set(ids)):,} is {ids[-1]}"
        )
    return [record for record, id_ in zip(records, ids, strict=True) if id_ == wanted]
