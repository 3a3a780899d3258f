"""The published page is what `compare --format html` makes of the records beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchbench.compare.baseline import Baseline
from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.errors import NotMeasured
from benchbench.report.html import page
from benchbench.run.store import read

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
ROOT = Path(__file__).parents[2]
VERDICTS = ROOT / "results" / "verdicts"


@pytest.fixture
def rendered(monkeypatch, request):
    """Make the page; without its figures, which take seconds, unless all is exhaustive."""
    if not request.config.getoption("--exhaustive"):

        def draw_nothing(_):
            raise NotMeasured("not drawn here")

        monkeypatch.setattr(page, "FIGURES", dict.fromkeys(page.FIGURES, draw_nothing))
    records, _ = read(VERDICTS)
    return page.render(records, compare(records, Question(), Baseline("keras")))


def parts(text: str, *, figures: bool) -> dict[str, list[str]]:
    """Return the texts of each section, in order; those of a figure only where it was drawn."""
    found = re.findall(r'(?s)<section id="([^"]+)".*?>(.*?)</section>', text)
    drawn = {name for name, content in found if "<figure>" in content}
    return {
        name: re.findall(r">([^<>]+)<", content)
        for name, content in found
        if figures or name not in drawn
    }


def test_the_published_page_is_made_of_the_records(rendered, request):
    published = (VERDICTS / "report.html").read_text(encoding="utf-8")
    figures = request.config.getoption("--exhaustive")
    expected = parts(published, figures=figures)
    made = parts(rendered, figures=True)
    assert {name: made[name] for name in expected} == expected
    assert len(expected) >= 7
    assert len(published.encode()) < 1_000_000
    assert "(results/verdicts/report.html)" in (ROOT / "README.md").read_text()
