"""Programs that `.ci/run` installs beside the tests: they are looked for once it has ended."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path

# Names the file that is locked while `.ci/run` installs.
INSTALLING = "BENCHBENCH_INSTALLING"


def which(name: str) -> str | None:
    """Return the path of a program, None where there is none, once all is installed."""
    # A program may be there before its package is configured.
    if place := os.environ.get(INSTALLING):
        with suppress(OSError), Path(place).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
    return shutil.which(name)
