"""Every error a user can meet, with its exit code.

0 all well; 1 a check, a run or a gate failed; 2 usage; 3 a backend, device or data set is not
available; 130 interrupted.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchbenchError(Exception):
    """An error a user can meet: the message says what was expected, what came, what to do."""

    exit_code = 1


class UsageError(BenchbenchError):
    """The command line, or a value given to a public function, does not make sense."""

    exit_code = 2


class SpecError(UsageError):
    """A model or protocol that cannot be built.

    `path` leads to the value at fault, as keys and indices (`("layers", 2, "filters")`); the reader
    of a spec file turns it into a line number.
    """

    def __init__(self, reason: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path


class Unavailable(BenchbenchError):  # noqa: N818 - a state of the world, like `Unsupported`
    """A backend, device or data set that is not there."""

    exit_code = 3


class NotMeasured(Unavailable):
    """A figure or an export of what no run measured."""


class DataError(Unavailable):
    """Data that cannot be read, or that is not what it claims to be."""


class PluginError(BenchbenchError):
    """A plugin that breaks the contract. The message names plugin and distribution."""


class StoreError(BenchbenchError):
    """A record that cannot be written or read. The message names the path."""

    exit_code = 2


class CheckoutError(BenchbenchError):
    """A git checkout, or a state of it, that is not there or that nothing is imported from."""


class Unsupported(Exception):  # noqa: N818 - a backend raises it as an answer, not as a failure
    """A backend's answer to a model, device or division that it does not do; say why.

    The run is recorded as `skipped` with this reason.
    """


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ", did you mean 'x'?" for the known name closest to `name`, or an empty string."""
    names = {one.casefold(): one for one in known}
    matches = difflib.get_close_matches(name.casefold(), list(names), n=1, cutoff=0.5)
    return f", did you mean '{names[matches[0]]}'?" if matches else ""


def must_be_known(kind: str, name: str, known: Iterable[str]) -> None:
    """Raise UsageError, with the nearest name and all that are known, for a name that is none."""
    names = list(known)
    if name not in names:
        raise UsageError(
            f"there is no {kind} '{name}'{nearest(name, names)} (known: {', '.join(names)})"
        )
