"""Two trees of one repository: which cells both have, and whether both train the same function."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchbench.errors import CheckoutError, UsageError, nearest
from benchbench.experiments.certified_cells import certify_cells
from benchbench.experiments.names import ALL_DIVISIONS
from benchbench.experiments.selection import find_backends, find_cells, find_models, model_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchbench.certificates import CertificateOrReason
    from benchbench.experiments.certification_messages import Certification
    from benchbench.experiments.listener import Listener
    from benchbench.experiments.other_code import OtherCertifier
    from benchbench.plugins.contract import BackendInfo
    from benchbench.plugins.registry import Registry
    from benchbench.run.plan import Cell
    from benchbench.spec.protocol import TrainingProtocol


@dataclass(frozen=True, slots=True)
class Pair:
    """A cell as this tree has it, and as the other has it; `model` is the word that names it."""

    own: Cell
    baseline: Cell
    model: str

    @property
    def cells(self) -> tuple[Cell, Cell]:
        return self.own, self.baseline

    @property
    def name(self) -> str:
        return f"{self.own.model.name} {self.own.backend} {self.own.division}"


def backends_of(root: Path, registry: Registry) -> list[BackendInfo]:
    """Return the backends that are ready and declared in the checkout. Raises CheckoutError."""
    from benchbench.certify.sources import module_of
    from benchbench.experiments.gate.checkout import is_imported_from
    from benchbench.plugins.registry import missing_requirements

    infos = [offer.item for offer in registry.backends.values()]
    ready = [info for info in infos if not missing_requirements(info)]
    found = [info for info in ready if is_imported_from(root, module_of(info))]
    if not found:
        raise CheckoutError(
            f"no backend that is ready is imported from {root}: install the checkout with "
            f"`pip install -e {root}`, or name a backend with --backend"
        )
    return found


def must_be_of(root: Path, backends: Sequence[BackendInfo]) -> None:
    """Raise CheckoutError for a backend of whose run nothing is imported from the checkout."""
    from benchbench.certify.sources import module_of
    from benchbench.experiments.gate.checkout import is_imported_from

    if is_imported_from(root, "benchbench"):
        return
    for info in backends:
        module = module_of(info)
        if not is_imported_from(root, module):
            raise CheckoutError(
                f"the backend '{info.name}' would be compared with itself: its module {module} is "
                f"not imported from {root} but from where it is installed; install the checkout "
                f"with `pip install -e {root}`"
            )


def find_tree_cells(
    backends: list[str] | None,
    division: str,
    models: list[str],
    registry: Registry,
    root: Path,
) -> dict[Cell, str]:
    """Return this tree's cells, each with the word that names its model.

    Without names, the backends are those of the checkout. Raises CheckoutError, UsageError.
    """
    find_models(models, registry)
    if backends is None:
        infos = backends_of(root, registry)
        # Not every backend has the division; one that has none of it is no mistake here.
        having = [one for one in infos if division in {ALL_DIVISIONS, *one.divisions}]
        if not having:
            names = list(dict.fromkeys(name for one in infos for name in one.divisions))
            raise UsageError(
                f"no backend of this checkout has a division '{division}'"
                f"{nearest(division, names)}; there are {', '.join(names)} and all"
            )
        infos = having
    else:
        infos = find_backends(backends, registry)
        must_be_of(root, [registry.backend(info.name) for info in infos])
    return cells_by_word(infos, division, models, registry)


def cells_by_word(
    infos: Sequence[BackendInfo], division: str, models: list[str], registry: Registry
) -> dict[Cell, str]:
    """Return the cells of these backends, each with the word that names its model."""
    from benchbench.experiments.contents import is_file

    words = model_names(models)
    return {
        cell: str(Path(word).resolve()) if is_file(word) else word
        for word in words
        for cell in find_cells(infos, division, find_models([word], registry))
    }


@dataclass(frozen=True, slots=True)
class Pairing:
    """The cells of both sides, by two; `name` is that of the other side, `own_name` of this one.

    `troubles` says of some pairs why they cannot be compared. `certifier` certifies the cells of
    the other side, `own_certifier` those of this one, where it is not what else would.
    """

    pairs: tuple[Pair, ...]
    name: str
    troubles: Mapping[Pair, str]
    certifier: OtherCertifier | None = None
    own_certifier: OtherCertifier | None = None
    own_name: str = "this tree"


def certify_pairs(
    pairing: Pairing,
    registry: Registry,
    *,
    protocol: TrainingProtocol,
    device: str,
    threads: int,
    cpus: tuple[int, ...] | None,
    timeout: float,
    listener: Listener,
) -> tuple[dict[Cell, CertificateOrReason], dict[Pair, str]]:
    """Certify both trees' cells, each by its own code; return also the pairs where one is not."""
    certify_these = functools.partial(
        certify_cells,
        protocol=protocol,
        registry=registry,
        device=device,
        threads=threads,
        cpus=cpus,
        timeout_seconds=timeout,
    )
    other = pairing.name
    certificates = certify_these(
        [pair.own for pair in pairing.pairs],
        certified=listener.certified,
        certifier=pairing.own_certifier,
    )
    certificates |= certify_these(
        [pair.baseline for pair in pairing.pairs],
        certified=lambda one: listener.note(_news(one, other)),
        certifier=pairing.certifier,
    )
    troubles = {}
    for pair in pairing.pairs:
        if reasons := "; ".join(_shortcomings(pair, pairing, certificates)):
            troubles[pair] = reasons
    return certificates, troubles


def _shortcomings(
    pair: Pair, pairing: Pairing, certificates: Mapping[Cell, CertificateOrReason]
) -> Iterator[str]:
    sides = {
        pairing.own_name: certificates[pair.own],
        pairing.name: certificates[pair.baseline],
    }
    hashes = set()
    for side, found in sides.items():
        if found.certificate is None:
            yield f"{side} has no certificate: {found.reason}"
            continue
        hashes.add(found.certificate.certified_sha256)
        if broken := found.certificate.broken:
            yield f"{side}: {broken.summary}"
    if len(hashes) > 1:
        yield f"the two sides certified different specs ({' and '.join(sorted(hashes))})"


def _news(answer: Certification, name: str) -> str:
    request = answer.request
    cell = f"{request.model.name} {request.backend} {request.division}, {name}"
    if answer.certificate:
        return f"certificate: {cell}: {answer.certificate.verdict}"
    return f"not certified: {cell}: {answer.reason}"
