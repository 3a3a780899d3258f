"""`benchbench run`: train the cells, interleaved; save a record of each; print what they say."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchbench.errors import Unavailable, UsageError

if TYPE_CHECKING:
    from benchbench.data.catalog import Chosen
    from benchbench.plugins.contract import BackendInfo
    from benchbench.plugins.registry import Registry
    from benchbench.records import RunRecord
    from benchbench.run.plan import Cell, Plan
    from benchbench.run.store import Store
    from benchbench.spec.model import ModelSpec
    from benchbench.spec.protocol import TrainingProtocol

_TIMEOUT_SECONDS = 3600.0
_QUICK_EPOCHS = 2


class DivisionChoice(StrEnum):
    """What `--division` takes."""

    IDIOMATIC = "idiomatic"
    TUNED = "tuned"
    ALL = "all"


def run(  # noqa: PLR0917 - one parameter an option
    backend: Annotated[
        list[str], typer.Option("--backend", "-b", help="A backend, or 'all' that are ready.")
    ],
    model: Annotated[
        list[str], typer.Option("--model", "-m", help="A model, 'all', or a TOML file.")
    ],
    division: Annotated[
        DivisionChoice, typer.Option(help="'all' runs every division a backend has.")
    ] = DivisionChoice.IDIOMATIC,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, or a device's name.")] = "auto",
    dataset: Annotated[
        str, typer.Option(help="auto, mnist, digits, or a folder of IDX files.")
    ] = "auto",
    protocol: Annotated[
        Path | None, typer.Option(help="A TOML file with another training protocol.")
    ] = None,
    blocks: Annotated[
        int, typer.Option(min=1, help="Repeat everything; block b trains with seed + b.")
    ] = 1,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs in place of 5.")] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; default: the physical cores.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="For first weights and shuffling.")] = 0,
    results: Annotated[
        Path | None, typer.Option(help="Where records go; default BENCHBENCH_RESULTS or results.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds of work after which a run is given up.")
    ] = _TIMEOUT_SECONDS,
    quick: Annotated[
        bool, typer.Option("--quick", help="A tenth of the images, 2 epochs: does it work at all?")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the records as JSON, not tables.")
    ] = False,
) -> None:
    """Train models under backends and compare what they take.

    Every run has a process of its own; the runs of one model take turns, epoch by epoch.
    """
    from benchbench.plugins.registry import load_registry
    from benchbench.run.plan import make_plan
    from benchbench.run.store import Store, results_folder

    registry = load_registry()
    models = _models(model, registry)
    cells = _cells(_backends(backend, registry), division, models)
    training = _protocol(protocol, epochs if epochs or not quick else _QUICK_EPOCHS)
    thread_count, cpus = _processors(threads)
    store = Store(results_folder(results))
    store.prepare()

    from benchbench.data import catalog

    offered = {name: offer.item for name, offer in registry.datasets.items()}
    chosen = catalog.choose(dataset, offered, quick=quick)
    if chosen.note:
        print(chosen.note, file=sys.stderr)
    _must_fit(models, chosen)
    plan = make_plan(
        cells,
        protocol=training,
        dataset=chosen,
        device=device,
        threads=thread_count,
        cpus=cpus,
        seed=seed,
        blocks=blocks,
    )
    records = _conduct(plan, store, timeout)
    _show(records, store.folder.parent, plan.session_id, as_json=as_json)
    raise typer.Exit(_exit_code(records))


def _models(names: list[str], registry: Registry) -> list[ModelSpec]:
    from benchbench.cli.names import find_model
    from benchbench.spec.catalog import MODELS

    found: list[ModelSpec] = []
    for name in names:
        found += MODELS.values() if name == "all" else [find_model(name, registry)]
    models = list(dict.fromkeys(found))
    labels = [model.name for model in models]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise UsageError(
            f"different models share the name {', '.join(twice)}; give one of them another name"
        )
    return models


def _backends(names: list[str], registry: Registry) -> list[BackendInfo]:
    """Return the backends of these names. Raises Unavailable, with the install command."""
    from benchbench.plugins.registry import install_command, missing_requirements

    found: list[BackendInfo] = []
    for name in names:
        if name == "all":
            infos = [offer.item for offer in registry.backends.values()]
            found += [info for info in infos if not missing_requirements(info)]
            continue
        info = registry.backend(name)
        missing = missing_requirements(info)
        if missing:
            raise Unavailable(
                f"the backend '{name}' needs {', '.join(missing)}, which is not installed; "
                f"install it with: {install_command(info)}"
            )
        found.append(info)
    return list(dict.fromkeys(found))


def _cells(
    backends: list[BackendInfo], division: DivisionChoice, models: list[ModelSpec]
) -> list[Cell]:
    from benchbench.run.plan import Cell

    cells = []
    for info in backends:
        wanted = info.divisions if division is DivisionChoice.ALL else (division.value,)
        for one in wanted:
            if one not in info.divisions:
                raise UsageError(
                    f"the backend '{info.name}' has no division '{one}'; it has "
                    f"{', '.join(info.divisions)} (--division all takes what there is)"
                )
            cells += [Cell(info, one, model) for model in models]
    return cells


def _protocol(path: Path | None, epochs: int | None) -> TrainingProtocol:
    import msgspec

    from benchbench.spec.files import load_protocol
    from benchbench.spec.protocol import TrainingProtocol

    protocol = load_protocol(path) if path else TrainingProtocol()
    return protocol if epochs is None else msgspec.structs.replace(protocol, epochs=epochs)


def _must_fit(models: list[ModelSpec], chosen: Chosen) -> None:
    """Raise UsageError for a model that does not take the images of the data set."""
    for model in models:
        if chosen.image_shape not in {None, model.input_shape}:
            raise UsageError(
                f"the model '{model.name}' takes images of {model.input_shape} (height, width, "
                f"channels), but those of '{chosen.name}' are {chosen.image_shape}"
            )
        if chosen.classes is not None and chosen.classes > model.classes:
            raise UsageError(
                f"the model '{model.name}' tells {model.classes} classes apart, but "
                f"'{chosen.name}' has {chosen.classes}"
            )


def _processors(threads: int | None) -> tuple[int, tuple[int, ...] | None]:
    from benchbench.measure.machine import physical_cores, processors, usable_cores

    usable = usable_cores()
    count = physical_cores() if threads is None else threads
    if count > usable:
        raise UsageError(
            f"--threads {count}: this process may use {usable} logical cores here; "
            f"give a number from 1 to {usable}"
        )
    return count, processors(count)


def _conduct(plan: Plan, store: Store, timeout: float) -> list[RunRecord]:
    from benchbench.cli.progress import progress
    from benchbench.run.conductor import Conductor
    from benchbench.run.plan import LIVE_WORKERS

    if len(plan.groups) > 1:
        print(
            f"{len(plan.runs)} runs in {len(plan.groups)} groups, one after another; the runs of a "
            f"group take turns (at most {LIVE_WORKERS} workers alive at once)",
            file=sys.stderr,
        )
    with progress() as listener:
        return list(Conductor(store=store, listener=listener, timeout=timeout).conduct(plan))


def _show(records: list[RunRecord], results: Path, session_id: str, *, as_json: bool) -> None:
    import shlex

    import msgspec

    from benchbench.report import single, tables

    if as_json:
        print(msgspec.json.format(msgspec.json.encode(records), indent=1).decode())
        return
    where = f"--results {shlex.quote(str(results))} "
    if len(records) == 1:
        print(single.render(records[0]))
        print(f"\nrecord: {results / 'runs' / records[0].run_id}.json")
        print(f"again:  benchbench report {where}--run {records[0].run_id}")
    else:
        print(tables.render(records, format="markdown"))
        print(f"\nrecords: {results / 'runs'}/{session_id}-*.json")
        print(f"again:   benchbench report {where}--session {session_id}")


def _exit_code(records: list[RunRecord]) -> int:
    """0 if all is well, 1 if a run or a check failed, 3 if nothing worse than a skip."""
    statuses = {record.status for record in records}
    if statuses <= {"ok"}:
        return 0
    return Unavailable.exit_code if statuses <= {"ok", "skipped"} else 1
