"""What code was compared: a hash of its sources, by which a change to them is noticed."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from benchbench.plugins.contract import BackendInfo

# The rooms of the core that say what is compared and how.
_CORE = ("benchbench.certify", "benchbench.spec", "benchbench.plugins.contract")


def sources_sha256(*infos: BackendInfo) -> str:
    """Return the hash of the sources of these plugins and of the ladder, in hexadecimal."""
    digest = hashlib.sha256()
    modules = {module_of(info) for info in infos}
    for module in (*_CORE, *sorted(modules)):
        for path in _files(module):
            digest.update(f"{module}/{path.name}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def module_of(info: BackendInfo) -> str:
    """Return the name of the top-level module in which a backend is declared."""
    return info.create.__module__.partition(".")[0]


def installed_versions(info: BackendInfo) -> dict[str, str]:
    """Return the versions of what the backend requires, as installed; nothing is imported."""
    names = [name.strip() for one in info.requires for name in one.split("|")]
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _files(module: str) -> Iterator[Path]:
    """Yield the Python and TOML files of a module or package."""
    found = importlib.util.find_spec(module)
    if found is None:
        return
    if found.submodule_search_locations is None:
        yield Path(str(found.origin))
        return
    for folder in found.submodule_search_locations:
        yield from sorted(
            path for path in Path(folder).rglob("*") if path.suffix in {".py", ".toml"}
        )
