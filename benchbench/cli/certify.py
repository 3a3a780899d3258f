"""`benchbench certify`: do a backend and the reference train the same function? Rung by rung."""

from __future__ import annotations

import typer

from benchbench import quantities
from benchbench.cli import options
from benchbench.cli.certificates import print_certificates
from benchbench.cli.outcome import test_outcome
from benchbench.cli.ports import certify_networks
from benchbench.experiments import selection

_TIMEOUT_SECONDS = 1800.0
_OUTCOME_SEEDS = 10


def certify(  # noqa: PLR0917 - one parameter an option
    context: typer.Context,
    networks: options.Networks = None,
    backend: options.SomeBackends = None,
    model: options.SomeModels = None,
    division: options.Division = "all",
    device: options.Device = "auto",
    protocol: options.Protocol = None,
    batch_size: options.CertifiedBatchSize = None,
    threads: options.Threads = None,
    seed: options.Seed = 0,
    seeds: options.Seeds = None,
    save: options.Save = None,
    renew: options.Renew = False,
    outcome: options.Outcome = False,
    dataset: options.OutcomeDataset = "auto",
    results: options.OutcomeResults = None,
    margin: options.OutcomeMargin = None,
    epochs: options.OutcomeEpochs = None,
    timeout: options.Timeout = _TIMEOUT_SECONDS,
    port_map: options.PortMap = None,
    port_input: options.PortInput = None,
    wide: options.Wide = False,
    as_json: options.AsJson = False,
) -> None:
    """Test whether backends train the function of the spec, or two things the same function.

    Without --model the four with published figures; --model all is the whole catalog. Each is
    compared with a float64 reference, by the very `fit` that `run` times. Two things, the original
    first: a network of a file (my_model.py:build), a spec (my.toml), a backend (torch).
    """
    from benchbench.experiments.subject import find_subject
    from benchbench.plugins.registry import load_registry

    subject = find_subject(networks or (), options.given(context))
    registry = load_registry()
    if networks and subject == "two":
        request = {
            **{"models": model or (), "division": division, "protocol_path": protocol},
            **{"shape": port_input, "map_path": port_map, "timeout_seconds": timeout},
        }
        raise typer.Exit(certify_networks(networks, registry, request, as_json=as_json))
    everything = bool(model) and subject == "ladder"
    models = selection.find_models(model or ["all"], registry, everything=everything)
    cells = selection.find_cells(selection.find_backends(backend or [], registry), division, models)
    training = selection.find_protocol(protocol, epochs, batch_size, models=models)
    thread_count, cpus = selection.find_processors(threads)
    if subject == "outcome":
        code = test_outcome(
            cells,
            registry,
            protocol=training,
            dataset=dataset,
            device=device,
            threads=thread_count,
            cpus=cpus,
            seeds=_OUTCOME_SEEDS if seeds is None else seeds,
            margin=None if margin is None else quantities.fraction(margin, "--margin"),
            timeout=timeout,
            results=results,
            wide=wide,
            as_json=as_json,
        )
        raise typer.Exit(code)
    code = print_certificates(
        cells,
        training,
        registry,
        device=device,
        threads=thread_count,
        cpus=cpus,
        seeds=range(seed, seed + (seeds or 1)),
        timeout=timeout,
        renew=renew,
        save=save,
        wide=wide,
        as_json=as_json,
    )
    raise typer.Exit(code)
