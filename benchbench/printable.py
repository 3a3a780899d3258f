"""Text from elsewhere, made fit to be shown: no control character of it reaches a terminal."""

from __future__ import annotations


def one_line(text: str) -> str:
    """Return the text with every run of blanks, line ends and control characters as one space.

    Marks that turn the direction of writing are among them, and lone surrogates.
    """
    return " ".join(_printable(text).split())


def own_lines(text: str) -> str:
    """Return the text with its lines and its indents, but no control character in them."""
    return "\n".join(_printable(line.expandtabs()).rstrip() for line in text.splitlines())


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
