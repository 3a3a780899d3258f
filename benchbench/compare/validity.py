"""May a run be compared? Only if a certificate says that it trained the function of the spec."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

import msgspec

from benchbench.certificates import Certificate, Rung
from benchbench.certify.exercise import PROGRAMS, as_certified
from benchbench.certify.rungs import THREE_EPOCHS
from benchbench.records import RunRecord
from benchbench.spec.identity import spec_sha256
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol

# How a run that is not `ok` came to its end.
_ENDINGS = {
    "invalid": "is invalid",
    "failed": "failed",
    "crashed": "crashed",
    "timeout": "took too long",
    "oom": "ran out of memory",
    "interrupted": "was interrupted",
    "skipped": "was skipped",
}
_TRAINING = frozenset({*(program.name for program in PROGRAMS), THREE_EPOCHS, "order"})


def objection(record: RunRecord) -> str | None:
    """Return why no ratio or ranking may include this run; None if it may be compared.

    A declared deviation of an update is an objection too: another function is trained. One of a
    loss or of predictions is not.
    """
    certificate = record.certificate
    if certificate is None:
        return record.uncertified or "it was not certified"
    if not certificate.genuine:
        return "its certificate was edited: its hash no longer fits, it is ignored"
    return _objection_to(certificate, record)


def _objection_to(certificate: Certificate, record: RunRecord) -> str | None:
    mismatch = next(_mismatches(certificate, record), None)
    if mismatch:
        return f"its certificate is not for this run: {mismatch}"
    if certificate.broken:
        return _break(certificate.broken)
    # A candidate that broke may have had no settings to state; a run that came to no end has none.
    if _came_to_no_end(record):
        return f"the run {ending(record)}"
    otherwise = next(_other_versions_or_settings(certificate, record), None)
    if otherwise:
        return f"its certificate is not for this run: {otherwise}"
    return _shortcoming(certificate)


def _came_to_no_end(record: RunRecord) -> bool:
    return record.status != "ok" and not record.versions and not record.settings


def ending(run: RunRecord) -> str:
    """Say how a run ended that is not `ok`, as a predicate, and why: "crashed: ..."."""
    return f"{_ENDINGS[run.status]}: {failure_reason(run)}"


def failure_reason(run: RunRecord) -> str:
    """Say why a run is not `ok`: its error, or the checks it failed."""
    failed = [check for check in run.checks if check.passed is False]
    failures = [
        f"{check.name}: expected {check.expected}, got {check.observed}" for check in failed
    ]
    reasons = [run.error, *failures] if run.error else failures
    return "; ".join(reasons) or "no reason was recorded"


def _shortcoming(certificate: Certificate) -> str | None:
    if not certificate.rungs:
        return "its certificate has no rungs: nothing was compared"
    if cut := [one.name for one in certificate.rungs if not _reached(one)]:
        return f"its certificate breaks nowhere and does not reach {cut[0]}"
    training = (rung for rung in certificate.deviations if rung.name in _TRAINING)
    return next((f"{rung.name} deviates, {rung.explanation}" for rung in training), None)


def _break(rung: Rung) -> str:
    if rung.crash:
        return rung.summary
    if rung.worst is None:
        return f"{rung.name}: {rung.explanation}"
    return f"{rung.name} differs by {rung.worst:.1e} (tolerance {rung.tolerance:.0e})"


def _reached(rung: Rung) -> bool:
    return rung.verdict != "not reached"


def _mismatches(certificate: Certificate, record: RunRecord) -> Iterator[str]:
    """Yield every way in which the cell that was certified is not the one that ran."""
    for name in ("backend", "division", "device", "threads"):
        ours, theirs = getattr(certificate, name), getattr(record, name)
        if name == "device" and theirs is None and _came_to_no_end(record):
            continue  # it had not found its device yet
        if ours != theirs:
            yield f"{name} {ours} was certified, {theirs} ran"
    ran = _as_certified(record.spec, record.protocol, certificate.batch_size)
    if ran != certificate.certified_sha256:
        yield "another spec was certified"


@functools.lru_cache(maxsize=512)  # the thousands of runs of a session have a few specs
def _as_certified(spec: ModelSpec, protocol: TrainingProtocol, batch_size: int) -> str:
    """Return the hash that the certificate of a run of this spec has."""
    protocol = msgspec.structs.replace(as_certified(protocol), batch_size=batch_size)
    return spec_sha256(spec, protocol)


def _other_versions_or_settings(certificate: Certificate, record: RunRecord) -> Iterator[str]:
    """Yield every version and setting that was certified and is not what ran."""
    yield from _differences("", certificate.versions, record.versions)
    # Floats among the settings are measured ones.
    settings = [
        {name: value for name, value in one.items() if not isinstance(value, float)}
        for one in (certificate.settings, record.settings)
    ]
    yield from _differences("the setting ", *settings)


def _differences(
    kind: str, certified: Mapping[str, object], ran: Mapping[str, object]
) -> Iterator[str]:
    for name in sorted({*certified, *ran}):
        if certified.get(name) != ran.get(name):
            yield f"{kind}{name} {certified.get(name)} was certified, {ran.get(name)} ran"
