"""What will be run, and in which company: cells times blocks, in groups that share the baton."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from benchbench.certificates import Certificate
from benchbench.plugins.contract import BackendInfo
from benchbench.records import DatasetChoice, RunRequest, Variant
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol

# Workers alive at once. Each holds a framework and a data set, one to two gigabytes.
LIVE_WORKERS = 8


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing to be measured: a model under a backend's division.

    `variant` tells cells apart that are alike in these. `import_path` are folders that its worker
    imports from before all others: those of another checkout.
    """

    backend: BackendInfo
    division: str
    model: ModelSpec
    variant: Variant | None = None
    import_path: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Backend, division and variant in one word, fit for the name of a file."""
        parts = [self.backend.name, self.division]
        if self.variant:
            parts.append(re.sub(r"[^\w.]+", "-", self.variant.label).strip("-"))
        return "-".join(parts)


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run to come: its request, all but the moment of its spawning, its backend and sources.

    `certificate` is that of its cell; where there is none, `uncertified` says why.
    """

    request: RunRequest
    backend: BackendInfo
    import_path: tuple[str, ...] = ()
    certificate: Certificate | None = None
    uncertified: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Runs that are alive together and take turns, in orders drawn from `order_seed`."""

    order_seed: int
    runs: tuple[PlannedRun, ...]


def _fresh_id() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


@dataclass(frozen=True, kw_only=True)
class Session:
    """Cells that are measured together, block by block, and all that their runs have in common.

    `certificates` holds the certificate of a cell, or why there is none.
    """

    cells: Sequence[Cell]
    protocol: TrainingProtocol
    dataset: DatasetChoice
    device: str
    threads: int
    cpus: tuple[int, ...] | None
    seed: int
    certificates: Mapping[Cell, Certificate | str] = field(default_factory=dict)
    session_id: str = field(default_factory=_fresh_id)
    order_seed: int = field(default_factory=lambda: secrets.randbits(32))

    def block(self, number: int) -> tuple[Group, ...]:
        """Lay out one block, model by model; it trains with `seed` + number.

        The cells of one model are what is compared, so they run in one group, or, above
        `LIVE_WORKERS`, in several.
        """
        groups = [
            [cell for cell in self.cells if cell.model == model][first : first + LIVE_WORKERS]
            for model, count in Counter(cell.model for cell in self.cells).items()
            for first in range(0, count, LIVE_WORKERS)
        ]
        return tuple(
            Group(
                self.order_seed + number * len(groups) + place,
                tuple(self._planned(cell, number) for cell in group),
            )
            for place, group in enumerate(groups)
        )

    def blocks(self, count: int) -> tuple[Group, ...]:
        """Lay out the blocks from 0 to `count` - 1, one after another."""
        return tuple(group for number in range(count) for group in self.block(number))

    def _planned(self, cell: Cell, block: int) -> PlannedRun:
        request = RunRequest(
            run_id=f"{self.session_id}-{block:03d}-{cell.model.name}-{cell.name}",
            session_id=self.session_id,
            block=block,
            backend=cell.backend.name,
            division=cell.division,
            model=cell.model,
            protocol=self.protocol,
            dataset=self.dataset,
            device=self.device,
            threads=self.threads,
            cpus=self.cpus,
            seed=self.seed + block,
            spawned_ns=0,
            variant=cell.variant,
        )
        found = self.certificates.get(cell)
        if isinstance(found, Certificate):
            return PlannedRun(request, cell.backend, cell.import_path, certificate=found)
        return PlannedRun(request, cell.backend, cell.import_path, uncertified=found)
