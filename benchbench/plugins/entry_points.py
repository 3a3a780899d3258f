"""The entry points of the group `benchbench`: which plugins are installed, by their metadata."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

from benchbench.plugins.hookspecs import PROJECT
from benchbench.plugins.plugin_files import entry_points_of_files, file_of

CORE = "benchbench-harness"
_UNKNOWN = "unknown distribution"


def find_entry_points() -> list[metadata.EntryPoint]:
    """Return the plugins' entry points by distribution and name: the core's own first, last files.

    So who is first does not depend on the file system. A distribution whose list of entry points
    cannot be read has none.
    """
    try:
        found = list(metadata.entry_points(group=PROJECT))
    # A damaged distribution, of whatever it is one, raises what the parser of the day raises.
    except Exception:
        found = list(_one_by_one())
    return [*sorted(found, key=_seniority), *entry_points_of_files()]


def distribution_of(entry_point: metadata.EntryPoint) -> str:
    """Return the name of the distribution that an entry point comes from, or its file."""
    try:
        name = entry_point.dist.name if entry_point.dist else None
    except Exception:  # no metadata, or damaged ones
        name = None
    return name or file_of(entry_point) or _UNKNOWN


def module_of(entry_point: metadata.EntryPoint) -> str:
    """Return the module that an entry point names, an empty string where it names none."""
    try:
        return entry_point.module
    except AttributeError:  # it does not read as "module:attribute"
        return ""


def _one_by_one() -> Iterator[metadata.EntryPoint]:
    """Yield the entry points of every distribution that can be read, the first of each name."""
    seen = set()
    for distribution in metadata.distributions():
        try:
            name, found = distribution.metadata["Name"], list(distribution.entry_points)
        except Exception:  # noqa: S112 - see `find_entry_points`
            continue
        if name not in seen:
            seen.add(name)
            yield from (one for one in found if one.group == PROJECT)


def _seniority(entry_point: metadata.EntryPoint) -> tuple[bool, str, str]:
    distribution = distribution_of(entry_point)
    return distribution != CORE, distribution, entry_point.name
