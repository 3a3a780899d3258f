"""What a gate compares: this side's cells with a revision, with another environment, or both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchbench.errors import CheckoutError, UsageError
from benchbench.experiments.environments.backends import BackendElsewhere, find_elsewhere
from benchbench.experiments.environments.interpreter import contents_of
from benchbench.experiments.environments.names import NamedPython, find_python
from benchbench.experiments.gate.checkout import (
    Checkout,
    beside,
    changes_in_words,
    find_checkout,
    find_commit,
)
from benchbench.experiments.gate.pairs import Pair, Pairing, cells_by_word, find_tree_cells
from benchbench.experiments.gate.revision_pairs import find_revision_pairs
from benchbench.experiments.selection import find_backends
from benchbench.plugins.registry import Registry
from benchbench.records import Variant
from benchbench.run.plan import Cell

_HERE = "this environment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both sides; `cells` has for each of this one's the word that names its model.

    Against a revision there are `checkout` and `commit`, and `python` where it runs under another;
    against an environment there is its `backend`.
    """

    ref: str
    cells: Mapping[Cell, str]
    checkout: Checkout | None = None
    commit: str | None = None
    python: NamedPython | None = None
    backend: BackendElsewhere | None = None

    @property
    def name(self) -> str:
        """The other side, as tables call it."""
        if self.backend:
            return f"{self.backend.name}{self.backend.label}"
        revision = f"{self.ref}@{(self.commit or '')[:7]}"
        return f"{revision} under {self.python.label}" if self.python else revision

    @property
    def own_name(self) -> str:
        """This side, as tables call it."""
        return "this tree" if self.commit else self._own_label

    @property
    def _own_label(self) -> str:
        labels = {cell.variant.label for cell in self.cells if cell.variant}
        return next(iter(labels), _HERE)

    @contextmanager
    def pairing(self, registry: Registry) -> Iterator[Pairing]:
        """Give the pairs of cells; a revision is checked out meanwhile. Raises CheckoutError."""
        if self.checkout is None or self.commit is None:
            yield self._environment_pairs()
            return
        with beside(self.checkout, self.commit) as place:
            yield find_revision_pairs(
                self.cells,
                self.checkout,
                registry,
                name=self.name,
                place=place,
                commit=self.commit,
                python=self.python,
            )

    def notes(self) -> Iterator[str]:
        """Yield what a reader should know before the figures."""
        if self.backend:
            if {cell.environment.python for cell in self.cells} == {self.backend.place.python}:
                yield f"both sides are {self.name}: the environment is compared with itself"
            return
        assert self.checkout is not None  # noqa: S101 - a revision is of one
        commit = self.checkout.commit[:7]
        if self.checkout.changes:
            yield f"this tree is {commit} with {changes_in_words(self.checkout.changes)}"
        elif self.checkout.commit == self.commit and self.python is None:
            yield (
                f"'{self.ref}' is the commit of this tree ({commit}), and nothing is changed: the "
                f"tree is compared with itself"
            )

    def _environment_pairs(self) -> Pairing:
        assert self.backend is not None  # noqa: S101 - else there is a revision
        there = self.backend
        pairs, troubles = [], {}
        for cell, model in self.cells.items():
            own_label = cell.variant.label if cell.variant else _HERE
            if own_label == there.label:
                own_label = f"{own_label} again"
            pair = Pair(
                msgspec.structs.replace(cell, variant=Variant(own_label)),
                msgspec.structs.replace(
                    cell, environment=there.place, variant=Variant(there.label)
                ),
                model,
            )
            pairs.append(pair)
            if cell.division not in there.divisions:
                troubles[pair] = (
                    f"in the environment of {self.name} the backend has no division "
                    f"'{cell.division}', only {', '.join(there.divisions)}"
                )
        return Pairing(tuple(pairs), self.name, troubles, own_name=self.own_name)


def find_sides(
    against: str,
    backends: list[str] | None,
    division: str,
    models: list[str],
    registry: Registry,
    *,
    aside: Path,
) -> Sides:
    """Return what `--against` names: REVISION, BACKEND@ENVIRONMENT or REVISION@ENVIRONMENT.

    What git knows as a whole is a revision, whatever it holds. Changes under `aside` do not count.
    Raises CheckoutError, UsageError, Unavailable.
    """
    if "@" not in against:
        return _of_revision(against, None, backends, division, models, registry, aside)
    checkout = _checkout(aside)
    if checkout and _is_commit(checkout, against):
        return _of_revision(against, None, backends, division, models, registry, aside)
    left, _, environment = against.partition("@")
    if not left or not environment:
        raise UsageError(
            f"--against {against}: expected a revision (main), a backend of another environment "
            f"(torch@venvs/torch-2.13), or a revision under another environment "
            f"(main@venvs/torch-2.13)"
        )
    python = find_python(environment)
    if left in contents_of(python).backends or left in registry.backends:
        return _of_environment(against, left, environment, backends, division, models, registry)
    if checkout is None or not _is_commit(checkout, left):
        raise UsageError(
            f"--against {against}: '{left}' is neither a backend (there are "
            f"{', '.join(contents_of(python).backends)}) nor a revision of a checkout here"
        )
    return _of_revision(left, python, backends, division, models, registry, aside)


def _of_revision(  # noqa: PLR0917 - what the verb was told
    ref: str,
    python: NamedPython | None,
    backends: list[str] | None,
    division: str,
    models: list[str],
    registry: Registry,
    aside: Path,
) -> Sides:
    checkout = find_checkout(Path.cwd(), aside=aside)
    commit = find_commit(checkout, ref)
    cells = find_tree_cells(backends, division, models, registry, checkout.root)
    return Sides(ref=ref, cells=cells, checkout=checkout, commit=commit, python=python)


def _of_environment(  # noqa: PLR0917 - what the verb was told
    against: str,
    name: str,
    environment: str,
    backends: list[str] | None,
    division: str,
    models: list[str],
    registry: Registry,
) -> Sides:
    infos = find_backends(backends or [name], registry)
    if strange := [info.name for info in infos if info.name != name]:
        raise UsageError(
            f"--against {against} is of the backend '{name}', but --backend names "
            f"'{strange[0]}': expected --backend {name}, or {name}@ENVIRONMENT"
        )
    if len(infos) > 1:
        raise UsageError(
            f"--against {against} is compared with one environment, but --backend names "
            f"{len(infos)}: run a gate for each"
        )
    (there,) = find_elsewhere(name, environment)
    cells = cells_by_word(infos, division, models, registry)
    return Sides(ref=against, cells=cells, backend=there)


def _checkout(aside: Path) -> Checkout | None:
    try:
        return find_checkout(Path.cwd(), aside=aside)
    except CheckoutError:
        return None


def _is_commit(checkout: Checkout, ref: str) -> bool:
    try:
        find_commit(checkout, ref)
    except CheckoutError:
        return False
    return True
