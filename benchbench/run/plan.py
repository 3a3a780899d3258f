"""What will be run, and in which company: cells times blocks, in groups that share the baton."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from benchbench.certificates import Certificate
from benchbench.plugins.contract import BackendInfo
from benchbench.records import DatasetChoice, RunRequest
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol

# Workers alive at once. Each holds a framework and a data set, one to two gigabytes.
LIVE_WORKERS = 8


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing to be measured: a model under a backend's division."""

    backend: BackendInfo
    division: str
    model: ModelSpec

    @property
    def name(self) -> str:
        """Backend and division in one word."""
        return f"{self.backend.name}-{self.division}"


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run to come: its request, all but the moment of its spawning, and its backend.

    `certificate` is that of its cell; where there is none, `uncertified` says why.
    """

    request: RunRequest
    backend: BackendInfo
    certificate: Certificate | None = None
    uncertified: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Runs that are alive together and take turns, in orders drawn from `order_seed`."""

    order_seed: int
    runs: tuple[PlannedRun, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A session: its groups, one after another."""

    session_id: str
    groups: tuple[Group, ...]

    @property
    def runs(self) -> tuple[PlannedRun, ...]:
        return tuple(run for group in self.groups for run in group.runs)


def make_plan(
    cells: Sequence[Cell],
    *,
    protocol: TrainingProtocol,
    dataset: DatasetChoice,
    device: str,
    threads: int,
    cpus: tuple[int, ...] | None,
    seed: int,
    blocks: int,
    certificates: Mapping[Cell, Certificate | str] = MappingProxyType({}),
) -> Plan:
    """Lay out the session: block by block, and in a block model by model.

    The cells of one model are what is compared, so they run in one group, or, above `LIVE_WORKERS`,
    in several. Block b trains with seed + b. `certificates` holds the certificate of a cell, or why
    there is none.
    """
    session_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    order_seed = secrets.randbits(32)
    models = list(dict.fromkeys(cell.model for cell in cells))
    groups: list[Group] = []
    for block, model in itertools.product(range(blocks), models):
        same_model = [cell for cell in cells if cell.model == model]
        for first in range(0, len(same_model), LIVE_WORKERS):
            runs = tuple(
                PlannedRun(
                    RunRequest(
                        run_id=f"{session_id}-{block:03d}-{model.name}-{cell.name}",
                        session_id=session_id,
                        block=block,
                        backend=cell.backend.name,
                        division=cell.division,
                        model=model,
                        protocol=protocol,
                        dataset=dataset,
                        device=device,
                        threads=threads,
                        cpus=cpus,
                        seed=seed + block,
                        spawned_ns=0,
                    ),
                    cell.backend,
                    **_certified(certificates.get(cell)),
                )
                for cell in same_model[first : first + LIVE_WORKERS]
            )
            groups.append(Group(order_seed + len(groups), runs))
    return Plan(session_id, tuple(groups))


def _certified(found: Certificate | str | None) -> dict[str, Any]:
    if isinstance(found, Certificate):
        return {"certificate": found}
    return {"uncertified": found}
