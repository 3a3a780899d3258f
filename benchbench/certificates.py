"""What a certificate says: how far one implementation agreed with the reference, rung by rung.

A certificate is immutable and sealed: its last field is the hash of all the others, so that one
which was damaged or edited is told from one which was made. The hash is no signature: who edits a
certificate can seal it again.
"""

from __future__ import annotations

import hashlib
from typing import Literal, TypeAlias

import msgspec

# 1: the first.
CERTIFICATE_SCHEMA = 1

# How an explanation begins, after its starting point, where the plugin raised: there is no
# difference to tell. A field of its own would change the hash of every certificate that was made.
CRASHED = "crashed: "

RungVerdict: TypeAlias = Literal["holds", "deviates", "breaks", "not reached"]


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison with the reference, from each of the starting points.

    `differences` are relative where `measure` says so, null where there is no finite number; they
    may be as large as `tolerance`, whose origin is `source`. `explanation` says what a break looks
    like, or what the plugin declared.
    """

    name: str
    measure: str
    differences: dict[str, float | None] = {}
    tolerance: float
    source: str
    verdict: RungVerdict
    explanation: str | None = None

    @property
    def worst(self) -> float | None:
        """The largest difference over the starting points, null where one is not finite."""
        values = list(self.differences.values())
        known = [value for value in values if value is not None]
        return max(known) if known and len(known) == len(values) else None

    @property
    def crash(self) -> str | None:
        """What the plugin raised here and where, None if it did not."""
        _, crashed, told = (self.explanation or "").partition(CRASHED)
        return told if crashed and self.worst is None else None

    @property
    def summary(self) -> str:
        """How far it is off: "update after 1 step: differs by 4.2e-02 (tolerance 1.0e-04)"."""
        if self.crash:
            return f"{self.name}: {CRASHED}{self.crash}"
        size = "by no finite number" if self.worst is None else f"by {self.worst:.1e}"
        return f"{self.name}: differs {size} (tolerance {self.tolerance:.1e})"


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """One backend's division on one device, against the reference, on one spec.

    `certified_sha256` is the hash of the spec as it was certified: its protocol with one epoch, in
    the order given. `sources_sha256` is of the code that was compared: the plugin's, the
    reference's and the ladder's. `versions` and `settings` are what the backend said of itself.
    """

    schema: int = CERTIFICATE_SCHEMA
    backend: str
    division: str
    device: str
    threads: int
    model: str
    certified_sha256: str
    batch_size: int
    seed: int
    reference: str
    sources_sha256: str
    versions: dict[str, str]
    settings: dict[str, str | int | float | bool]
    verdict: Literal["holds", "deviates", "breaks"]
    rungs: tuple[Rung, ...]
    traceback: str | None = None
    seconds: float
    made: str
    sha256: str = ""

    @property
    def broken(self) -> Rung | None:
        """The first rung that breaks, if one does."""
        return next((rung for rung in self.rungs if rung.verdict == "breaks"), None)

    @property
    def deviations(self) -> tuple[Rung, ...]:
        """The rungs at which the plugin deviates as it declared."""
        return tuple(rung for rung in self.rungs if rung.verdict == "deviates")

    @property
    def genuine(self) -> bool:
        """Whether the certificate is as it was when it was sealed, by whomever."""
        return self.sha256 == _hash(self)


class CertificateOrReason(msgspec.Struct, frozen=True):
    """The certificate of a cell, or why there is none: one of the two."""

    certificate: Certificate | None = None
    reason: str | None = None


def seal(certificate: Certificate) -> Certificate:
    """Return the certificate with its hash."""
    return msgspec.structs.replace(certificate, sha256=_hash(certificate))


def _hash(certificate: Certificate) -> str:
    # Through JSON and back, so that what was read from a file hashes as what was written to it.
    blank = msgspec.structs.replace(certificate, sha256="")
    plain = msgspec.json.decode(msgspec.json.encode(blank, enc_hook=str))
    return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()
