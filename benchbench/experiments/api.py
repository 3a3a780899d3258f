"""`import benchbench as bb`: what the command line does, for a program or a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchbench.certificates import Certificate
from benchbench.errors import BenchbenchError, UsageError
from benchbench.experiments import matrix as matrices
from benchbench.experiments.certified_cells import certify_each
from benchbench.experiments.device_cells import session_device
from benchbench.experiments.listener import Listener, Silent
from benchbench.experiments.names import LOCAL, find_model
from benchbench.experiments.results import Results
from benchbench.experiments.resume import resume as resume_session
from benchbench.experiments.selection import (
    find_backends,
    find_cells,
    find_processors,
    must_be_unique,
)
from benchbench.experiments.session import find_dataset
from benchbench.experiments.steady import Steady, find_steady
from benchbench.plugins.registry import Registry, load_registry
from benchbench.quantities import time_limit, whole_number
from benchbench.run.store import Store, results_folder
from benchbench.spec.files import load_protocol
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol

_TIMEOUT_SECONDS = 3600.0


def run(
    *,
    backends: str | Sequence[str],
    models: str | Path | ModelSpec | Sequence[str | Path | ModelSpec],
    division: str = "idiomatic",
    device: str | Sequence[str] = "auto",
    dataset: str | Path = "auto",
    protocol: TrainingProtocol | str | Path | None = None,
    blocks: int = 1,
    threads: int | None = None,
    seed: int = 0,
    results: str | Path | None = None,
    certify: bool = True,
    quick: bool = False,
    timeout_seconds: float = _TIMEOUT_SECONDS,
    executor: str = LOCAL,
    executor_options: str | Path | None = None,
    include_host: bool = False,
    wait_for_quiet: float | None = None,
    steady_epochs: Steady | None = None,
    listener: Listener | None = None,
) -> Results:
    """Train models under backends, interleaved, each run in a process of its own.

    `models` are names of the catalog, TOML files or specs, one or several; `division` a name, or
    "all"; `backends` may be of another environment ("torch@venvs/old"), and `device` several, side
    by side. Every record is saved below `results` (default: BENCHBENCH_RESULTS, else ./results).
    `certify`: first prove that each cell trains the function of its spec. `executor`: where blocks
    run, "local", "slurm", "dask" or what a plugin offers; `executor_options`: a TOML file or an
    address, as on the command line. `include_host`: records name the machine, not a hash of its
    name.
    `wait_for_quiet`: begin when nothing else is at work here, after so many seconds at the latest.
    `steady_epochs`: train each run on until it has so many epochs 2 and on, or "auto".
    A run that fails is in the results, with its reason; raises a BenchbenchError for what makes no
    sense or is not there.
    """
    time_limit(timeout_seconds, "timeout_seconds")
    if wait_for_quiet is not None:
        time_limit(wait_for_quiet, "wait_for_quiet", least=0)
    blocks, seed = whole_number(blocks, "blocks"), whole_number(seed, "seed")
    threads = None if threads is None else whole_number(threads, "threads", least=1)
    if steady_epochs is not None and steady_epochs != "auto":
        steady_epochs = whole_number(steady_epochs, "steady_epochs")
    hears = listener or Silent()
    registry = load_registry()
    specs = _models(_several(models, "models"), registry)
    devices = [device] if isinstance(device, str) else list(device)
    training = _protocol(protocol)
    store = Store(results_folder(Path(results) if results is not None else None))
    matrix = matrices.Matrix(
        cells=find_cells(
            find_backends(_several(backends, "backends"), registry), division, specs, devices
        ),
        protocol=training,
        certified_protocol=training if certify else None,
        dataset=find_dataset(str(dataset), registry, specs, quick=quick, note=hears.note),
        device=session_device(devices),
        threads=threads,
        seed=seed,
        blocks=blocks,
        until=None,
        steady=find_steady(steady_epochs, training, blocks=blocks),
        timeout_seconds=timeout_seconds,
        not_certified="certify=False was given",
        quiet_seconds=wait_for_quiet,
        executor=executor,
        executor_options=None if executor_options is None else str(executor_options),
        include_host=include_host,
    )
    store.prepare()
    _, records = matrices.run_matrix(matrix, registry, store, hears)
    return Results(tuple(records))


def resume(
    session: str, *, results: str | Path | None = None, listener: Listener | None = None
) -> Results:
    """Run what a session lacks that was interrupted or lost a run; return all its runs.

    `session` is its id: `results.records[0].session_id`, or `session_id` of the KeyboardInterrupt
    that ended `run`. `results` is the folder that `run` saved into. Raises a BenchbenchError for a
    session that is unknown or whole, and where machine, versions, data or code are not those of its
    first blocks.
    """
    if not isinstance(session, str):
        raise UsageError(
            f"resume needs the id of a session, such as results.records[0].session_id, but got "
            f"{type(session).__name__}"
        )
    store = Store(results_folder(Path(results) if results is not None else None))
    _, records = resume_session(session, store, listener or Silent())
    return Results(tuple(records))


def certify(
    *,
    backend: str,
    model: str | Path | ModelSpec,
    division: str = "idiomatic",
    device: str = "auto",
    protocol: TrainingProtocol | str | Path | None = None,
    threads: int | None = None,
    seed: int = 0,
    timeout_seconds: float = _TIMEOUT_SECONDS,
) -> Certificate:
    """Compare one cell with the float64 reference; return its certificate, whatever it says.

    Raises a BenchbenchError with the reason where there is none: the backend does not do the model,
    its process died, the spec is too large.
    """
    time_limit(timeout_seconds, "timeout_seconds")
    seed = whole_number(seed, "seed")
    threads = None if threads is None else whole_number(threads, "threads", least=1)
    if not isinstance(backend, str):
        raise UsageError(f"backend: expected the name of one, but it is {backend!r}")
    registry = load_registry()
    cells = find_cells(find_backends([backend], registry), division, _models([model], registry))
    if len(cells) != 1:
        raise UsageError("a certificate is of one backend's division: name one of each")
    thread_count, cpus = find_processors(threads)
    ((_, done),) = certify_each(
        cells,
        _protocol(protocol),
        registry,
        device=device,
        threads=thread_count,
        cpus=cpus,
        timeout_seconds=timeout_seconds,
        seeds=(seed,),
    )
    if done.certificate is None:
        raise BenchbenchError(
            f"{backend} {cells[0].division}, {cells[0].model.name}: no certificate: {done.reason}"
        )
    return done.certificate


def _several(given: Any, name: str) -> list[Any]:
    """Return what was given as a list, also where it is one thing. Raises UsageError for none."""
    several = [given] if isinstance(given, str | Path | ModelSpec) else list(given)
    if not several:
        raise UsageError(f"{name}: expected one or more, but there are none")
    return several


def _models(models: Sequence[str | Path | ModelSpec], registry: Registry) -> list[ModelSpec]:
    return must_be_unique(
        [
            model if isinstance(model, ModelSpec) else find_model(str(model), registry)
            for model in models
        ]
    )


def _protocol(protocol: TrainingProtocol | str | Path | None) -> TrainingProtocol:
    if protocol is None:
        return TrainingProtocol()
    return protocol if isinstance(protocol, TrainingProtocol) else load_protocol(Path(protocol))
