"""`benchbench certify`: do a backend and the reference train the same function? Rung by rung."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchbench.cli import options
from benchbench.errors import Unavailable, UsageError
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
    from benchbench.run.plan import Cell
    from benchbench.spec.protocol import TrainingProtocol

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
        for request in _requests(
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


def certify_all(
    cells: Sequence[Cell],
    protocol: TrainingProtocol,
    registry: Registry,
    *,
    device: str,
    threads: int,
    cpus: tuple[int, ...] | None,
    timeout: float,
) -> dict[Cell, Certificate | str]:
    """Return for each cell its certificate, kept or made now, or why there is none.

    What came of each is told on stderr.
    """
    from benchbench.experiments.certification import certify as certify_cells

    requests = _requests(cells, protocol, device=device, threads=threads, cpus=cpus)
    infos = {name: offer.item for name, offer in registry.backends.items()}
    found: dict[Cell, Certificate | str] = {}
    certifying = certify_cells(requests, infos, timeout_seconds=timeout)
    for cell, one in zip(cells, certifying, strict=True):
        tell(one)
        found[cell] = one.certificate or (one.gave_up.reason if one.gave_up else "no answer")
    return found


def _requests(
    cells: Sequence[Cell],
    protocol: TrainingProtocol,
    *,
    device: str,
    threads: int,
    cpus: tuple[int, ...] | None,
) -> list[CertificationRequest]:
    from benchbench.experiments.certification import CertificationRequest

    return [
        CertificationRequest(
            backend=cell.backend.name,
            division=cell.division,
            model=cell.model,
            protocol=protocol,
            device=device,
            threads=threads,
            cpus=cpus,
        )
        for cell in cells
    ]


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
        tell(one)
        if one.certificate and save:
            _save(one.certificate, save)
        if one.certificate and not as_json:
            print(ladder.render(one.certificate), end="\n\n", flush=True)
    return done


def tell(one: Certification) -> None:
    """Say on stderr, in a line, what came of one cell."""
    from benchbench.report import ladder

    request, certificate = one.request, one.certificate
    if one.warning:
        print(f"warning: {one.warning}", file=sys.stderr)
    cell = f"{request.model.name} {request.backend} {request.division}"
    if certificate is None:
        assert one.gave_up is not None  # noqa: S101 - it is one or the other
        print(f"not certified: {cell}: {one.gave_up.reason}", file=sys.stderr, flush=True)
        return
    how = "from the cache" if one.from_cache else f"{certificate.seconds:.1f} s"
    broken = certificate.broken
    ending = f", {ladder.break_in_words(broken)}" if broken else ""
    print(f"certified: {cell}: {certificate.verdict}{ending} ({how})", file=sys.stderr, flush=True)


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
    return exit_code(done)


def exit_code(done: Sequence[Certification]) -> int:
    """0 if all hold or deviate as declared, 3 if nothing worse than a skip, else 1."""
    broken = any(one.certificate.verdict == "breaks" for one in done if one.certificate)
    statuses = {one.gave_up.status for one in done if one.gave_up}
    if broken or statuses - {"skipped"}:
        return 1
    return Unavailable.exit_code if statuses else 0


def _outcome(*, dataset: str, registry: Registry, results: Path | None, **options: Any) -> int:
    """Find the data and hand over to the outcome test."""
    from benchbench.cli.outcome import outcome
    from benchbench.data import catalog
    from benchbench.run.store import results_folder

    offered = {name: offer.item for name, offer in registry.datasets.items()}
    chosen = catalog.choose(dataset, offered, quick=False)
    if chosen.note:
        print(chosen.note, file=sys.stderr)
    return outcome(chosen=chosen, results=results_folder(results), **options)
