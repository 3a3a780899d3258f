"""A factory of a user's file: the file imported, and what is to be done where that goes wrong."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import itertools
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from benchbench.errors import nearest
from benchbench.plugins.ports import PortError

_KINDS = (
    (inspect.iscoroutinefunction, "an async function"),
    (inspect.isasyncgenfunction, "an async generator"),
    (inspect.isgeneratorfunction, "a generator (it has a `yield`)"),
)
_NO_CARD = re.compile(
    r"not compiled with CUDA|No CUDA GPUs|CUDA-capable device|NVIDIA driver|Unknown backend:? '?"
    r"(gpu|cuda|tpu)"
)


def find(path: Path, name: str) -> Callable[[], Any]:
    """Import the file and return what it has under this name. Raises PortError."""
    module = _import(path)
    found = getattr(module, name, None)
    if found is None:
        own = [key for key, value in vars(module).items() if inspect.isroutine(value)]
        hint = nearest(name, own) or f"; its functions are {', '.join(own) or 'none'}"
        raise PortError(f"{path} has no '{name}'{hint}")
    expected = (
        f"expected a function that makes the network anew at every call, such as "
        f"`def {name}(): return ...`"
    )
    if not callable(found) or not (inspect.isroutine(found) or inspect.isclass(found)):
        raise PortError(f"{path}:{name} is a {type(found).__name__}; {expected}")
    for is_one, words in _KINDS:
        if is_one(found):
            raise PortError(f"{path}:{name} is {words}; {expected}")
    needed = [
        one.name
        for one in inspect.signature(found).parameters.values()
        if one.default is one.empty and one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD}
    ]
    if needed:
        raise PortError(
            f"{path}:{name} needs the arguments {', '.join(needed)}; write a function without, "
            f"that calls it with the values to be certified"
        )
    return found


def _import(path: Path) -> ModuleType:
    """Import a file, as part of its package where its folder is one. Raises PortError."""
    root, parts = path.parent, [path.stem]
    while (root / "__init__.py").is_file() and root.name.isidentifier():
        root, parts = root.parent, [root.name, *parts]
    sys.path.insert(0, str(root))
    if len(parts) > 1 and path.stem.isidentifier():
        return importlib.import_module(".".join(parts))
    specification = importlib.util.spec_from_file_location("certified_" + path.stem, path)
    if specification is None or specification.loader is None:
        raise PortError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


def cure(error: BaseException, path: Path) -> str:
    """Return what to do about what a file's code raised, empty where that cannot be said."""
    said = str(error)
    if isinstance(error, SystemExit):
        return "it ends the process: put what is not the network under `if __name__ == '__main__':`"
    if isinstance(error, ImportError) and "no known parent package" in said:
        return (
            f"a relative import wants a package: put an __init__.py (it may be empty) into "
            f"{path.parent}, or import without the dot"
        )
    if _NO_CARD.search(said):
        return (
            'both networks run on the CPU here: leave out .cuda() and "cuda", or ask '
            "`torch.cuda.is_available()` (in JAX, `jax.devices()`) which device to take"
        )
    hiding = _hiding(error)
    if hiding:
        return f"{hiding} hides a package of this name that was to be imported: rename the file"
    return ""


def _hiding(error: BaseException) -> str:
    """Return the file of the user's that a library imported in place of what it was to be."""
    libraries = [sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")]
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen")
    ]
    for importer, frame in itertools.pairwise(frames):
        own = Path(frame.filename).parent == Path(sys.path[0])
        if own and frame.name == "<module>" and importer.filename.startswith(tuple(libraries)):
            return frame.filename
    return ""
