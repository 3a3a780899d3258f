"""A package that may be called: `benchbench.run(...)`, where `benchbench.run` is a package too.

The Python API has functions of the same names as two rooms, and a name can be bound but once. So
these packages are called in their place. Source: Python's data model, "Customizing module attribute
access": a module's `__class__` may be set to a subclass of its type.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    def __call__(self, **options: Any) -> Any:
        api = import_module("benchbench.experiments.api")
        return getattr(api, self.__name__.rpartition(".")[2])(**options)


def make_callable(package: str) -> None:
    """Let the package be called as the function of the Python API that has its name."""
    sys.modules[package].__class__ = _CallablePackage
