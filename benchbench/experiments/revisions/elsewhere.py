"""Another checkout's benchbench, in processes of its own: what it has, and what it certifies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchbench.certificates import Certificate
from benchbench.errors import CheckoutError
from benchbench.experiments.revisions import inquiry
from benchbench.experiments.revisions.inquiry import Findings, Inquiry
from benchbench.run.environment import importing_from
from benchbench.run.errand import Returned, exchange
from benchbench.run.plan import Cell

_ASKING_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A checkout by the folders to import from, and a name for messages."""

    name: str
    folder: Path
    import_path: tuple[str, ...]

    def find(self, asked: Inquiry) -> Findings:
        """Ask what there is. Raises CheckoutError with what went wrong there."""
        command = (sys.executable, "-P", inquiry.__file__)
        returned = self._exchange(command, msgspec.json.encode(asked), _ASKING_SECONDS)
        if returned.answer is None:
            raise CheckoutError(
                f"{self.name} cannot be asked what it has: {returned.trouble}; is it older than "
                f"what this benchbench can talk to?"
            )
        return msgspec.json.decode(returned.answer, type=Findings)

    def certify(
        self,
        *,
        backend: str,
        division: str,
        model: str,
        device: str,
        threads: int,
        timeout_seconds: float,
    ) -> Certificate | str:
        """Have the checkout certify a cell of its own, or return why there is no certificate."""
        command = (
            *(sys.executable, "-m", "benchbench", "certify", "--json"),
            *("--backend", backend, "--division", division, "--model", model),
            *("--device", device, "--threads", str(threads), "--timeout", str(timeout_seconds)),
        )
        returned = self._exchange(command, b"", timeout_seconds + _ASKING_SECONDS)
        if returned.answer is None:
            return returned.trouble
        try:
            (certificate,) = msgspec.json.decode(returned.answer, type=list[Certificate])
        except (msgspec.MsgspecError, ValueError) as error:
            return f"its certificate cannot be read: {error}"
        return certificate

    def _exchange(
        self, command: tuple[str, ...], question: bytes, timeout_seconds: float
    ) -> Returned:
        environment = os.environ | importing_from(self.import_path, os.environ)
        return exchange(command, question, environment=environment, timeout_seconds=timeout_seconds)


def objections(
    cell: Cell,
    *,
    module: str,
    model: str,
    ours: Findings,
    root: Path,
    theirs: Findings,
    other: Elsewhere,
) -> Iterator[str]:
    """Yield why a cell of the checkout at `root` has no counterpart in the other, if it has none.

    `module` is that of the cell's backend, `model` the word by which both were asked for its model.
    """
    backend = theirs.backends.get(cell.backend)
    if backend is None:
        left_out = f" (left out there: {'; '.join(theirs.left_out)})" if theirs.left_out else ""
        yield f"{other.name} has no backend '{cell.backend}'{left_out}"
        return
    if backend.missing:
        yield f"in {other.name} the backend needs {', '.join(backend.missing)}: not installed"
    if cell.division not in backend.divisions:
        yield (
            f"in {other.name} the backend '{cell.backend}' has no division '{cell.division}', "
            f"only {', '.join(backend.divisions)}"
        )
    for name in ("benchbench", module):
        here, there = ours.modules.get(name), theirs.modules.get(name)
        if _lies_in(here, root) and not _lies_in(there, other.folder):
            # It would be imported from here after all, and be compared with itself.
            yield f"the module {name} is not in {other.name}, or is imported from elsewhere"
    if model not in theirs.specs:
        yield f"{other.name} has no model '{model}'"
    elif ours.specs[model] != theirs.specs[model]:
        yield (
            f"the spec of '{model}' is another one in {other.name}: its hash is "
            f"{ours.specs[model][:12]} here, {theirs.specs[model][:12]} there"
        )


def _lies_in(file: str | None, folder: Path) -> bool:
    return file is not None and Path(file).resolve().is_relative_to(folder.resolve())
