"""The answer: a sentence a model, and whether its cells are shown to train the same function."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchbench.compare.comparison import Comparison
from benchbench.report.document import Document, Heading, Item, Items, Paragraph
from benchbench.report.labels import label_of
from benchbench.report.sentences import brief, sentences

_MOST_REASONS = 4
_DIVISIONS = {
    "idiomatic": "written as the framework's documentation would",
    "compiled": "the same through the framework's compiler",
    "tuned": "the fastest way to the same mathematics in float32",
}


def build(sections: Sequence[Comparison]) -> Document:
    """Return a list a section, under its title where there are several."""
    blocks: list[Heading | Items] = []
    for section in sections:
        told = [*_faster(section), *map(Item, (*_function(section), *_divisions(section)))]
        if len(sections) > 1:
            blocks.append(Heading(section.title))
        blocks.append(Items(tuple(told)))
    return tuple(blocks) or (Paragraph("There is no run, so there is no answer."),)


def _faster(section: Comparison) -> Iterator[Item]:
    """Yield the answer for each model; of many cells it is short, and all stand in the table."""
    label = label_of(section, versions=True)
    for model in section.sessions:
        ratios = [one for one in section.contrasts if one.model == model]
        if len(ratios) > 1 and not section.over_machines:
            yield Item(brief(ratios, section.question, label), strong=f"On {model}")
        else:
            yield from map(Item, sentences(section, model))


def _divisions(section: Comparison) -> Iterator[str]:
    """Explain the divisions, where there are several; a plugin may have more of its own."""
    names = {one.name.division for one in section.cells}
    known = [f"{name}: {words}" for name, words in _DIVISIONS.items() if name in names]
    if len(known) > 1:
        told = "; ".join(known)
        yield f"{told[:1].upper()}{told[1:]}."


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
    cells = len(section.cells)
    held = cells - sum(map(len, doubtful.values()))
    if held == cells:
        yield (
            f"All cells of a model train the same function: given the same weights and samples, "
            f"their outputs and updates agree with a float64 reference ({held} of {cells} hold "
            f"that certificate for what ran)."
        )
    elif held:
        yield (
            f"{held} of {cells} cells hold a certificate for what ran: they train the function of "
            f"their spec, and so the same one for each model."
        )
    else:
        yield "It is not known whether they train the same function: no cell holds a certificate."
    for reason, names in list(doubtful.items())[:_MOST_REASONS]:
        more = f" and {len(names) - _MOST_REASONS} more" if len(names) > _MOST_REASONS else ""
        yield f"Not shown for {', '.join(names[:_MOST_REASONS])}{more}: {reason}."
    if len(doubtful) > _MOST_REASONS:
        yield f"{len(doubtful) - _MOST_REASONS} more reasons are listed below."
