"""The lines of a TOML text at which values stand, found in one pass.

The text is known to be valid, `tomllib` has read it; but `tomllib` tells no lines.
Source: the TOML specification, version 1.0.0, https://toml.io/en/v1.0.0.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]

_TOKEN = re.compile(
    r"""
      (?P<skip>[ \t\r]+|\#[^\n]*)
    | (?P<string>\"{3}(?:\\.|[^\\])*?\"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')
    | (?P<sign>[\[\]{}=,.\n])
    | (?P<bare>[^\s\[\]{}=,."'\#]+)
    """,
    re.VERBOSE | re.DOTALL,
)


def lines_of(text: str, places: Sequence[KeyPath]) -> list[int]:
    """Return the 1-based lines of a valid TOML text at which the values at `places` first stand.

    A place that is nowhere is looked for by its parents.
    """
    lines = _Lines(text).places
    return [_line(lines, place) for place in places]


def deepest_line(text: str) -> int:
    """Return the 1-based line of a valid TOML text at which most brackets are open."""
    line, depth, deepest = 1, 0, (0, 1)
    for match in _TOKEN.finditer(text):
        depth += (match[0] in {"[", "{"}) - (match[0] in {"]", "}"})
        if depth > deepest[0]:
            deepest = depth, line
        line += match[0].count("\n")
    return deepest[1]


def _line(lines: Mapping[KeyPath, int], place: KeyPath) -> int:
    while place and place not in lines:
        place = place[:-1]
    return lines[place] if place else 1


class _Lines:
    """One pass over the tokens; `places` has the line of every value."""

    def __init__(self, text: str) -> None:
        self.places: dict[KeyPath, int] = {}
        self._tokens: list[tuple[str, int]] = []
        line = 1
        for match in _TOKEN.finditer(text):
            if match.lastgroup != "skip":
                self._tokens.append((match[0], line))
            line += match[0].count("\n")
        self._tokens.append(("", line))
        self._next = 0
        # How many tables there are in an array of tables.
        self._counts: dict[KeyPath, int] = defaultdict(int)
        self._read_document()

    def _read_document(self) -> None:
        table: KeyPath = ()
        while self._peek():
            if self._skip("\n"):
                continue
            if self._skip("["):
                table = self._read_header()
            else:
                self._read_pair(table)

    def _read_header(self) -> KeyPath:
        """Read a header, its first bracket read; return the place of what is in its table."""
        is_array = self._skip("[")
        *parents, name = self._read_key()
        table: KeyPath = ()
        for key in parents:
            table = (*table, key)
            self._note(table)
            table = self._inside(table)
        table = (*table, name)
        if is_array:
            self._note(table)
            self._counts[table] += 1
            table = self._inside(table)
        self._note(table)
        while self._skip("]"):
            pass
        return table

    def _inside(self, table: KeyPath) -> KeyPath:
        """Return the last table of an array of tables, and any other as it is."""
        count = self._counts.get(table)
        return (*table, count - 1) if count else table

    def _read_pair(self, table: KeyPath) -> None:
        for key in self._read_key():
            table = (*table, key)
            self._note(table)
        self._skip("=")
        self._read_value(table)

    def _read_key(self) -> list[str]:
        keys = [_key(self._take())]
        while self._skip("."):
            keys.append(_key(self._take()))
        return keys

    def _read_value(self, place: KeyPath) -> None:
        self._note(place)
        if self._skip("["):
            self._read_array(place)
        elif self._skip("{"):
            while self._peek() and not self._skip("}"):
                if not self._skip(","):
                    self._read_pair(place)
        else:
            self._take()
            # A number or a date has several tokens: 1.5.
            while self._peek() and self._peek() not in {",", "]", "}", "\n"}:
                self._take()

    def _read_array(self, place: KeyPath) -> None:
        count = 0
        while self._peek() and not self._skip("]"):
            if not self._skip(",") and not self._skip("\n"):
                self._read_value((*place, count))
                count += 1

    def _note(self, place: KeyPath) -> None:
        self.places.setdefault(place, self._tokens[self._next][1])

    def _peek(self) -> str:
        return self._tokens[self._next][0]

    def _take(self) -> str:
        token = self._peek()
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _skip(self, sign: str) -> bool:
        found = self._peek() == sign
        if found:
            self._take()
        return found


def _key(token: str) -> str:
    """Return the name that a bare or quoted key stands for."""
    if token[:1] not in {'"', "'"}:
        return token
    (name,) = tomllib.loads(f"{token} = 0")
    return name
