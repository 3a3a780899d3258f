"""The cells of an experiment, certified: each by the code of the environment that it runs in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from benchbench.certificates import CertificateOrReason
from benchbench.experiments.certification import Certifier, certify, requests_for
from benchbench.experiments.certification_messages import Certification
from benchbench.experiments.environments.backends import certifier_of
from benchbench.plugins.registry import Registry
from benchbench.run.plan import Cell
from benchbench.spec.protocol import TrainingProtocol


def certify_cells(
    cells: Sequence[Cell],
    protocol: TrainingProtocol,
    registry: Registry,
    *,
    device: str,
    threads: int,
    cpus: tuple[int, ...] | None,
    timeout_seconds: float,
    certified: Callable[[Certification], None],
    certifier: Certifier | None = None,
    heard: Callable[[str], None] | None = None,
) -> dict[Cell, CertificateOrReason]:
    """Return for each cell its certificate, kept or made now, or why there is none.

    `certified` is told of each as it comes. `certifier` is by default that of the environment that
    a cell runs in, this tree's where it has none of its own, which tells `heard` how far it is.
    """
    answers: dict[Cell, CertificateOrReason] = {}
    each = certify_each(
        cells,
        protocol,
        registry,
        device=device,
        threads=threads,
        cpus=cpus,
        timeout_seconds=timeout_seconds,
        certifier=certifier,
        heard=heard,
    )
    for cell, answer in each:
        certified(answer)
        answers[cell] = CertificateOrReason(answer.certificate, answer.reason)
    return answers


def certify_each(
    cells: Sequence[Cell],
    protocol: TrainingProtocol,
    registry: Registry,
    *,
    device: str,
    threads: int,
    cpus: tuple[int, ...] | None,
    timeout_seconds: float,
    seeds: Sequence[int] = (0,),
    renew: bool = False,
    certifier: Certifier | None = None,
    heard: Callable[[str], None] | None = None,
) -> Iterator[tuple[Cell, Certification]]:
    """Certify every cell with every seed, each environment's cells by the code there.

    See `certify`. The cells of one environment come together.
    """
    for python in dict.fromkeys(cell.environment.python for cell in cells):
        own = [cell for cell in cells if cell.environment.python == python]
        infos = {name: offer.item for name, offer in registry.backends.items()}
        certifies = certifier
        if python is not None and certifier is None:
            certifies, infos = certifier_of(python, heard)
        made = certify(
            requests_for(own, protocol, device=device, threads=threads, cpus=cpus, seeds=seeds),
            infos,
            timeout_seconds=timeout_seconds,
            renew=renew,
            certifier=certifies,
            heard=heard,
        )
        for cell in own:
            label = cell.variant.label if cell.variant else ""
            for _ in seeds:
                yield cell, msgspec.structs.replace(next(made), variant=label)
