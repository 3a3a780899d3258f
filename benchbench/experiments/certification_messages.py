"""What is asked of a process that certifies, what it answers, and whether that can be used."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benchbench.certificates import Certificate
from benchbench.compare.contrast import CellName
from benchbench.errors import BenchbenchError
from benchbench.run.messages import GaveUp
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol

# So much of what cannot be read goes into a sentence.
_SHOWN = 60
_LONGEST_TROUBLE = 150


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

    `from_cache`: it was made before. `warning`: what was wrong with one that was kept. `variant` is
    the label of the cell's, where cells differ in their environment or device.
    """

    request: CertificationRequest
    certificate: Certificate | None = None
    gave_up: GaveUp | None = None
    from_cache: bool = False
    warning: str | None = None
    variant: str = ""

    @property
    def cell(self) -> str:
        """Model, backend, division and variant in words."""
        request = self.request
        return f"{request.model.name} {CellName(request.backend, request.division, self.variant)}"

    @property
    def reason(self) -> str | None:
        """Why there is no certificate, None where there is one."""
        if self.certificate:
            return None
        return self.gave_up.reason if self.gave_up else "there was no answer"

    @property
    def settled(self) -> bool:
        return bool(self.certificate or self.gave_up)


class AnswerError(BenchbenchError):
    """An answer that cannot be read, or that is not to what was asked. The message says why."""


def read_answers(answer: bytes, requests: Sequence[CertificationRequest]) -> list[Certification]:
    """Return the certifications, in the order of the requests. Raises AnswerError."""
    try:
        answers = msgspec.json.decode(answer, type=list[Certification])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        what = " ".join(str(error).split())[:_LONGEST_TROUBLE]
        raise AnswerError(f"its answer cannot be read: {what} ({_shown(answer)})") from None
    except RecursionError:
        raise AnswerError(
            f"its answer cannot be read: it is nested too deeply ({_shown(answer)})"
        ) from None
    if len(answers) != len(requests):
        raise AnswerError(f"asked for {len(requests)} certificates it gave {len(answers)} answers")
    for asked, told in zip(requests, answers, strict=True):
        if trouble := _trouble(asked, told):
            raise AnswerError(trouble)
    return answers


def _trouble(asked: CertificationRequest, told: Certification) -> str | None:
    """Return what is wrong with one answer, None if nothing is."""
    if not told.settled:
        return "its answer has neither a certificate nor a reason"
    if told.certificate is None:
        return None
    # All but the device, of which "auto" and "cuda" are no names.
    of_asked = (asked.backend, asked.division, asked.model.name, asked.threads, asked.seed)
    one = told.certificate
    of_told = (one.backend, one.division, one.model, one.threads, one.seed)
    if of_asked != of_told:
        return f"asked for a certificate of {of_asked} it gave one of {of_told}"
    if not one.rungs:
        return "its certificate has no rungs: nothing was compared"
    return None


def _shown(answer: bytes) -> str:
    """Return the beginning of an answer, and its length if that is more."""
    if len(answer) <= _SHOWN:
        return repr(answer)
    return f"{answer[:_SHOWN]!r} and {len(answer) - _SHOWN:,} bytes more"
