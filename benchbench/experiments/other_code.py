"""Code that this process does not import: that of another tree or environment, asked what it has.

It answers, and certifies what it has, in processes of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from benchbench.certify.sources import installed_versions
from benchbench.errors import BenchbenchError
from benchbench.experiments import contents
from benchbench.experiments.certification_messages import CertificationRequest
from benchbench.experiments.contents import ContentsRequest, TreeContents
from benchbench.plugins.contract import BackendInfo
from benchbench.run import question
from benchbench.run.encoding import to_json
from benchbench.run.plan import Environment
from benchbench.run.question import Returned

ASKING_SECONDS = 120.0


class NoContentsError(BenchbenchError):
    """There is no answer, or none that can be read. The message says why."""


def ask_contents(
    python: Sequence[str], asked: ContentsRequest, environment: Mapping[str, str]
) -> TreeContents:
    """Ask what the code has that a Python (with options) imports. Raises NoContentsError."""
    try:
        returned = question.exchange(
            [*python, contents.__file__],
            msgspec.json.encode(asked),
            environment=environment,
            timeout_seconds=ASKING_SECONDS,
        )
    except OSError as error:
        raise NoContentsError(f"it cannot be started ({error.strerror or error})") from None
    if returned.answer is None:
        raise NoContentsError(returned.trouble)
    try:
        return msgspec.json.decode(returned.answer, type=TreeContents)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NoContentsError(f"its answer cannot be read: {error}") from None


@dataclass(frozen=True, slots=True)
class OtherCertifier:
    """What certifies the cells of a place, by the code there; `name` is that of messages.

    `heard` is told how far it is.
    """

    name: str
    contents: TreeContents
    place: Environment
    heard: Callable[[str], None] | None = None

    def sources_sha256(self, info: BackendInfo) -> str:
        """Return the hash of what a certificate of this backend depends on there."""
        return self.contents.backends[info.name].sources_sha256

    def versions(self, info: BackendInfo) -> dict[str, str]:
        """Return the versions of what the backend requires, as installed there."""
        if self.place.python is None:
            return installed_versions(info)
        return self.contents.backends[info.name].versions

    def ask(
        self,
        requests: Sequence[CertificationRequest],
        info: BackendInfo,
        *,
        timeout_seconds: float,
    ) -> Returned:
        """Have the cells of one backend certified in a process with a worker's environment."""
        if self.contents.certifier is None:
            return Returned(None, f"{self.name} has no module that certifies", "")
        variables = self.contents.backends[info.name].environment
        try:
            return question.ask(
                self.contents.certifier,
                to_json(requests),
                info=info,
                threads=requests[0].threads,
                timeout_seconds=timeout_seconds,
                heard=self.heard,
                place=msgspec.structs.replace(self.place, variables=variables),
            )
        except OSError as error:  # it was there a moment ago
            reason = error.strerror or error
            return Returned(None, f"{self.name} cannot be started ({reason})", "")
