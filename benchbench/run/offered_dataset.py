"""Find and verify a plugin's data set in a process of its own, which may hang, crash or grow.

Only the plugin knows where its data lie and what they are, and it loads them whole to tell.
"""

from __future__ import annotations

import os
import sys

import msgspec

from benchbench.certificates import CRASHED
from benchbench.certify import crash
from benchbench.data import catalog
from benchbench.data.chosen import Chosen
from benchbench.data.names import AUTOENCODER
from benchbench.errors import BenchbenchError, DataError, Unavailable, UsageError
from benchbench.plugins.registry import Registry, load_registry
from benchbench.run import question
from benchbench.run.encoding import to_json

# Time enough to download what is large.
_LOADING_SECONDS = 3600.0
_ERRORS = {kind.__name__: kind for kind in (DataError, Unavailable, UsageError)}


class DatasetRequest(msgspec.Struct, frozen=True):
    """The data set of a plugin; `name` and `quick` as `catalog.choose` has them."""

    name: str
    quick: bool


class DatasetAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, or why nothing was: the name of an error of benchbench's, and its message."""

    chosen: Chosen | None = None
    error: str = ""
    reason: str = ""


def choose_offered(
    name: str,
    registry: Registry,
    *,
    quick: bool = False,
    timeout_seconds: float = _LOADING_SECONDS,
) -> Chosen:
    """Have a plugin's data set found and verified. Raises DataError, Unavailable, UsageError.

    `name` may end in `:autoencoder`.
    """
    returned = question.exchange(
        [sys.executable, "-m", __name__],
        msgspec.json.encode(DatasetRequest(name, quick)),
        environment=os.environ,
        timeout_seconds=timeout_seconds,
    )
    plain = name.removesuffix(AUTOENCODER)
    owner = f"the data set '{plain}' of {registry.datasets[plain].distribution}"
    if returned.answer is None:
        raise DataError(f"{owner} cannot be loaded: {returned.trouble}")
    try:
        answer = msgspec.json.decode(returned.answer, type=DatasetAnswer)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise DataError(f"{owner} cannot be loaded: its answer cannot be read") from None
    if answer.error in _ERRORS:
        raise _ERRORS[answer.error](answer.reason)
    if answer.chosen is None:
        raise DataError(f"{owner} cannot be loaded: {answer.reason}")
    return answer.chosen


def _answer(asked: bytes) -> bytes:
    request = msgspec.json.decode(asked, type=DatasetRequest)
    offers = load_registry(retry=False).datasets
    offered = {name: offer.item for name, offer in offers.items()}
    try:
        answer = DatasetAnswer(chosen=catalog.choose(request.name, offered, quick=request.quick))
    except BenchbenchError as error:
        answer = DatasetAnswer(error=type(error).__name__, reason=str(error))
    # A plugin is a stranger's code: whatever it raises, SystemExit too, is an answer.
    except BaseException as error:
        answer = DatasetAnswer(error="another", reason=f"{CRASHED}{crash.describe(error)}")
    return to_json(answer)


if __name__ == "__main__":
    question.answer(_answer)
