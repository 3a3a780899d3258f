"""Another tree's benchbench, in a process of its own: what it has, and what it lacks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchbench.errors import CheckoutError
from benchbench.experiments.contents import ContentsRequest, TreeContents
from benchbench.experiments.other_code import NoContentsError, ask_contents
from benchbench.run.environment import importing_from
from benchbench.run.plan import Cell, Environment


@dataclass(frozen=True, slots=True)
class OtherTree:
    """A checkout: a name for messages, its folder, and the environment that imports from it."""

    name: str
    folder: Path
    place: Environment

    def find_contents(self, asked: ContentsRequest) -> TreeContents:
        """Ask what there is. Raises CheckoutError with what went wrong there."""
        environment = os.environ | importing_from(self.place.import_path, os.environ)
        try:
            return ask_contents([self.place.python or sys.executable, "-P"], asked, environment)
        except NoContentsError as error:
            raise CheckoutError(
                f"{self.name} cannot be asked what it has: {error}; is it older than what this "
                f"benchbench can talk to?"
            ) from None


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
    if other.place.python:
        for package, folder in backend.hidden.items():
            yield f"{other.name} would import {package} from {folder}, which PYTHONPATH holds"
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
