"""Where documents go: a terminal gets columns that fit it, anything else gets Markdown."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchbench.report.document import Document


def show(
    document: Document, *, wide: bool = False, plain: bool = False, format: str | None = None
) -> None:
    """Print a document, with every column where it is `wide`.

    `plain`: what is no terminal gets the same text, unbroken and without colour, in place of
    Markdown. `format` is text or markdown wherever it goes.
    """
    from benchbench.report.document import essential
    from benchbench.report.renderers import markdown, terminal

    shown = document if wide else essential(document)
    if format is not None:
        text = (markdown if format == "markdown" else terminal).render(shown)
    elif sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        text = terminal.render(shown, width=width, color=_color())
    else:
        text = terminal.render(shown) if plain else markdown.render(shown)
    print(text, flush=True)


def answer(
    content: object,
    document: Callable[[], Document],
    *,
    as_json: bool,
    wide: bool = False,
    plain: bool = False,
    format: str | None = None,
) -> None:
    """Print the content as JSON, or the document of it as `show` does."""
    from benchbench.report.renderers import json

    if as_json:
        print(json.render(content))
    else:
        show(document(), wide=wide, plain=plain, format=format)


def _color() -> bool:
    """Say whether a terminal is to be shown colour. Source: https://no-color.org."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
