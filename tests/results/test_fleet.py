"""What stands in `results/fleet`: intervals and verdicts over machines keep their word."""

from __future__ import annotations

from pathlib import Path

import fleet
import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "results" / "fleet" / "fleet.md"
# Three standard errors of 2,000 fleets.
SLACK = 1.5
NORMAL = [design.title for design in fleet.DESIGNS if not design.two_kinds]


def tables():
    """Return the tables of each part by its heading: a list of rows of numbers each."""
    found, title = {}, ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            title = line.removeprefix("## ").removeprefix("Coverage: ")
            found[title] = []
        elif line.startswith("| machines"):
            found[title].append([])
        elif line.startswith("| "):
            cells = [cell.strip(" %") for cell in line.strip("|").split("|")]
            found[title][-1].append([float(cell) for cell in cells if cell != "none"])
    return found


def test_it_is_of_every_design_and_of_as_many_fleets_as_it_says():
    assert [*tables()][: len(fleet.DESIGNS)] == [design.title for design in fleet.DESIGNS]
    assert "2,000 fleets a figure" in PAGE.read_text()


@pytest.mark.parametrize("title", NORMAL)
def test_intervals_hold_what_they_say_where_effects_are_normal(title):
    middle, further, _ = tables()[title]
    for machines, *held in middle:
        assert all(93 - SLACK < one < 97 + SLACK for one in held), machines
    for machines, *held in further:
        assert all(one > 93 - SLACK for one in held), machines
        # Where machines differ by more than the means of blocks scatter; two are refused.
        assert machines < 3 or all(one < 97 + SLACK for one in held[3:]), machines


def test_the_textbooks_interval_holds_less():
    _, further, textbook = tables()[fleet.DESIGNS[0].title]
    assert min(min(row[1:]) for row in textbook if len(row) > 1) < 88
    assert min(min(row[1:]) for row in further) > 92


def test_false_verdicts_are_as_rare_as_is_said():
    (rows,) = tables()["False verdicts: five blocks a machine"]
    for _, _, slower, same, contradicted, equals in rows:
        assert slower < 2.5 + 1.2
        assert same < 5 + SLACK
        assert contradicted < 5 + SLACK
        assert equals < 2.5 + 1.2


def test_the_docs_show_the_coverage_of_a_further_machine():
    page = (ROOT / "docs" / "measured.md").read_text()
    text = PAGE.read_text()
    begin = text.index("The prediction interval holds a further machine:")
    shown = [line for line in text[begin:].splitlines()[:10] if line.startswith("|")]
    assert len(shown) == 8
    assert all(line in page for line in shown)
