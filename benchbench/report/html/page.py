"""The page of saved runs: the answer first, then what it rests on, down to the hashes.

It loads nothing and needs no script to be read; the one script sorts tables. The policy in its head
lets the browser run that script alone, known by its hash, whatever stands in a record.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

import benchbench
from benchbench.compare.comparison import Comparison
from benchbench.errors import NotMeasured
from benchbench.figures.catalog import FIGURES
from benchbench.figures.selection import Selection, select
from benchbench.figures.svg import inline
from benchbench.records import RunRecord
from benchbench.report import comparison, tables
from benchbench.report.document import Block, Document, Heading, Items, Paragraph
from benchbench.report.html import answers, origins
from benchbench.report.renderers.html import escape
from benchbench.report.renderers.html import render as render_blocks

_TITLES = {
    "ratios": "Ratios",
    "epochs": "Epochs over time",
    "curves": "Learning curves",
    "phases": "Where the time goes",
    "memory": "Memory",
}


@dataclass(frozen=True, slots=True)
class _Section:
    """A part of the page under a heading; `content` is HTML."""

    name: str
    title: str
    content: str


def render(records: Iterable[RunRecord], sections: Sequence[Comparison]) -> str:
    """Return the whole page of the records that were compared; the same ones make the same page.

    Raises Unavailable where matplotlib is not installed.
    """
    runs = sorted(records, key=lambda one: (one.started, one.run_id))
    parts_of_page = list(_sections(runs, select(runs, sections)))
    contents = "".join(
        f'<li><a href="#{one.name}">{escape(one.title)}</a></li>' for one in parts_of_page
    )
    parts = "\n".join(
        f'<section id="{one.name}"><h2>{escape(one.title)}</h2>\n{one.content}\n</section>'
        for one in parts_of_page[1:]
    )
    script = _asset("sort.js")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>benchbench: {escape(_title(runs))}</title>
<style>{_asset("page.css")}</style>
</head>
<body>
<header>
<h1>Which framework trains faster, and do they train the same function?</h1>
<p class="muted">{escape(_title(runs))}. {escape(_dates(runs))}</p>
</header>
<main>
<section id="{parts_of_page[0].name}" class="answer"><h2>{escape(parts_of_page[0].title)}</h2>
{parts_of_page[0].content}
</section>
<nav aria-label="Contents"><ul>{contents}</ul></nav>
{parts}
</main>
<footer><p class="muted">Made by benchbench {escape(benchbench.__version__)}.</p></footer>
<script>{script}</script>
</body>
</html>
"""


def _sections(runs: Sequence[RunRecord], selection: Selection) -> Iterator[_Section]:
    sections = selection.sections
    yield _Section("answer", "The answer", render_blocks(answers.build(sections)))
    yield _figure("ratios", selection)
    shown = (
        *_tables(comparison.build(sections), "Ratios and verdicts"),
        *_tables(tables.build(sections), "Every session"),
    )
    yield _Section("tables", "Tables", render_blocks(shown))
    for name in list(FIGURES)[1:]:
        yield _figure(name, selection)
    for name, title, document in (
        ("certificates", "Certificates, rung by rung", origins.certificates(runs)),
        (
            "not-comparable",
            "What is not comparable, and remarks",
            _lists(sections, failed=False) or (Paragraph("Every cell was compared."),),
        ),
        (
            "failures",
            "Failures",
            _lists(sections, failed=True) or (Paragraph("No run failed."),),
        ),
        ("environments", "What differs between the environments", origins.environments(runs)),
        ("provenance", "Provenance", origins.provenance(runs, benchbench.__version__)),
    ):
        yield _Section(name, title, render_blocks(document))


def _tables(document: Document, title: str) -> Iterator[Block]:
    """Yield all but the lists, which stand elsewhere; each heading says which view it is."""
    for block in document:
        if isinstance(block, Heading):
            yield Heading(f"{title}: {block.text}")
        elif not isinstance(block, Items):
            yield block


def _lists(sections: Sequence[Comparison], *, failed: bool) -> Document:
    """Return the lists of failed runs, or all others, under their section's title if several."""
    blocks: list[Block] = []
    for one in sections:
        # Where one session was all there is, the first view names every cell that the second does.
        views = [comparison.build([one]), tables.build([one])]
        if not failed and all(row.compared for row in one.rows):
            views.pop()
        # Both views end with the remarks.
        lists = dict.fromkeys(block for view in views for block in view if isinstance(block, Items))
        own = [block for block in lists if block.heading]
        own = [block for block in own if (block.heading == tables.FAILED) is failed]
        if own and len(sections) > 1:
            blocks.append(Heading(one.title))
        blocks += own
    return tuple(blocks)


def _figure(name: str, selection: Selection) -> _Section:
    """Return a figure as a section; where nothing of it was measured, a sentence that says so."""
    try:
        plot = FIGURES[name](selection)
    except NotMeasured as reason:
        told = str(reason)
        return _Section(name, _TITLES[name], f"<p>{escape(told[:1].upper() + told[1:])}.</p>")
    drawing = inline(plot.to_svg(), name, plot.alt)
    notes = escape(" ".join(plot.notes))
    content = (
        f'<figure><p class="hint">Scroll sideways to see all of it.</p><div class="wide" '
        f'role="group" aria-label="{escape(plot.title)}, scrolls sideways" tabindex="0">'
        f"{drawing}</div><figcaption>{escape(plot.title)}. {notes}</figcaption></figure>"
    )
    return _Section(name, _TITLES[name], content)


def _title(runs: Sequence[RunRecord]) -> str:
    models = {run.model for run in runs}
    backends = sorted({run.backend for run in runs})
    data = sorted({run.dataset for run in runs})
    named = ", ".join(backends[:6]) + (" and more" if len(backends) > 6 else "")
    return f"{named}: {len(models)} models, {len(runs):,} runs on {', '.join(data[:4])}"


def _dates(runs: Sequence[RunRecord]) -> str:
    if not runs:
        return ""
    first, last = min(run.started for run in runs), max(run.finished for run in runs)
    return f"Measured {first[:16].replace('T', ' ')} to {last[:16].replace('T', ' ')} UTC."


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        f"base-uri 'none'; form-action 'none'"
    )


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
