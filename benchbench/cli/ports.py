"""`benchbench certify A B`: do two networks of one's own files train the same function?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchbench.cli.output import answer
from benchbench.printable import own_lines

if TYPE_CHECKING:
    from pathlib import Path

    from benchbench.plugins.registry import Registry


def certify_networks(
    networks: list[str],
    registry: Registry,
    shape: str | None,
    map_path: Path | None,
    *,
    timeout: float,
    as_json: bool,
) -> int:
    """Compare, print the report, and return the exit code: 0 if they are the same function."""
    from benchbench.experiments.ports import certify_files
    from benchbench.ports.process import PortFailure
    from benchbench.report.ports import build

    try:
        report = certify_files(
            networks[0],
            networks[1],
            registry,
            shape=shape,
            map_path=map_path,
            timeout_seconds=timeout,
        )
    except PortFailure as error:
        if error.traceback:
            print(own_lines(error.traceback.rstrip()), file=sys.stderr)
        raise
    answer(report, lambda: build(report), as_json=as_json, plain=True)
    return 0 if report.same else 1
