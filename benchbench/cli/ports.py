"""`benchbench certify A B`: do two things that train, train the same function?"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchbench.cli.output import answer
from benchbench.printable import own_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchbench.plugins.registry import Registry


def certify_networks(
    networks: list[str], registry: Registry, request: dict[str, Any], *, as_json: bool
) -> int:
    """Compare, print the report, and return the exit code: 0 if they are the same function."""
    from benchbench.experiments.ports import certify_two
    from benchbench.report.ports import build

    with traceback_shown():
        report = certify_two(networks, registry, **request)
    answer(report, lambda: build(report), as_json=as_json, plain=True)
    return 0 if report.same else 1


@contextmanager
def traceback_shown() -> Iterator[None]:
    """Print the traceback of a user's own code before the error that says what it means."""
    from benchbench.ports.process import PortFailure

    try:
        yield
    except PortFailure as error:
        if error.traceback:
            print(own_lines(error.traceback.rstrip()), file=sys.stderr)
        raise
