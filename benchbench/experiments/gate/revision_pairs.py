"""The pairs of a gate against a revision: this tree's cells and those of another checkout.

Either side may run under a Python of its own; else both run under this one.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from benchbench.certify.sources import module_of
from benchbench.errors import UsageError
from benchbench.experiments.contents import ContentsRequest, TreeContents, find_contents
from benchbench.experiments.environments.interpreter import version_of
from benchbench.experiments.environments.names import NamedPython, find_python
from benchbench.experiments.gate.checkout import Checkout, import_folders
from benchbench.experiments.gate.other_tree import OtherTree, objections
from benchbench.experiments.gate.pairs import Pair, Pairing
from benchbench.experiments.other_code import OtherCertifier
from benchbench.plugins.registry import Registry
from benchbench.records import Variant
from benchbench.run.plan import Cell, Environment


def find_revision_pairs(
    cells: Mapping[Cell, str],
    checkout: Checkout,
    registry: Registry,
    *,
    name: str,
    place: Path,
    commit: str,
    python: NamedPython | None = None,
) -> Pairing:
    """Pair this tree's cells with those of the other, checked out at `place`.

    `cells` has for each cell the word that names its model. `python` is the other side's, by
    default this side's. Raises CheckoutError.
    """
    own_python = _python_of(cells)
    other_python = python or own_python
    module_names = {cell.backend: module_of(registry.backend(cell.backend)) for cell in cells}
    modules = tuple(dict.fromkeys(["benchbench", *module_names.values()]))
    asked = ContentsRequest(
        backends=tuple(dict.fromkeys(cell.backend for cell in cells)),
        modules=modules,
        models=tuple(dict.fromkeys(cells.values())),
    )
    folders = import_folders(checkout.root, modules)
    here = _tree("this tree", checkout.root, folders, own_python)
    there = _tree(name, place, folders, other_python)
    theirs = there.find_contents(asked)
    ours = here.find_contents(asked) if own_python else find_contents(asked)
    own_commit = None if checkout.changes else checkout.commit
    own = Side(here, "tree", own_commit, own_python, ours if own_python else None)
    other = Side(there, name, commit, other_python, theirs)
    objections_to = functools.partial(
        objections, ours=ours, root=checkout.root, theirs=theirs, other=there
    )
    pairs = {
        Pair(own.cell(cell), other.cell(cell), model): "; ".join(
            objections_to(cell, module=module_names[cell.backend], model=model)
        )
        for cell, model in cells.items()
    }
    return Pairing(
        tuple(pairs),
        name,
        {pair: reasons for pair, reasons in pairs.items() if reasons},
        certifier=OtherCertifier(name, theirs, there.place),
        own_certifier=OtherCertifier(here.name, ours, here.place) if own_python else None,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """One of the two trees: how its runs are labelled, and its Python.

    `contents` says what it declares where that is not what this process has.
    """

    tree: OtherTree
    label: str
    commit: str | None
    python: NamedPython | None
    contents: TreeContents | None

    def cell(self, cell: Cell) -> Cell:
        """Return the cell of this side."""
        there = self.contents.backends.get(cell.backend) if self.contents else None
        environment = self.tree.place
        if there:
            environment = msgspec.structs.replace(environment, variables=there.environment)
        if self.python and there:
            environment = msgspec.structs.replace(
                environment,
                python_version=version_of(self.python),
                removes=there.removes,
                notes=there.notes,
            )
        variant = Variant(self.label, commit=self.commit)
        return msgspec.structs.replace(cell, environment=environment, variant=variant)


def _tree(name: str, root: Path, folders: Sequence[Path], python: NamedPython | None) -> OtherTree:
    import_path = tuple(str(root / folder) for folder in folders)
    return OtherTree(name, root, Environment(str(python.path) if python else None, import_path))


def _python_of(cells: Mapping[Cell, str]) -> NamedPython | None:
    """Return the Python that this side's cells run under. Raises UsageError for several."""
    pythons = {cell.environment.python for cell in cells}
    if len(pythons) > 1:
        raise UsageError(
            f"a gate against a revision has one environment a side, but --backend names "
            f"{len(pythons)}: run a gate for each"
        )
    (python,) = pythons
    return find_python(python) if python else None
