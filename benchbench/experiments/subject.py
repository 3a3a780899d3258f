"""What `benchbench certify` certifies: backends by the ladder or by their outcome, or any two."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, TypeAlias

from benchbench.errors import UsageError

CertificationSubject: TypeAlias = Literal["ladder", "outcome", "two"]

_NAMES: dict[CertificationSubject, str] = {
    "ladder": "backends without --outcome",
    "outcome": "backends with --outcome",
    "two": "two networks",
}
_LADDER = ("--seed", "--save", "--renew")
_OUTCOME = ("--outcome", "--dataset", "--results", "--margin", "--epochs")
_TWO = ("--map", "--input", "--model", "--division", "--protocol")
_BACKENDS = (
    *("--backend", "--model", "--division", "--device", "--threads"),
    *("--protocol", "--batch-size", "--seeds"),
)
# The options that one subject has and another has not.
_OPTIONS: dict[CertificationSubject, tuple[str, ...]] = {
    "ladder": (*_BACKENDS, *_LADDER),
    "outcome": (*_BACKENDS, *_OUTCOME),
    "two": _TWO,
}


def find_subject(networks: Sequence[str], given: Collection[str]) -> CertificationSubject:
    """Say what is certified, by the networks and the options ("--map") that were given.

    Raises UsageError where nothing can be, and for an option that would change nothing.
    """
    if len(networks) != 2 and (networks or "--backend" not in given):
        backend = "--backend" if "--backend" in given else "no backend"
        raise UsageError(
            f"expected --backend NAME, to certify a backend, or two things to compare, such as "
            f"my_model.py:build my_port.py:net, or my.toml my_port.py:net; got {len(networks)} "
            f"network{'' if len(networks) == 1 else 's'} and {backend}"
        )
    subject: CertificationSubject = (
        "two" if networks else "outcome" if "--outcome" in given else "ladder"
    )
    others = {option for options in _OPTIONS.values() for option in options}
    strange = [one for one in given if one in others.difference(_OPTIONS[subject])]
    if strange:
        raise UsageError(
            f"{', '.join(strange)} cannot be used to certify {_NAMES[subject]}; expected any of "
            f"{', '.join(_OPTIONS[subject])}"
        )
    return subject
