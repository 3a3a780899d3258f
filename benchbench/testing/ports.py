"""`assert_same_training`: a test of one's own that two networks train the same function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any


def assert_same_training(
    module_a: Callable[[], Any] | str,
    module_b: Callable[[], Any] | str,
    *,
    shape: tuple[int, ...] | None = None,
) -> None:
    """Fail, with the first difference, unless two networks train the same function.

    Each is a factory: a function of a module, or "file.py:name"; it returns a torch.nn.Module, a
    keras.Model or a flax.nnx.Module, or (network, optimizer, loss). `shape` is that of a sample,
    channels last, where no network says it. Each runs in a process of its own.
    """
    from benchbench.experiments.ports import ports_of
    from benchbench.plugins.registry import load_registry
    from benchbench.ports.certify import certify_ports
    from benchbench.ports.subjects import find_factory
    from benchbench.report.ports import verdict

    a, b = find_factory(_place(module_a)), find_factory(_place(module_b))
    report = certify_ports(a, b, ports_of(load_registry()), shape=shape)
    if not report.same:
        raise AssertionError(f"{report.b} against {report.a}: {verdict(report)}")


def _place(factory: Callable[[], Any] | str) -> str:
    """Return "file.py:name" of a factory. Raises TypeError for what another process cannot make."""
    if isinstance(factory, str):
        return factory
    name = getattr(factory, "__qualname__", "")
    if not name.isidentifier():
        raise TypeError(
            f"expected a function at the top of a file, which another process can call, or "
            f"'file.py:name'; got {factory!r}"
        )
    path = inspect.getsourcefile(factory)
    return f"{Path(path).absolute() if path else ''}:{name}"
