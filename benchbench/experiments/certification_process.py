"""The process that certifies: it reads requests, climbs the ladder for each, and answers.

`python -m benchbench.experiments.certification_process`, started by `certification` in a worker's
environment.
"""

from __future__ import annotations

import os
import traceback

import msgspec

from benchbench.certificates import CRASHED, Certificate, seal
from benchbench.certify import crash
from benchbench.certify.ahead import SharedMemory, worked_out_ahead
from benchbench.certify.cache import KeptAnswers
from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.exercise import Exercise
from benchbench.certify.implementation import Implementation
from benchbench.certify.ladder import Ladder
from benchbench.certify.reference import REFERENCE, Reference
from benchbench.certify.sources import sources_sha256
from benchbench.children import tell_progress
from benchbench.errors import BenchbenchError, Unavailable, Unsupported
from benchbench.experiments.certification_messages import Certification, CertificationRequest
from benchbench.measure.clock import now_ns, utc_now
from benchbench.plugins.contract import BackendInfo
from benchbench.plugins.devices import resolve_device
from benchbench.plugins.registry import load_registry
from benchbench.run import question
from benchbench.run.encoding import plain_settings, to_json
from benchbench.run.messages import GaveUp


def _answer(asked: bytes) -> bytes:
    requests = msgspec.json.decode(asked, type=list[CertificationRequest])
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
        reason = f"{CRASHED}{crash.describe(error)}"
        gave_up = GaveUp("failed", reason, traceback.format_exc())
        return Certification(request=request, gave_up=gave_up)


def _certificate(request: CertificationRequest) -> Certificate:
    """Climb the ladder here. Raises Unsupported, Unavailable, and what the plugin raises."""
    registry = load_registry(retry=False)
    info, reference_info = registry.backend(request.backend), registry.backend(REFERENCE)
    exercise = Exercise(request.model, request.protocol, request.seed)
    reference = Reference(
        Implementation(reference_info.create()),
        exercise,
        SharedMemory(KeptAnswers.of(exercise, reference_info)),
    )
    with worked_out_ahead(reference):
        return _compared(request, info, reference_info, exercise, reference)


def _compared(
    request: CertificationRequest,
    info: BackendInfo,
    reference_info: BackendInfo,
    exercise: Exercise,
    reference: Reference,
) -> Certificate:
    started = now_ns()
    backend = info.create()
    device = resolve_device(request.device, backend.devices(), request.backend)
    candidate = Implementation(backend, request.division, device, request.threads)
    measures = CandidateMeasures(candidate, reference, exercise)
    ladder = Ladder(measures, info.deviations_of(request.division, request.model))
    cell = f"{request.model.name} {request.backend} {request.division}"
    rungs = ladder.climb(lambda rung: tell_progress(f"{cell}: {rung}"))
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
        settings=_settings(measures),
        verdict=next((one for one in ("breaks", "deviates") if one in verdicts), "holds"),
        rungs=rungs,
        traceback=ladder.traceback,
        seconds=(now_ns() - started) / 1e9,
        made=utc_now(),
    )
    return seal(certificate)


def _settings(measures: CandidateMeasures) -> dict[str, str | int | float | bool]:
    """Ask the candidate; one that broke on the way may have nothing to say."""
    try:
        return plain_settings(measures.settings())
    # A plugin is a stranger's code: whatever it raises, the certificate is finished and counts.
    except Exception as error:
        return {"settings": f"unknown: {type(error).__name__}: {error}"}


if __name__ == "__main__":
    question.answer(_answer)
