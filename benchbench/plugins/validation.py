"""What a declaration may say: names that a file can have, text that a table can show, variables."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from benchbench.data.dataset import DatasetInfo
from benchbench.errors import PluginError
from benchbench.plugins.contract import BackendInfo, ExecutorInfo
from benchbench.plugins.declarations import (
    BackendDeclaration,
    DeviationDeclaration,
    PluginDeclaration,
    describe,
)
from benchbench.plugins.loading import Offered
from benchbench.spec.model import ModelSpec

# The names of backends, divisions, data sets and executors; those of models have the same form.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
# Control characters but for tab and newline, and halves of surrogate pairs.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_TEXT = 10_000
_LONGEST_SHOWN = 100


def declare(offered: Offered, plugin_module: str) -> PluginDeclaration:
    """Return what a plugin declares. Raises PluginError for the first thing that is not allowed."""
    items: list[BackendInfo | ModelSpec | DatasetInfo | ExecutorInfo]
    items = [*offered.backends, *offered.models, *offered.datasets, *offered.executors]
    for item in items:
        _check_names(item)
        _check_function(item)
    declared = describe(offered, plugin_module)
    for backend in declared.backends:
        for trouble in _troubles(backend):
            raise PluginError(f"the backend '{backend.name}' {trouble}")
    return declared


def _check_names(item: BackendInfo | ModelSpec | DatasetInfo | ExecutorInfo) -> None:
    """Raise PluginError for a name that a file, a table or a command line cannot hold."""
    divisions = item.divisions if isinstance(item, BackendInfo) else ()
    if not isinstance(divisions, list | tuple):
        raise PluginError(
            f"the backend {_shown(item.name)} has the divisions {_shown(divisions)}: expected a "
            f"tuple of names"
        )
    for owner, name in (
        (type(item).__name__, item.name),
        *((f"a division of the backend {_shown(item.name)}", name) for name in divisions),
    ):
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise PluginError(
                f"{owner} has the name {_shown(name)}: expected 1 to 80 small "
                f"letters, digits, '.', '_' and '-', the first a letter or digit"
            )
    if isinstance(item, BackendInfo) and "idiomatic" not in divisions:
        raise PluginError(
            f"the backend '{item.name}' has the divisions {', '.join(divisions) or 'none'}: "
            f"expected 'idiomatic' among them"
        )


def _check_function(item: BackendInfo | ModelSpec | DatasetInfo | ExecutorInfo) -> None:
    """Raise PluginError for what cannot be called. A backend without `create` is only listed."""
    if isinstance(item, ModelSpec):
        return
    name = "load" if isinstance(item, DatasetInfo) else "create"
    function = getattr(item, name)
    if not callable(function) and not (isinstance(item, BackendInfo) and function is None):
        raise PluginError(
            f"{type(item).__name__} '{item.name}' has {_shown(function)} for `{name}`: expected a "
            f"function"
        )


def _troubles(info: BackendDeclaration) -> Iterator[str]:
    """Yield what is wrong with the values of a backend's declaration."""
    for requirement in info.requires:
        if not all(name.strip() for name in requirement.split("|")):
            yield (
                f"requires {_shown(requirement)}: expected the name of a distribution, or several "
                f"with '|' between them"
            )
    for name, value in info.environment:
        if not _VARIABLE.fullmatch(name):
            yield (
                f"sets the variable {_shown(name)}: expected a name of letters, digits and '_', "
                f"the first no digit"
            )
        if _UNPRINTABLE.search(value):
            yield f"sets {name} to {_shown(value)}: expected text without control characters"
    texts = [*info.requires, info.install or "", *info.removes, *info.notes]
    texts += [part for one in info.deviations for part in (one.rung, one.start, one.reason)]
    texts += [value for _, value in info.environment]
    for text in texts:
        if len(text) > _LONGEST_TEXT or _UNPRINTABLE.search(text):
            yield (
                f"declares {_shown(text)}: expected at most {_LONGEST_TEXT:,} characters, none of "
                f"them a control character"
            )
    for deviation in info.deviations:
        yield from _troubles_of_deviation(deviation)


def _troubles_of_deviation(one: DeviationDeclaration) -> Iterator[str]:
    if not (math.isfinite(one.least) and math.isfinite(one.most) and 0 <= one.least <= one.most):
        yield (
            f"declares a deviation at {one.rung} from {one.least} to {one.most}: expected two "
            f"finite numbers, 0 or more, the smaller first"
        )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
