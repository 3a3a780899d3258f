"""Certify cells in processes of their own: what is certified is what a worker would run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from benchbench.certificates import Certificate
from benchbench.certify.cache import CertificateKey, keep, kept
from benchbench.certify.exercise import Exercise
from benchbench.certify.reference import REFERENCE
from benchbench.certify.size import too_large
from benchbench.certify.sources import installed_versions, sources_sha256
from benchbench.errors import Unavailable, UsageError
from benchbench.experiments.certification_messages import (
    AnswerError,
    Certification,
    CertificationRequest,
    read_answers,
)
from benchbench.files import folder_trouble
from benchbench.measure.gpu import accelerators
from benchbench.measure.machine import processor_name
from benchbench.plugins.contract import BackendInfo
from benchbench.run import question
from benchbench.run.encoding import to_json
from benchbench.run.messages import GaveUp
from benchbench.run.plan import Cell, as_word
from benchbench.run.question import Returned
from benchbench.spec.protocol import TrainingProtocol

# Run as `python -m MODULE`, it certifies what it is asked.
_PROCESS = "benchbench.experiments.certification_process"


class Certifier(Protocol):
    """Whose code certifies: this tree's, or another's."""

    def sources_sha256(self, info: BackendInfo) -> str:
        """Return the hash of the sources that a certificate of this backend depends on."""

    def versions(self, info: BackendInfo) -> dict[str, str]:
        """Return the versions of what the backend requires, as installed."""

    def ask(
        self,
        requests: Sequence[CertificationRequest],
        info: BackendInfo,
        *,
        timeout_seconds: float,
    ) -> Returned:
        """Have the cells of one backend certified in one process; return what it answered."""


@dataclass(frozen=True, slots=True)
class OwnCertifier:
    """This tree's code. `reference` declares the backend that the others are compared with.

    `heard` is told which rung of which cell is climbed.
    """

    reference: BackendInfo
    heard: Callable[[str], None] | None = None

    def sources_sha256(self, info: BackendInfo) -> str:
        return sources_sha256(info, self.reference)

    def versions(self, info: BackendInfo) -> dict[str, str]:
        return installed_versions(info)

    def ask(
        self,
        requests: Sequence[CertificationRequest],
        info: BackendInfo,
        *,
        timeout_seconds: float,
    ) -> Returned:
        return question.ask(
            _PROCESS,
            to_json(requests),
            info=info,
            threads=requests[0].threads,
            timeout_seconds=timeout_seconds,
            heard=self.heard,
        )


def certify(
    requests: Sequence[CertificationRequest],
    infos: Mapping[str, BackendInfo],
    *,
    timeout_seconds: float,
    renew: bool = False,
    certifier: Certifier | None = None,
    heard: Callable[[str], None] | None = None,
) -> Iterator[Certification]:
    """Certify one cell after another; what was certified before comes from the cache.

    `infos` are the backends' declarations by name, the reference's among them. `renew`: certify
    anew all the same. `certifier` is this tree's by default, which tells `heard` how far it is.
    Requests that one process can answer share it, wherever they stand, and a time limit of so much
    each; they come back in order.
    """
    if certifier is None:
        if REFERENCE not in infos:
            reason = f"the reference backend '{REFERENCE}' is missing or disabled"
            for one in requests:
                yield Certification(request=one, gave_up=GaveUp("skipped", reason))
            return
        certifier = OwnCertifier(infos[REFERENCE], heard)
    found = [_at_hand(one, infos[one.backend], certifier, renew=renew) for one in requests]
    answers = {place: answer for place, answer in enumerate(found) if answer.settled}
    for place, request in enumerate(requests):
        if place not in answers:
            together = [
                other
                for other, one in enumerate(requests)
                if other not in answers and _process_of(one) == _process_of(request)
            ]
            info = infos[request.backend]
            asked = [requests[other] for other in together]
            made = _ask(asked, info, certifier, timeout_seconds)
            for other, new in zip(together, made, strict=True):
                if new.certificate:
                    for device in {_device_asked_for(new.request), new.certificate.device}:
                        keep(_key(new.request, info, certifier, device), new.certificate)
                warning = found[other].warning
                answers[other] = msgspec.structs.replace(new, warning=warning)
        yield answers[place]


def _process_of(request: CertificationRequest) -> tuple[object, ...]:
    """Return what requests must have in common to be answered by one process."""
    return request.backend, request.division, request.threads, request.cpus


def requests_for(
    cells: Sequence[Cell],
    protocol: TrainingProtocol,
    *,
    device: str,
    threads: int,
    cpus: tuple[int, ...] | None,
    seeds: Iterable[int] = (0,),
) -> list[CertificationRequest]:
    """Return the requests of every cell, one a seed."""
    return [
        CertificationRequest(
            backend=cell.backend,
            division=cell.division,
            model=cell.model,
            protocol=protocol,
            device=cell.device or device,
            threads=threads,
            cpus=cpus,
            seed=seed,
        )
        for cell in cells
        for seed in seeds
    ]


def must_take_files(folder: Path | None) -> None:
    """Raise UsageError for a folder that no certificate can be saved into, before any is made."""
    if folder is not None and (trouble := folder_trouble(folder)):
        raise UsageError(f"--save {folder}: {trouble}; name another folder")


def save_certificate(certificate: Certificate, folder: Path, variant: str = "") -> None:
    """Write a certificate into a folder, as JSON; `variant` is its cell's. Raises UsageError."""
    parts = [certificate.model, certificate.backend, certificate.division, certificate.device]
    if variant:
        parts.append(as_word(variant))
    path = folder / f"{'-'.join(parts)}-seed{certificate.seed}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(certificate), indent=1) + b"\n")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None


