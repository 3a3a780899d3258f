"""What another checkout has: asked in a process that imports from there.

This very file is run there, by its path, for the checkout asked may have none like it. So it uses
only what has long been in benchbench, and where that is missing, the answer is the traceback.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import msgspec

from benchbench.plugins.registry import load_registry, missing_requirements
from benchbench.run import errand
from benchbench.spec.files import load_model
from benchbench.spec.identity import spec_sha256
from benchbench.spec.protocol import TrainingProtocol


class Inquiry(msgspec.Struct, frozen=True):
    """Which backends, modules (as imported) and models (names or files) are asked about."""

    backends: tuple[str, ...]
    modules: tuple[str, ...]
    models: tuple[str, ...]


class BackendThere(msgspec.Struct, frozen=True):
    """A backend of the checkout's: its divisions, its worker's variables, what it lacks."""

    divisions: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]


class Findings(msgspec.Struct, frozen=True):
    """What there is, by the names asked for; what is not there is left out.

    `modules` are the files that the modules come from, `specs` the hashes of the models with the
    checkout's default protocol. `left_out` are the plugins that were quarantined, with the reason.
    """

    backends: dict[str, BackendThere]
    modules: dict[str, str]
    specs: dict[str, str]
    left_out: tuple[str, ...] = ()


def find(inquiry: Inquiry) -> Findings:
    """Answer for what is imported in this process. Raises UsageError for a faulty model file."""
    registry = load_registry()
    offers = {name: registry.backends.get(name) for name in inquiry.backends}
    return Findings(
        backends={
            name: BackendThere(
                offer.item.divisions, offer.item.environment, missing_requirements(offer.item)
            )
            for name, offer in offers.items()
            if offer
        },
        modules={name: origin for name in inquiry.modules if (origin := origin_of(name))},
        specs={
            name: spec_sha256(
                load_model(Path(name)) if is_file(name) else registry.model(name),
                TrainingProtocol(),
            )
            for name in inquiry.models
            if is_file(name) or name in registry.models
        },
        left_out=tuple(f"{bad.plugin}, {bad.reason}" for bad in registry.quarantined),
    )


def origin_of(module: str) -> str | None:
    """Return the file that a module would be imported from, None if there is none."""
    found = importlib.util.find_spec(module)
    return found.origin if found else None


def is_file(model: str) -> bool:
    """Say whether a word for a model names a file."""
    return model.endswith(".toml") or "/" in model


def _answer(question: bytes) -> bytes:
    return msgspec.json.encode(find(msgspec.json.decode(question, type=Inquiry)))


if __name__ == "__main__":
    errand.answer(_answer)
