"""`benchbench certify`: do a backend and the reference train the same function? Rung by rung."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchbench.cli import options
from benchbench.cli.outcome import test_outcome
from benchbench.cli.progress import certification_line, note
from benchbench.experiments.selection import (
    find_backends,
    find_cells,
    find_models,
    find_processors,
    find_protocol,
)

_TIMEOUT_SECONDS = 1800.0
_OUTCOME_SEEDS = 10


def certify(  # noqa: PLR0917 - one parameter an option
    backend: options.Backends,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="A model, 'all' (the default), or a TOML file."),
    ] = None,
    division: Annotated[
        str, typer.Option(help="'all' certifies every division a backend has.")
    ] = "all",
    device: options.Device = "auto",
    protocol: options.Protocol = None,
    batch_size: options.CertifiedBatchSize = None,
    threads: options.Threads = None,
    seed: Annotated[int, typer.Option(min=0, help="For weights and samples.")] = 0,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="So many seeds: 1, from --seed on; with --outcome 10, from 0 on."),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Also write each certificate into this folder, as JSON.")
    ] = None,
    renew: Annotated[
        bool, typer.Option("--renew", help="Certify anew what was certified before.")
    ] = False,
    outcome: Annotated[
        bool, typer.Option("--outcome", help="Test the final accuracy over --seeds, on real data.")
    ] = False,
    dataset: Annotated[str, typer.Option(help="With --outcome: the data set.")] = "auto",
    results: Annotated[
        Path | None, typer.Option(help="With --outcome: where the records of the runs are.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="With --outcome: the margin, a fraction (0.002).")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="With --outcome: epochs in place of 5.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds after which a cell is given up.")
    ] = _TIMEOUT_SECONDS,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the certificates as JSON.")
    ] = False,
) -> None:
    """Prove that backends train the function of the spec, or say where they do not.

    Each is compared with a float64 reference, by the very `fit` that `run` times.
    """
    from benchbench.experiments.certification import certify as certify_requests
    from benchbench.experiments.certification import exit_code, requests_for, save_certificate
    from benchbench.plugins.registry import load_registry
    from benchbench.report import ladder
    from benchbench.report.renderers import json, markdown, terminal

    registry = load_registry()
    cells = find_cells(
        find_backends(backend, registry), division, find_models(model or ["all"], registry)
    )
    training = find_protocol(protocol, epochs, batch_size)
    thread_count, cpus = find_processors(threads)
    if outcome:
        code = test_outcome(
            cells,
            registry,
            protocol=training,
            dataset=dataset,
            device=device,
            threads=thread_count,
            cpus=cpus,
            seeds=_OUTCOME_SEEDS if seeds is None else seeds,
            margin=margin,
            timeout=timeout,
            results=results,
            as_json=as_json,
        )
        raise typer.Exit(code)
    requests = requests_for(
        cells,
        training,
        device=device,
        threads=thread_count,
        cpus=cpus,
        seeds=range(seed, seed + (seeds or 1)),
    )
    infos = {name: offer.item for name, offer in registry.backends.items()}
    done = []
    for one in certify_requests(requests, infos, timeout_seconds=timeout, renew=renew):
        done.append(one)
        note(certification_line(one))
        if one.certificate and save:
            save_certificate(one.certificate, save)
        if one.certificate and not as_json:
            print(terminal.render(ladder.build(one.certificate)), end="\n\n", flush=True)
    certificates = [one.certificate for one in done if one.certificate]
    if as_json:
        print(json.render(certificates))
    elif len(certificates) > 1:
        print(markdown.render(ladder.summary(certificates)))
    raise typer.Exit(exit_code(done))
