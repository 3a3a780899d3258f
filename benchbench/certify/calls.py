"""Calls into a plugin: whatever it raises becomes an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchbench.certify import crash
from benchbench.errors import Unsupported


class PluginRaised(Exception):  # noqa: N818 - what happened, not an error of the core's
    """A method of the plugin raised; the cause is what it raised."""

    def __init__(self, method: str, error: BaseException) -> None:
        super().__init__(f"`{method}` raised {crash.describe(error)}")


def call(method: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call into the plugin. Raises Unsupported as it comes, PluginRaised for all else."""
    try:
        return function(*arguments, **options)
    except (Unsupported, KeyboardInterrupt):
        raise
    # A plugin is a stranger's code: whatever it raises, SystemExit too, is its own trouble.
    except BaseException as error:
        raise PluginRaised(method, error) from error