def exit_code(certifications: Sequence[Certification]) -> int:
    """0 if all hold or deviate as declared, 3 if nothing worse than a skip, else 1."""
    broken = any(one.certificate.verdict == "breaks" for one in certifications if one.certificate)
    statuses = {one.gave_up.status for one in certifications if one.gave_up}
    if broken or statuses - {"skipped"}:
        return 1
    return Unavailable.exit_code if statuses else 0


def _at_hand(
    request: CertificationRequest, info: BackendInfo, certifier: Certifier, *, renew: bool
) -> Certification:
    """Return what can be said without asking the backend."""
    certificate, warning = kept(_key(request, info, certifier, _device_asked_for(request)))
    if certificate and not renew:
        return Certification(request=request, certificate=certificate, from_cache=True)
    refusal = too_large(request.model, request.protocol)
    if refusal:
        return Certification(request=request, gave_up=GaveUp("skipped", refusal))
    return Certification(request=request, warning=warning)


def _device_asked_for(request: CertificationRequest) -> str:
    """Name the device by which a certificate is looked for, before the framework is imported.

    Which one "auto" and "cuda" are depends on the cards that are there and visible: these are part
    of the name, so that a certificate for the CPU is not taken for one for a card.
    """
    if request.device not in {"auto", "cuda"}:
        return request.device
    cards = ", ".join(accelerators()) or "no card"
    return f"{request.device} of {cards}, visible: {os.environ.get('CUDA_VISIBLE_DEVICES', 'all')}"


def _key(
    request: CertificationRequest, info: BackendInfo, certifier: Certifier, device: str
) -> CertificateKey:
    return CertificateKey(
        backend=request.backend,
        division=request.division,
        device=device,
        threads=request.threads,
        certified_sha256=Exercise(request.model, request.protocol).sha256,
        seed=request.seed,
        sources_sha256=certifier.sources_sha256(info),
        versions=certifier.versions(info),
        processor=processor_name(),
    )


def _ask(
    requests: Sequence[CertificationRequest],
    info: BackendInfo,
    certifier: Certifier,
    timeout_seconds: float,
) -> list[Certification]:
    """Ask in one process; if it dies or hangs, in one each, so that only the guilty ones fail."""
    returned = certifier.ask(requests, info, timeout_seconds=timeout_seconds * len(requests))
    trouble = returned.trouble
    if returned.answer is not None:
        try:
            return read_answers(returned.answer, requests)
        except AnswerError as error:
            trouble = str(error)
    if len(requests) == 1:
        gave_up = GaveUp("crashed", trouble)
        return [Certification(request=requests[0], gave_up=gave_up)]
    return [made for one in requests for made in _ask([one], info, certifier, timeout_seconds)]
