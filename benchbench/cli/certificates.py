"""The certificates of `benchbench certify`, printed as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench.cli.output import answer, show
from benchbench.cli.progress import Certifying, certification_line, note

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchbench.experiments.certification_messages import CertificationRequest
    from benchbench.plugins.registry import Registry


def print_certificates(
    requests: Sequence[CertificationRequest],
    registry: Registry,
    *,
    timeout: float,
    renew: bool,
    save: Path | None,
    wide: bool,
    as_json: bool,
) -> int:
    """Certify, print each ladder and a table of several, and return the exit code."""
    from benchbench.experiments.certification import certify, exit_code, save_certificate
    from benchbench.report import ladder
    from benchbench.report.document import Verbatim

    infos = {name: offer.item for name, offer in registry.backends.items()}
    done, progress = [], Certifying()
    for one in certify(requests, infos, timeout_seconds=timeout, renew=renew, heard=progress):
        progress.end()
        done.append(one)
        note(certification_line(one))
        if one.certificate and save:
            save_certificate(one.certificate, save)
        if one.certificate and not as_json:
            show((*ladder.build(one.certificate), Verbatim("")), wide=wide, plain=True)
    certificates = [one.certificate for one in done if one.certificate]
    if as_json or len(certificates) > 1:
        answer(certificates, lambda: ladder.summary(certificates), as_json=as_json, wide=wide)
    return exit_code(done)
