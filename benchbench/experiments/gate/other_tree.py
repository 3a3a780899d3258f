"""Another tree's benchbench, in processes of its own: what it has, and what it certifies."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchbench.certify.sources import installed_versions
from benchbench.errors import CheckoutError
from benchbench.experiments import contents
from benchbench.experiments.certification_messages import CertificationRequest
from benchbench.experiments.contents import ContentsRequest, TreeContents
from benchbench.plugins.contract import BackendInfo
from benchbench.run.encoding import to_json
from benchbench.run.environment import importing_from, worker_environment
from benchbench.run.plan import Cell
from benchbench.run.question import Returned, exchange

_ASKING_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class OtherTree:
    """A checkout by the folders to import from, and a name for messages.

    `python` is the interpreter that it runs under, None for this process's.
    """

    name: str
    folder: Path
    import_path: tuple[str, ...]
    python: str | None = None

    def find_contents(self, asked: ContentsRequest) -> TreeContents:
        """Ask what there is. Raises CheckoutError with what went wrong there."""
        returned = exchange(
            (self.python or sys.executable, "-P", contents.__file__),
            msgspec.json.encode(asked),
            environment=os.environ | importing_from(self.import_path, os.environ),
            timeout_seconds=_ASKING_SECONDS,
        )
        if returned.answer is None:
            raise CheckoutError(
                f"{self.name} cannot be asked what it has: {returned.trouble}; is it older than "
                f"what this benchbench can talk to?"
            )
        try:
            return msgspec.json.decode(returned.answer, type=TreeContents)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise CheckoutError(f"what {self.name} answers cannot be read: {error}") from None


@dataclass(frozen=True, slots=True)
class OtherCertifier:
    """What certifies the other tree's cells, by that tree's own code."""

    tree: OtherTree
    contents: TreeContents

    def sources_sha256(self, info: BackendInfo) -> str:
        """Return the hash of what a certificate of this backend depends on there."""
        return self.contents.backends[info.name].sources_sha256

    def versions(self, info: BackendInfo) -> dict[str, str]:
        """Return the versions of what the backend requires, as installed there."""
        if self.tree.python is None:
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
            return Returned(None, f"{self.tree.name} has no module that certifies", "")
        with tempfile.TemporaryDirectory(prefix="benchbench-") as home:
            return exchange(
                (self.tree.python or sys.executable, "-m", self.contents.certifier),
                to_json(requests),
                environment=worker_environment(
                    os.environ,
                    info=info,
                    threads=requests[0].threads,
                    home=Path(home),
                    import_path=self.tree.import_path,
                    variables=self.contents.backends[info.name].environment,
                ),
                timeout_seconds=timeout_seconds,
            )


def objections(
    cell: Cell,
    *,
    module: str,
    model: str,
    ours: TreeContents,
    root: Path,
    theirs: TreeContents,
    other: OtherTree,
) -> Iterator[str]:
    """Yield why a cell of the tree at `root` has no counterpart in the other, if it has none.

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
