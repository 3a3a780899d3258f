"""What code was compared: a hash of it, by which a change to what is computed is noticed."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import json
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from benchbench.plugins.contract import BackendInfo
from benchbench.plugins.declarations import PluginFunction

# The parts of the core that say what is compared and how; what a difference looks like is prose.
_COMPARED = (
    *(
        f"benchbench.certify.{name}"
        for name in (
            "acting",
            "answer_limits",
            "answers",
            "candidate",
            "delicate",
            "exercise",
            "ladder",
            "metrics",
            "nudges",
            "reference",
            "rungs",
        )
    ),
    *(f"benchbench.certify.{name}" for name in ("order", "tolerances", "traces")),
    "benchbench.data.samples",
    "benchbench.spec",
    "benchbench.plugins.contract",
)
_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def sources_sha256(*infos: BackendInfo) -> str:
    """Return the hash of the code of these plugins and of the ladder, in hexadecimal.

    Comments, docstrings and layout do not count, nor do the files that explain a difference.
    """
    digest = hashlib.sha256()
    modules = {module_of(info) for info in infos}
    for module in (*_COMPARED, *sorted(modules)):
        for path in _files(module):
            digest.update(f"{module}/{path.name}\n".encode())
            changed = path.stat()
            digest.update(_content(path, changed.st_mtime_ns, changed.st_size))
    return digest.hexdigest()


def module_of(info: BackendInfo) -> str:
    """Return the name of the top-level module in which a backend is declared."""
    create = info.create
    module = create.module if isinstance(create, PluginFunction) else create.__module__
    return module.partition(".")[0]


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


@functools.lru_cache(maxsize=1024)
def _content(path: Path, _changed_ns: int, _size: int) -> bytes:
    """Return what a file says to the machine; a file that cannot be parsed, as it is.

    Parsed once as long as it does not change: the hash is asked for with every certificate.
    """
    raw = path.read_bytes()
    try:
        if path.suffix == ".toml":
            return json.dumps(tomllib.loads(raw.decode()), sort_keys=True, default=str).encode()
        return ast.dump(_without_docstrings(ast.parse(raw))).encode()
    except (SyntaxError, ValueError):
        return raw


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, _WITH_DOCSTRING) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return tree


def _files(module: str) -> Iterator[Path]:
    """Yield the Python and TOML files of a package; of a module its file, and its TOML file."""
    found = importlib.util.find_spec(module)
    if found is None:
        return
    if found.submodule_search_locations is None:
        path = Path(str(found.origin))
        yield path
        if path.with_suffix(".toml").is_file():
            yield path.with_suffix(".toml")
        return
    for folder in found.submodule_search_locations:
        yield from sorted(
            path for path in Path(folder).rglob("*") if path.suffix in {".py", ".toml"}
        )
