"""`benchbench run`: train the cells, interleaved; save a record of each; print what they say."""

from __future__ import annotations

import typer

from benchbench.cli import options
from benchbench.cli.progress import note
from benchbench.cli.session import resume_and_show, train_and_show
from benchbench.errors import UsageError
from benchbench.experiments.device_cells import session_device
from benchbench.experiments.selection import (
    find_backends,
    find_cells,
    find_certified_protocol,
    find_models,
    find_protocol,
    find_question,
)
from benchbench.experiments.session import find_dataset
from benchbench.experiments.steady import find_steady
from benchbench.quantities import seconds


def run(  # noqa: PLR0917 - one parameter an option
    context: typer.Context,
    backend: options.SomeBackends = None,
    model: options.SomeModels = None,
    division: options.Division = "idiomatic",
    device: options.SomeDevices = None,
    dataset: options.Dataset = "auto",
    protocol: options.Protocol = None,
    blocks: options.Blocks = 1,
    until: options.Until = None,
    budget: options.Budget = None,
    epochs: options.Epochs = None,
    steady_epochs: options.SteadyEpochs = None,
    threads: options.Threads = None,
    seed: options.Seed = 0,
    results: options.Results = None,
    timeout: options.Timeout = 3600.0,
    lost_blocks: options.LostBlocks = False,
    wait_for_quiet: options.WaitForQuiet = None,
    quick: options.Quick = False,
    certify: options.Certify = True,
    certify_batch: options.CertifiedBatchSize = None,
    executor: options.ExecutorName = "local",
    executor_options: options.ExecutorOptions = None,
    detach: options.Detach = False,
    include_host: options.IncludeHost = False,
    resume: options.Resume = None,
    wide: options.Wide = False,
    as_json: options.AsJson = False,
) -> None:
    """Train models under backends, and say which is faster and whether all train the same.

    Each run has its own process; the runs of a model are interleaved, epoch by epoch.
    """
    from benchbench.experiments.matrix import Matrix, run_matrix
    from benchbench.experiments.until import find_until
    from benchbench.plugins.registry import load_registry
    from benchbench.run.store import Store, results_folder

    store = Store(results_folder(results))
    if resume is not None:
        resume_and_show(context, resume, store, wide=wide, as_json=as_json)
    if not backend or not model:
        raise UsageError("run needs a --backend and a --model, or a session to --resume")
    question = find_question(allow_lost_blocks=lost_blocks)
    quiet = None if wait_for_quiet is None else seconds(wait_for_quiet, "--wait-for-quiet")
    registry = load_registry()
    models = find_models(model, registry)
    training = find_protocol(protocol, epochs, quick=quick, models=models)
    matrix = Matrix(
        until=find_until(until, blocks, budget, quick=quick),
        quiet_seconds=quiet,
        cells=find_cells(find_backends(backend, registry), division, models, device),
        protocol=training,
        steady=find_steady(steady_epochs, training, blocks=blocks, more_to_come=bool(until)),
        certified_protocol=find_certified_protocol(protocol, certify_batch, certify=certify),
        dataset=find_dataset(dataset, registry, models, note=note, quick=quick),
        device=session_device(device),
        threads=threads,
        seed=seed,
        blocks=blocks,
        timeout_seconds=timeout,
        question=question,
        executor=executor,
        executor_options=executor_options,
        detach=detach,
        include_host=include_host,
    )
    store.prepare()
    train_and_show(
        lambda listener: (*run_matrix(matrix, registry, store, listener), question),
        store,
        wide=wide,
        as_json=as_json,
    )
