"""What will be run: cells times blocks, in groups whose workers are interleaved. Pure data."""

from __future__ import annotations

import random
import re
import secrets
from collections import Counter
from datetime import UTC, datetime

import msgspec

from benchbench.certificates import Certificate, CertificateOrReason
from benchbench.errors import UsageError
from benchbench.records import DatasetChoice, Stopping, Variant
from benchbench.run.messages import RunRequest
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol

# 1: the first. 2: `stopping`. 3: the reason of a cell without a certificate has a name.
SESSION_SCHEMA = 3

# Workers alive at once. Each holds a framework and a data set, one to two gigabytes.
LIVE_WORKERS = 8
# Seeds of later blocks are counted on from the first; all have 64 bits in a record.
_SEEDS = 2**62


class Environment(msgspec.Struct, frozen=True):
    """What a worker runs under, where that is not what this process runs under.

    `python` is the path of an interpreter, `python_version` what it is. `import_path` are folders
    to import from before all others: those of another checkout. `variables` replaces the
    environment variables that the backend declares in this process, where another checkout declares
    others; under a `python` of its own `removes` and `notes` do the same.
    """

    python: str | None = None
    import_path: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] | None = None
    removes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    python_version: str | None = None


HERE = Environment()


class Cell(msgspec.Struct, frozen=True):
    """One thing to be measured: a model under a backend's division, on a device.

    `device` is the session's where it is None. `variant` tells cells apart that are alike in all
    else, or that differ in their environment.
    """

    backend: str
    division: str
    model: ModelSpec
    device: str | None = None
    environment: Environment = HERE
    variant: Variant | None = None

    @property
    def name(self) -> str:
        """Backend, division, device and variant in one word, fit for the name of a file."""
        parts = [self.backend, self.division]
        if self.device and not (self.variant and self.variant.device):
            parts.append(as_word(self.device))
        if self.variant:
            parts.append(as_word(self.variant.label))
        return "-".join(parts)


class PlannedRun(msgspec.Struct, frozen=True):
    """One run to come: its request, all but the moment of its spawning, and its environment.

    `certificate` is that of its cell; where there is none, `uncertified` says why. `stopping` and
    `replaces_blocks` are those of its session.
    """

    request: RunRequest
    environment: Environment = HERE
    certificate: Certificate | None = None
    uncertified: str | None = None
    stopping: Stopping | None = None
    replaces_blocks: tuple[int, ...] = ()


class Group(msgspec.Struct, frozen=True):
    """Runs that are alive together and take turns, in orders drawn from `order_seed`."""

    order_seed: int
    runs: tuple[PlannedRun, ...]


def _fresh_id() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Cells that are measured together, block by block, and all that their runs have in common.

    `certificates` pairs a cell with its certificate, or with why there is none. `stopping` says how
    the number of blocks will be settled, None if it is settled already. `replaces_blocks` are
    those of an earlier part of the session that are run again. `further_epochs` pairs the name of
    a model with the epochs that its runs train beyond the protocol's. Of the first `audited_blocks`
    one, drawn by `order_seed`, has the audit of a cell's run; 0: none. `include_host`: records name
    the machine. `threads` are 0 where each node takes as many as it has physical cores. Raises
    UsageError where two cells share model and name, for their records would share a file.
    """

    schema: int = SESSION_SCHEMA
    cells: tuple[Cell, ...]
    protocol: TrainingProtocol
    dataset: DatasetChoice
    device: str
    threads: int
    cpus: tuple[int, ...] | None
    seed: int
    certificates: tuple[tuple[Cell, CertificateOrReason], ...] = ()
    stopping: Stopping | None = None
    replaces_blocks: tuple[int, ...] = ()
    further_epochs: tuple[tuple[str, int], ...] = ()
    audited_blocks: int = 0
    include_host: bool = False
    session_id: str = msgspec.field(default_factory=_fresh_id)
    order_seed: int = msgspec.field(default_factory=lambda: secrets.randbits(32))

    def __post_init__(self) -> None:
        counts = Counter(f"{cell.model.name} {cell.name}" for cell in self.cells)
        twice = sorted(name for name, count in counts.items() if count > 1)
        if twice:
            raise UsageError(
                f"a session has two cells that nothing tells apart: {', '.join(twice)}; give one "
                f"of them a variant with a label of its own"
            )
        if not 0 <= self.seed < _SEEDS:
            raise UsageError(f"expected a seed from 0 to {_SEEDS - 1}, but it is {self.seed}")
        # A choice may come with more, for people; what is sent to a worker is the choice alone.
        names = DatasetChoice.__struct_fields__
        choice = DatasetChoice(**{name: getattr(self.dataset, name) for name in names})
        msgspec.structs.force_setattr(self, "dataset", choice)

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
            backend=cell.backend,
            division=cell.division,
            model=cell.model,
            protocol=self.protocol,
            dataset=self.dataset,
            device=cell.device or self.device,
            threads=self.threads,
            cpus=self.cpus,
            seed=self.seed + block,
            spawned_ns=0,
            variant=cell.variant,
            further_epochs=dict(self.further_epochs).get(cell.model.name, 0),
            audited=self._is_audited(cell, block),
        )
        found = dict(self.certificates).get(cell, CertificateOrReason())
        return PlannedRun(
            request,
            cell.environment,
            certificate=found.certificate,
            uncertified=found.reason,
            stopping=self.stopping,
            replaces_blocks=self.replaces_blocks,
        )

    def _is_audited(self, cell: Cell, block: int) -> bool | None:
        """Say whether a run is audited; None in a session without audits.

        A block that runs again in the place of others takes over for them.
        """
        if not self.audited_blocks:
            return None
        drawn = random.Random(f"{self.order_seed} {cell.model.name} {cell.name}")
        return drawn.randrange(self.audited_blocks) in {block, *self.replaces_blocks}


def as_word(label: str) -> str:
    """Return a label as it may stand in the name of a file."""
    return re.sub(r"[^\w.]+", "-", label).strip("-")
