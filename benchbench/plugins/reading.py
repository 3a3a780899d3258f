"""Read what plugins declare, in a process that they may end or hang, within a time limit.

A plugin is a stranger's code. The process that answers a command imports none: what a plugin
declares is read elsewhere and kept (`kept_readings`), and its functions are called in the worker
that runs it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata

import msgspec

from benchbench.children import AnswerTooLong, Child, ending
from benchbench.plugins.entry_points import distribution_of
from benchbench.plugins.kept_readings import keep, kept_reading
from benchbench.plugins.reading_process import READY, PluginPlace, Reading, ReadingRequest

# Each plugin has so long; the process itself so long to start, before it imports one.
READING_SECONDS = 10.0
_STARTING_SECONDS = 60.0
_PROCESS = "benchbench.plugins.reading_process"
_SHOWN = 200


def read(entry_points: Sequence[metadata.EntryPoint], *, retry: bool) -> list[Reading]:
    """Return what each plugin declares, in order; what was read before comes from the cache.

    `retry`: a plugin that was refused is tried again after a while. The plugins of one
    distribution share a process; one that ends or hangs it is read no further.
    """
    found = [kept_reading(entry_point, retry=retry) for entry_point in entry_points]
    missing = [place for place, reading in enumerate(found) if reading is None]
    while missing:
        together = [
            place
            for place in missing
            if distribution_of(entry_points[place]) == distribution_of(entry_points[missing[0]])
        ]
        answers = list(_read_together([entry_points[place] for place in together]))
        for place, reading in zip(together, answers, strict=False):
            keep(entry_points[place], reading)
            found[place] = reading
            missing.remove(place)
    return [reading for reading in found if reading is not None]


def _read_together(entry_points: Sequence[metadata.EntryPoint]) -> Iterator[Reading]:
    """Yield readings, at least one; the last is that of the first plugin that is to blame."""
    places = [PluginPlace(one.name, one.value) for one in entry_points]
    request = msgspec.json.encode(ReadingRequest(tuple(sys.path), tuple(places)))
    command = [sys.executable, "-m", _PROCESS]
    with Child(command, request, environment=os.environ) as child:
        if child.read_line(_STARTING_SECONDS) != READY:
            yield Reading(refusal=f"no process could be started to read it{_last(child)}")
            return
        for _ in entry_points:
            try:
                yield _next(child)
            except _NoAnswer as trouble:
                yield Reading(refusal=str(trouble))
                return


class _NoAnswer(Exception):  # noqa: N818 - what happened, a reason to keep the plugin out
    """The process did not say what a plugin declares, and is of no use any more."""


def _next(child: Child) -> Reading:
    """Return the next answer. Raises _NoAnswer."""
    try:
        line = child.read_line(READING_SECONDS)
    except AnswerTooLong:
        raise _NoAnswer("it declares too much to be read") from None
    if line is None:
        raise _NoAnswer(f"importing it took more than {READING_SECONDS:g} s{_last(child)}")
    if not line:
        raise _NoAnswer(f"the process that imported it {ending(child.code or 0)}{_last(child)}")
    try:
        return msgspec.json.decode(line, type=Reading)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise _NoAnswer("what it declares cannot be read back") from None


def _last(child: Child) -> str:
    """Return the last line that the process printed, after a colon."""
    lines = child.log.strip().splitlines()
    return f": {lines[-1][:_SHOWN]}" if lines else ""
