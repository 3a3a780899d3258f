"""The answer: a sentence a model, and whether its cells are shown to train the same function."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchbench.compare.comparison import Comparison
from benchbench.report.document import Document, Heading, Item, Items, Paragraph
from benchbench.report.labels import label_of
from benchbench.report.sentences import sentences

_MOST_REASONS = 4


def build(sections: Sequence[Comparison]) -> Document:
    """Return a list a section, under its title where there are several."""
    blocks: list[Heading | Items] = []
    for section in sections:
        told = [*map(Item, sentences(section)), *map(Item, _function(section))]
        if len(sections) > 1:
            blocks.append(Heading(section.title))
        blocks.append(Items(tuple(told)))
    return tuple(blocks) or (Paragraph("There is no run, so there is no answer."),)


def _function(section: Comparison) -> Iterator[str]:
    """Say how many cells are shown to train the function of the spec, and why others are not."""
    label = label_of(section, versions=True)
    doubtful: dict[str, list[str]] = {}
    for cell in section.cells:
        if cell.objection:
            doubtful.setdefault(cell.objection, []).append(f"{cell.model} {label(cell.name)}")
    if not section.cells:
        yield "No run came to a valid end: there is no answer."
        return
    held = len(section.cells) - sum(map(len, doubtful.values()))
    yield (
        f"{held} of {len(section.cells)} cells hold a certificate for what ran: they train the "
        f"function of their spec, and so the same one for each model."
    )
    for reason, names in list(doubtful.items())[:_MOST_REASONS]:
        more = f" and {len(names) - _MOST_REASONS} more" if len(names) > _MOST_REASONS else ""
        yield f"Not shown for {', '.join(names[:_MOST_REASONS])}{more}: {reason}."
    if len(doubtful) > _MOST_REASONS:
        yield f"{len(doubtful) - _MOST_REASONS} more reasons are listed below."
