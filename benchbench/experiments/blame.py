"""What a stranger's code raises, told by its owner's name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchbench.certificates import CRASHED
from benchbench.certify import crash
from benchbench.errors import BenchbenchError, PluginError


@contextmanager
def told_by_name(owner: str, *, passed_on: type[BaseException] = BenchbenchError) -> Iterator[None]:
    """Tell of what the block raises, SystemExit too, as the owner's: a stranger's code is in it.

    A BenchbenchError, an interrupt and what is to be `passed_on` are raised as they are.
    """
    try:
        yield
    except (BenchbenchError, KeyboardInterrupt, passed_on):
        raise
    except BaseException as error:
        raise PluginError(f"{owner} {CRASHED}{crash.describe(error)}") from error
