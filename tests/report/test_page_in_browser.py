"""The page in a real Chromium: it asks for nothing, fits, sorts, turns dark, and prints whole."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from browser import Browser, find
from interleaved import hostile, make_session

from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.report.html import page

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>]]>|\u202e\x1b[31m" + "w" * 300
FIRST = "[...document.querySelector('table').tBodies[0].rows].map(r => r.cells[2].innerText)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = find()
    if program is None:
        message = "there is no Chromium on the path: apt-get install chromium"
        pytest.skip(message)
    one = Browser(program, tmp_path_factory.mktemp("profile"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Write a page of good records and of hostile ones; return its path."""
    bad = [hostile(run, NASTY) for run in make_session(["torch"], blocks=1)]
    records = [*make_session(blocks=2), *bad]
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page.render(records, compare(records, Question())), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_is_asked_for_and_nothing_overflows(browser, written, width):
    browser.open(written, width)
    assert browser.complaints == []
    assert [url for url in browser.requests if url != written.as_uri()] == []
    assert browser.value("document.documentElement.scrollWidth") <= width
    wider = (
        "[...document.querySelectorAll('body *')].filter(e => !e.closest('.wide, pre') && "
        f"e.getBoundingClientRect().right > {width} + 1).length"
    )
    assert browser.value(wider) == 0


def test_tables_sort_both_ways(browser, written):
    browser.open(written)
    press = "document.querySelectorAll('table')[0].tHead.rows[0].cells[2].firstChild.click()"
    browser.value(press)
    up = browser.value(FIRST)
    browser.value(press)
    down = browser.value(FIRST)
    seconds = [float(text) for text in up if re.match(r"\d", text)]
    assert seconds == sorted(seconds)
    assert [text for text in down if re.match(r"\d", text)] == [
        text for text in reversed(up) if re.match(r"\d", text)
    ]
    assert browser.value("document.querySelectorAll('[aria-sort=descending]').length") == 1


def test_dark_is_dark_and_figures_follow(browser, written):
    browser.open(written)
    asked = (
        "[getComputedStyle(document.body).backgroundColor, "
        "getComputedStyle(document.querySelector('svg text')).fill]"
    )
    browser.media(scheme="light")
    paper, ink = browser.value(asked)
    browser.media(scheme="dark")
    dark_paper, dark_ink = browser.value(asked)
    browser.media()
    assert (paper, ink) == ("rgb(255, 255, 255)", "rgb(31, 35, 40)")
    assert (dark_paper, dark_ink) == ("rgb(15, 20, 26)", "rgb(230, 237, 243)")


def test_paper_has_all_of_it(browser, written):
    browser.open(written)
    browser.media(kind="print")
    assert browser.value("getComputedStyle(document.querySelector('.wide')).overflowX") == "visible"
    assert browser.pdf().count(b"/Type /Page\n") + browser.pdf().count(b"/Type /Page/") > 0
    browser.media()


def test_hostile_names_run_nothing(browser, written):
    browser.open(written)
    assert browser.value("document.scripts.length") == 1
    assert browser.value("document.images.length") == 0
    assert NASTY.split("|", maxsplit=1)[0][:20] in browser.value("document.body.textContent")


@pytest.mark.exhaustive
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser, written, scheme):
    """The checker is not in the repository: `npm pack axe-core`, then name its axe.min.js."""
    named = os.environ.get("BENCHBENCH_AXE")
    if named is None:
        pytest.skip("BENCHBENCH_AXE does not name an axe.min.js")
    browser.open(written)
    browser.media(scheme=scheme)
    browser.value(Path(named).read_text(encoding="utf-8") + ";1")
    found = browser.value("axe.run().then(r => r.violations.map(v => [v.id, v.impact]))")
    browser.media()
    assert [one for one in found if one[1] in {"serious", "critical"}] == []
