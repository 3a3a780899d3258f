"""Waiting for what another process or thread does.

No verdict hangs on how long that takes, for the machine may be busy with other work: the limit is
for what would never come.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_SECONDS = 600

Answer = TypeVar("Answer")


def wait_until(happened: Callable[[], Answer]) -> Answer:
    """Return what `happened` returns once that is true. Raises AssertionError if it never is."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if answer := happened():
            return answer
        time.sleep(0.01)
    raise AssertionError(f"it did not happen within {PATIENCE_SECONDS} s")
