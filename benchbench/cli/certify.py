"""`benchbench certify`: do a backend and the reference train the same function? Rung by rung."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchbench.cli import options
from benchbench.cli.progress import certification_line, note
from benchbench.errors import UsageError
from benchbench.experiments.selection import (
    find_backends,
    find_cells,
    find_models,
    find_processors,
    find_protocol,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchbench.certificates import Certificate
    from benchbench.experiments.certification import Certification, CertificationRequest
    from benchbench.plugins.registry import Registry

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
    import msgspec

    from benchbench.experiments.certification import requests_for
    from benchbench.plugins.registry import load_registry

    registry = load_registry()
    backends = find_backends(backend, registry)
    models = find_models(model or ["all"], registry)
    training = find_protocol(protocol, epochs, batch_size)
    if outcome:
        code = _outcome(
            backends=backends,
            divisions=division,
            models=models,
            protocol=training,
            dataset=dataset,
            registry=registry,
            seeds=_OUTCOME_SEEDS if seeds is None else seeds,
            results=results,
            threads=threads,
            device=device,
            timeout=timeout,
            margin=margin,
            as_json=as_json,
        )
        raise typer.Exit(code)
    thread_count, cpus = find_processors(threads)
    requests = [
        msgspec.structs.replace(request, seed=number)
        for request in requests_for(
            find_cells(backends, division, models),
            training,
            device=device,
            threads=thread_count,
            cpus=cpus,
        )
        for number in range(seed, seed + (seeds or 1))
    ]
    done = _certify(requests, registry, save, timeout=timeout, renew=renew, as_json=as_json)
    raise typer.Exit(_show(done, as_json=as_json))


def _certify(
    requests: Sequence[CertificationRequest],
    registry: Registry,
    save: Path | None,
    *,
    timeout: float,
    renew: bool,
    as_json: bool,
) -> list[Certification]:
    """Certify, telling of each on stderr; print the ladders as they come, if they are few."""
    from benchbench.experiments.certification import certify as certify_cells
    from benchbench.report import ladder

    infos = {name: offer.item for name, offer in registry.backends.items()}
    done = []
    for one in certify_cells(requests, infos, timeout_seconds=timeout, renew=renew):
        done.append(one)
        note(certification_line(one))
        if one.certificate and save:
            _save(one.certificate, save)
        if one.certificate and not as_json:
            print(ladder.render(one.certificate), end="\n\n", flush=True)
    return done


def _save(certificate: Certificate, folder: Path) -> None:
    import msgspec

    parts = (certificate.model, certificate.backend, certificate.division, certificate.device)
    path = folder / f"{'-'.join(parts)}-seed{certificate.seed}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(certificate), indent=1) + b"\n")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None


def _show(done: Sequence[Certification], *, as_json: bool) -> int:
    """Print what is left to be said; return the exit code."""
    from benchbench.report import ladder

    certificates = [one.certificate for one in done if one.certificate]
    if as_json:
        print(ladder.export(certificates))
    elif len(certificates) > 1:
        print(ladder.summary(certificates))
    from benchbench.experiments.certification import exit_code

    return exit_code(done)


def _outcome(*, dataset: str, registry: Registry, results: Path | None, **options: Any) -> int:
    """Find the data and hand over to the outcome test."""
    from benchbench.cli.outcome import outcome
    from benchbench.data import catalog
    from benchbench.run.store import results_folder

    offered = {name: offer.item for name, offer in registry.datasets.items()}
    chosen = catalog.choose(dataset, offered, quick=False)
    if chosen.note:
        note(chosen.note)
    return outcome(chosen=chosen, results=results_folder(results), **options)
