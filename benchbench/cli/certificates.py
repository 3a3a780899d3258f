"""The certificates of `benchbench certify`, printed as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench.cli.output import answer, show
from benchbench.cli.progress import Certifying, note

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchbench.plugins.registry import Registry
    from benchbench.run.plan import Cell
    from benchbench.spec.protocol import TrainingProtocol


def print_certificates(
    cells: Sequence[Cell],
    protocol: TrainingProtocol,
    registry: Registry,
    *,
    device: str,
    threads: int,
    cpus: tuple[int, ...] | None,
    seeds: Sequence[int],
    timeout: float,
    renew: bool,
    save: Path | None,
    wide: bool,
    as_json: bool,
) -> int:
    """Certify, print each ladder and a table of several, and return the exit code."""
    from benchbench.experiments.certification import exit_code, must_take_files, save_certificate
    from benchbench.experiments.certified_cells import certify_each
    from benchbench.report import ladder
    from benchbench.report.document import Verbatim
    from benchbench.report.progress import certification_line

    must_take_files(save)
    done, progress = [], Certifying()
    place = {"device": device, "threads": threads, "cpus": cpus}
    for _, one in certify_each(
        *(cells, protocol, registry),
        **place,  # type: ignore[arg-type]
        timeout_seconds=timeout,
        seeds=seeds,
        renew=renew,
        heard=progress,
    ):
        progress.end()
        done.append(one)
        note(certification_line(one))
        if one.certificate and save:
            save_certificate(one.certificate, save, one.variant)
        if one.certificate and not as_json:
            show((*ladder.build(one.certificate), Verbatim("")), wide=wide, plain=True)
    certificates = [one.certificate for one in done if one.certificate]
    if as_json or len(certificates) > 1:
        answer(certificates, lambda: ladder.summary(certificates), as_json=as_json, wide=wide)
    return exit_code(done)
