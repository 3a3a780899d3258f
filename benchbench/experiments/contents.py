"""What a tree or an environment has, asked in a process that imports from it.

This very file is run there, by its path, for the tree asked may be older than the file. So it uses
only what has long been in benchbench, and where that is missing, the answer is the traceback. A
certificate is then asked of the module that the answer names, by the request that this tree's own
certification process takes.
"""

from __future__ import annotations

import importlib.util
import os
from importlib import metadata
from pathlib import Path

import msgspec

from benchbench.certify import sources
from benchbench.certify.reference import REFERENCE
from benchbench.certify.sources import sources_sha256
from benchbench.plugins.contract import BackendInfo
from benchbench.plugins.registry import load_registry, missing_requirements
from benchbench.spec.files import load_model
from benchbench.spec.identity import spec_sha256
from benchbench.spec.protocol import TrainingProtocol

try:
    from benchbench.run import question
except ImportError:  # its name until November 2026
    from benchbench.run import errand as question  # type: ignore[attr-defined, no-redef]

# What the core set for every worker before a plugin could declare it; a tree as old as that still
# needs it. Its worker is started by this tree.
_ONCE_SET_BY_THE_CORE = (
    ("TF_NUM_INTRAOP_THREADS", "{threads}"),
    ("TF_NUM_INTEROP_THREADS", "{threads}"),
    ("KERAS_HOME", "{home}"),
)

# Run as `python -m MODULE`, they certify what they are asked; the newest first.
_CERTIFIERS = (
    "benchbench.experiments.certification_process",
    "benchbench.experiments.certification",
    "benchbench.run.certification",
)


class ContentsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which backends, modules (as imported) and models (names or files) are asked about.

    No backend stands for all.
    """

    backends: tuple[str, ...]
    modules: tuple[str, ...]
    models: tuple[str, ...]


class BackendContents(msgspec.Struct, frozen=True, kw_only=True):
    """A backend there: its divisions, its worker's variables, what it lacks.

    `sources_sha256` is the hash of what a certificate of it depends on, `versions` are those of
    what it requires, as installed. `removes` and `notes` are as the backend declares them. `hidden`
    are the packages among what it requires that PYTHONPATH gives, each with the folder.
    """

    divisions: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    sources_sha256: str
    versions: dict[str, str] = {}
    removes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    hidden: dict[str, str] = {}


class TreeContents(msgspec.Struct, frozen=True, kw_only=True):
    """What there is, by the names asked for; what is not there is left out.

    `modules` are the files that the modules come from, `specs` the hashes of the models with the
    tree's default protocol. `left_out` are the plugins that were quarantined, with the reason.
    `certifier` is the module that certifies.
    """

    backends: dict[str, BackendContents]
    modules: dict[str, str]
    specs: dict[str, str]
    certifier: str | None
    left_out: tuple[str, ...] = ()


def find_contents(asked: ContentsRequest) -> TreeContents:
    """Answer for what is imported in this process. Raises UsageError for a faulty model file."""
    registry = load_registry()
    infos = {name: offer.item for name, offer in registry.backends.items()}
    reference = [infos[REFERENCE]] if REFERENCE in infos else []
    return TreeContents(
        backends={
            name: BackendContents(
                divisions=info.divisions,
                environment=_environment_of(info),
                missing=missing_requirements(info),
                sources_sha256=sources_sha256(info, *reference),
                versions=_versions_of(info),
                removes=getattr(info, "removes", ()),
                notes=getattr(info, "notes", ()),
                hidden=_hidden_of(info),
            )
            for name in asked.backends or infos
            if (info := infos.get(name))
        },
        modules={name: origin for name in asked.modules if (origin := origin_of(name))},
        specs={
            name: spec_sha256(
                load_model(Path(name)) if is_file(name) else registry.model(name),
                TrainingProtocol(),
            )
            for name in asked.models
            if is_file(name) or name in registry.models
        },
        certifier=next((module for module in _CERTIFIERS if origin_of(module)), None),
        left_out=tuple(f"{bad.plugin}, {bad.reason}" for bad in registry.quarantined),
    )


def _environment_of(info: BackendInfo) -> tuple[tuple[str, str], ...]:
    declares_all = hasattr(info, "removes")
    return info.environment if declares_all else (*_ONCE_SET_BY_THE_CORE, *info.environment)


def _versions_of(info: BackendInfo) -> dict[str, str]:
    # A tree of another day may have no such function.
    installed_versions = getattr(sources, "installed_versions", None)
    return installed_versions(info) if installed_versions else {}


def _hidden_of(info: BackendInfo) -> dict[str, str]:
    outer = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    folders = {Path(one).resolve(): one for one in outer}
    places = {
        name: Path(str(metadata.distribution(name).locate_file(""))).resolve()
        for name in _versions_of(info)
    }
    return {name: folders[place] for name, place in places.items() if place in folders}


def origin_of(module: str) -> str | None:
    """Return the file that a module would be imported from, None if there is none."""
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # not even the package
        return None
    return found.origin if found else None


def is_file(model: str) -> bool:
    """Say whether a word for a model names a file."""
    return model.endswith(".toml") or "/" in model


def _answer(asked: bytes) -> bytes:
    return msgspec.json.encode(find_contents(msgspec.json.decode(asked, type=ContentsRequest)))


if __name__ == "__main__":
    question.answer(_answer)
