"""Certify two networks of a user's own files against each other: `benchbench certify A B`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchbench.errors import UsageError
from benchbench.plugins.registry import Registry
from benchbench.ports.certify import TIMEOUT_SECONDS, certify_ports, find_factory
from benchbench.ports.report import PortReport


def certify_files(
    a: str,
    b: str,
    registry: Registry,
    *,
    shape: str | None = None,
    map_path: Path | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> PortReport:
    """Compare two factories, "file.py:name" each. `shape` is "28,28,1", of one sample.

    Raises UsageError, before any code runs, for names that are none; PortFailure for a network
    that cannot be run.
    """
    factories = find_factory(a), find_factory(b)
    return certify_ports(
        *factories,
        ports_of(registry),
        shape=read_shape(shape) if shape else None,
        map_path=map_path,
        timeout_seconds=timeout_seconds,
    )


def ports_of(registry: Registry) -> Mapping[str, str]:
    """Return the place of the port of each framework that an installed plugin has one for."""
    return {
        framework: place
        for offer in registry.backends.values()
        for framework, place in offer.item.ports
    }


def read_shape(text: str) -> tuple[int, ...]:
    """Read "28,28,1". Raises UsageError."""
    parts = text.replace("x", ",").split(",")
    if not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise UsageError(
            f"--input '{text}': expected the shape of one sample, whole numbers above 0 with "
            f"commas between them, such as 28,28,1 (channels last) or 784"
        )
    return tuple(map(int, parts))
