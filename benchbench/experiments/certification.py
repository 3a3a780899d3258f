"""Certify cells, each in a process of its own: what is certified is what a worker would run."""

from __future__ import annotations

import hashlib
import itertools
import os
import traceback
from collections.abc import Callable, Iterator, Sequence

import msgspec

from benchbench.certificates import Certificate, seal
from benchbench.certify.exercise import Exercise, Implementation
from benchbench.certify.keeping import CertificateKey, KeptAnswers, keep, kept
from benchbench.certify.ladder import Ladder
from benchbench.certify.reference import REFERENCE, Reference
from benchbench.certify.rungs import Comparison
from benchbench.certify.size import too_large
from benchbench.certify.sources import installed_versions, sources_sha256
from benchbench.errors import BenchbenchError, Unavailable, Unsupported
from benchbench.measure.clock import now_ns, utc_now
from benchbench.measure.gpu import accelerators
from benchbench.plugins.contract import BackendInfo
from benchbench.plugins.devices import resolve_device
from benchbench.plugins.registry import Registry, load_registry
from benchbench.records import GaveUp
from benchbench.run import errand
from benchbench.run.encoding import plain_settings, to_json
from benchbench.run.plan import Cell
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol


class CertificationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One cell to be certified. `cpus` are the processors to stay on."""

    backend: str
    division: str
    model: ModelSpec
    protocol: TrainingProtocol
    device: str
    threads: int
    cpus: tuple[int, ...] | None = None
    seed: int = 0


class Certification(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a request: a certificate, or why there is none; neither while it is open.

    `from_cache`: it was made before. `warning`: what was wrong with one that was kept.
    """

    request: CertificationRequest
    certificate: Certificate | None = None
    gave_up: GaveUp | None = None
    from_cache: bool = False
    warning: str | None = None

    @property
    def settled(self) -> bool:
        return bool(self.certificate or self.gave_up)


def certify(
    requests: Sequence[CertificationRequest],
    infos: dict[str, BackendInfo],
    *,
    timeout_seconds: float,
    renew: bool = False,
) -> Iterator[Certification]:
    """Certify one cell after another; what was certified before comes from the cache.

    `infos` are the backends' declarations by name, the reference's among them. `renew`: certify
    anew all the same. Neighbours of one backend and division share a process, and a time limit of
    so much each.
    """
    for _, neighbours in itertools.groupby(requests, lambda one: (one.backend, one.division)):
        together = list(neighbours)
        found = [_at_hand(one, infos, renew=renew) for one in together]
        open_ones = [one for one, answer in zip(together, found, strict=True) if not answer.settled]
        made = iter(_ask(open_ones, infos, timeout_seconds) if open_ones else ())
        for answer in found:
            if answer.settled:
                yield answer
                continue
            new = next(made)
            if new.certificate:
                for device in {_device_asked_for(new.request), new.certificate.device}:
                    keep(_key(new.request, infos, device), new.certificate)
            yield msgspec.structs.replace(new, warning=answer.warning)


def requests_for(
    cells: Sequence[Cell],
    protocol: TrainingProtocol,
    *,
    device: str,
    threads: int,
    cpus: tuple[int, ...] | None,
) -> list[CertificationRequest]:
    """Return the request of every cell."""
    return [
        CertificationRequest(
            backend=cell.backend,
            division=cell.division,
            model=cell.model,
            protocol=protocol,
            device=cell.device or device,
            threads=threads,
            cpus=cpus,
        )
        for cell in cells
    ]


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
) -> dict[Cell, Certificate | str]:
    """Return for each cell its certificate, kept or made now, or why there is none.

    `certified` is told of each as it comes.
    """
    requests = requests_for(cells, protocol, device=device, threads=threads, cpus=cpus)
    infos = {name: offer.item for name, offer in registry.backends.items()}
    answers: dict[Cell, Certificate | str] = {}
    certifying = certify(requests, infos, timeout_seconds=timeout_seconds)
    for cell, answer in zip(cells, certifying, strict=True):
        certified(answer)
        reason = answer.gave_up.reason if answer.gave_up else "no answer"
        answers[cell] = answer.certificate or reason
    return answers


def exit_code(certifications: Sequence[Certification]) -> int:
    """0 if all hold or deviate as declared, 3 if nothing worse than a skip, else 1."""
    broken = any(one.certificate.verdict == "breaks" for one in certifications if one.certificate)
    statuses = {one.gave_up.status for one in certifications if one.gave_up}
    if broken or statuses - {"skipped"}:
        return 1
    return Unavailable.exit_code if statuses else 0


