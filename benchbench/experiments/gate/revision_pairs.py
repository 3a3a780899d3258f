"""The pairs of a gate against a revision: this tree's cells and those of another checkout.

Either side may run under a Python of its own; else both run under this one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import msgspec

from benchbench.certify.sources import module_of
from benchbench.errors import UsageError
from benchbench.experiments.contents import BackendContents, ContentsRequest, find_contents
from benchbench.experiments.environments.interpreter import version_of
from benchbench.experiments.environments.names import NamedPython, find_python
from benchbench.experiments.gate.checkout import Checkout, import_folders
from benchbench.experiments.gate.other_tree import OtherCertifier, OtherTree, objections
from benchbench.experiments.gate.pairs import Pair, Pairing
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
    module_names = {cell.backend: module_of(registry.backend(cell.backend)) for cell in cells}
    modules = tuple(dict.fromkeys(["benchbench", *module_names.values()]))
    folders = import_folders(checkout.root, modules)
    own = Side(
        "tree",
        None if checkout.changes else checkout.commit,
        tuple(str(checkout.root / folder) for folder in folders),
        own_python,
    )
    other = Side(
        name, commit, tuple(str(place / folder) for folder in folders), python or own_python
    )
    there = OtherTree(name, place, other.import_path, other.python_path)
    here = OtherTree("this tree", checkout.root, own.import_path, own.python_path)
    asked = ContentsRequest(
        backends=tuple(dict.fromkeys(cell.backend for cell in cells)),
        modules=modules,
        models=tuple(dict.fromkeys(cells.values())),
    )
    theirs = there.find_contents(asked)
    ours = here.find_contents(asked) if own_python else find_contents(asked)
    pairs, troubles = [], {}
    for cell, model in cells.items():
        declared = ours.backends.get(cell.backend) if own_python else None
        pair = Pair(
            own.cell(cell, declared), other.cell(cell, theirs.backends.get(cell.backend)), model
        )
        pairs.append(pair)
        told = objections(
            cell,
            module=module_names[cell.backend],
            model=model,
            ours=ours,
            root=checkout.root,
            theirs=theirs,
            other=there,
        )
        if reasons := "; ".join(told):
            troubles[pair] = reasons
    return Pairing(
        tuple(pairs),
        name,
        troubles,
        certifier=OtherCertifier(there, theirs),
        own_certifier=OtherCertifier(here, ours) if own_python else None,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """One of the two trees: how its runs are labelled, what they import from, and their Python."""

    label: str
    commit: str | None
    import_path: tuple[str, ...]
    python: NamedPython | None = None

    @property
    def python_path(self) -> str | None:
        return str(self.python.path) if self.python else None

    def cell(self, cell: Cell, there: BackendContents | None = None) -> Cell:
        """Return the cell of this side; `there` says what its backend declares there."""
        environment = Environment(
            import_path=self.import_path, variables=there.environment if there else None
        )
        if self.python and there:
            environment = msgspec.structs.replace(
                environment,
                python=self.python_path,
                python_version=version_of(self.python),
                removes=there.removes,
                notes=there.notes,
            )
        variant = Variant(self.label, commit=self.commit)
        return msgspec.structs.replace(cell, environment=environment, variant=variant)


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