def _at_hand(
    request: CertificationRequest, infos: dict[str, BackendInfo], *, renew: bool
) -> Certification:
    """Return what can be said without asking the backend."""
    if REFERENCE not in infos:
        reason = f"the reference backend '{REFERENCE}' is missing or disabled"
        return Certification(request=request, gave_up=GaveUp("skipped", reason))
    certificate, warning = kept(_key(request, infos, _device_asked_for(request)))
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
    request: CertificationRequest, infos: dict[str, BackendInfo], device: str
) -> CertificateKey:
    info = infos[request.backend]
    return CertificateKey(
        backend=request.backend,
        division=request.division,
        device=device,
        threads=request.threads,
        certified_sha256=Exercise(request.model, request.protocol).sha256,
        seed=request.seed,
        sources_sha256=sources_sha256(info, infos[REFERENCE]),
        versions=installed_versions(info),
    )


def _ask(
    requests: Sequence[CertificationRequest], infos: dict[str, BackendInfo], timeout_seconds: float
) -> list[Certification]:
    """Ask in one process; if it dies or hangs, in one each, so that only the guilty ones fail."""
    returned = errand.send(
        __name__,
        to_json(requests),
        info=infos[requests[0].backend],
        threads=requests[0].threads,
        timeout_seconds=timeout_seconds * len(requests),
    )
    if returned.answer is not None:
        return msgspec.json.decode(returned.answer, type=list[Certification])
    if len(requests) == 1:
        gave_up = GaveUp("crashed", returned.trouble)
        return [Certification(request=requests[0], gave_up=gave_up)]
    return [made for one in requests for made in _ask([one], infos, timeout_seconds)]


def _answer(question: bytes) -> bytes:
    requests = msgspec.json.decode(question, type=list[CertificationRequest])
    if requests[0].cpus is not None:
        os.sched_setaffinity(0, requests[0].cpus)
    return to_json([_certification(one) for one in requests])


def _certification(request: CertificationRequest) -> Certification:
    try:
        return Certification(request=request, certificate=_certificate(request))
    except (Unsupported, Unavailable) as error:
        return Certification(request=request, gave_up=GaveUp("skipped", str(error)))
    except BenchbenchError as error:
        return Certification(request=request, gave_up=GaveUp("failed", str(error)))
    # A plugin is a stranger's code: whatever it raises, SystemExit too, is an answer.
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}"
        gave_up = GaveUp("failed", reason, traceback.format_exc())
        return Certification(request=request, gave_up=gave_up)


def _certificate(request: CertificationRequest) -> Certificate:
    """Climb the ladder here. Raises Unsupported, Unavailable, and what the plugin raises."""
    started = now_ns()
    registry = load_registry()
    info, reference_info = registry.backend(request.backend), registry.backend(REFERENCE)
    backend = info.create()
    device = resolve_device(request.device, backend.devices(), request.backend)
    candidate = Implementation(backend, request.division, device, request.threads)
    exercise = Exercise(request.model, request.protocol, request.seed)
    reference = Reference(
        Implementation(reference_info.create(), threads=request.threads),
        exercise,
        KeptAnswers(_answers_name(exercise, reference_info)),
    )
    comparison = Comparison(candidate, reference, exercise)
    ladder = Ladder(comparison, info.deviations_of(request.division, request.model))
    rungs = ladder.climb()
    verdicts = {rung.verdict for rung in rungs}
    certificate = Certificate(
        backend=request.backend,
        division=request.division,
        device=device,
        threads=request.threads,
        model=request.model.name,
        certified_sha256=exercise.sha256,
        batch_size=request.protocol.batch_size,
        seed=request.seed,
        reference=REFERENCE,
        sources_sha256=sources_sha256(info, reference_info),
        versions={name: str(version) for name, version in backend.versions().items()},
        settings=_settings(comparison),
        verdict=next((one for one in ("breaks", "deviates") if one in verdicts), "holds"),
        rungs=rungs,
        traceback=ladder.traceback,
        seconds=(now_ns() - started) / 1e9,
        made=utc_now(),
    )
    return seal(certificate)


def _answers_name(exercise: Exercise, reference: BackendInfo) -> str:
    """Name the reference's answers by all that they depend on."""
    content = f"{exercise.sha256} {exercise.seed} {sources_sha256(reference)}"
    return hashlib.sha256(content.encode()).hexdigest()


def _settings(comparison: Comparison) -> dict[str, str | int | float | bool]:
    """Ask the candidate; one that broke on the way may have nothing to say."""
    try:
        return plain_settings(comparison.settings())
    # A plugin is a stranger's code: whatever it raises, the certificate is finished and counts.
    except Exception as error:
        return {"settings": f"unknown: {type(error).__name__}: {error}"}


if __name__ == "__main__":
    errand.answer(_answer)
