"""Every figure: what it shows, in words and bytes, and what it says where nothing was measured."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from interleaved import make_session

from benchbench.compare.baseline import Baseline
from benchbench.compare.comparison import compare
from benchbench.compare.contrast import CellName, Question
from benchbench.errors import NotMeasured, Unavailable, UsageError
from benchbench.experiments.results import Results
from benchbench.figures import epochs, style
from benchbench.figures.catalog import FIGURES, draw
from benchbench.figures.selection import select
from benchbench.records import MachineState
from benchbench.run.store import read

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
SESSION = make_session()
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", list(FIGURES))
def test_each_figure_speaks_and_is_the_same_in_every_run(name):
    svg = draw(name, SESSION[:4]).to_svg()
    assert svg == draw(name, SESSION[3::-1]).to_svg() or name != "memory"
    root = ElementTree.fromstring(svg)  # noqa: S314
    title, description = root[0].text, root[1].text
    assert title
    assert "torch idiomatic" in description
    assert "deeper-cnn" in description


def test_ratios_are_those_of_compare():
    words = draw("ratios", SESSION).alt
    assert "torch idiomatic over keras idiomatic 0.667 (0.66" in words
    assert words.count("FASTER") == 1


def test_epochs_stand_in_the_order_in_which_they_took_turns():
    (panel,) = select(SESSION, compare(SESSION, Question())).panels
    course = epochs._course(panel, 1000)
    torch = course.marks[CellName("torch", "idiomatic")]
    assert [mark.position for mark in torch[:3]] == [2, 4, 6]
    assert course.block_starts == (9, 17)
    assert [mark.first for mark in torch[:4]] == [True, False, False, False]


def test_many_epochs_share_marks_and_the_figure_says_so(monkeypatch):
    monkeypatch.setattr(epochs, "_MOST_MARKS", 8)
    plot = draw("epochs", SESSION)
    assert "median of up to 3 consecutive epochs" in " ".join(plot.notes)


def test_a_noisy_epoch_is_marked():
    disturbed = SESSION[0].epochs[3]
    noisy = msgspec.structs.replace(disturbed, machine=MachineState(steal_fraction=0.5))
    run = msgspec.structs.replace(SESSION[0], epochs=(*SESSION[0].epochs[:3], noisy))
    assert "1 of 8 epochs are marked noisy" in draw("epochs", [run, SESSION[1]]).alt


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("ratios", {"certificate": None}, "no ratio to draw"),
        ("epochs", {"epochs": ()}, "no epoch to draw"),
        ("curves", {"epochs": ()}, "no learning curve to draw"),
        ("phases", {"phases": None}, "no phase to draw"),
        ("memory", {"peak_memory_bytes": None}, "no memory to draw"),
    ],
)
def test_what_was_not_measured_is_not_drawn(name, changes, reason):
    runs = [msgspec.structs.replace(run, **changes) for run in SESSION]
    with pytest.raises(NotMeasured, match=reason):
        draw(name, runs)


def test_one_run_has_no_ratio_but_all_the_rest():
    for name in set(FIGURES) - {"ratios"}:
        assert draw(name, SESSION[:1]).alt


def test_unknown_figures_and_endings_are_named(tmp_path):
    with pytest.raises(UsageError, match="no figure 'ratio', did you mean 'ratios'"):
        draw("ratio", SESSION)
    plot = Results(tuple(SESSION)).plot("memory")
    with pytest.raises(UsageError, match=r"\.svg, \.png or \.pdf"):
        plot.save(tmp_path / "figure.gif")
    with pytest.raises(UsageError, match="cannot write"):
        plot.save(tmp_path / "no" / "figure.svg")


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_a_file_of_each_kind(tmp_path, kind):
    beginnings = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    draw("memory", SESSION).save(tmp_path / f"figure.{kind}")
    assert (tmp_path / f"figure.{kind}").read_bytes().startswith(beginnings[kind])


def test_without_matplotlib_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(Unavailable, match=r"pip install 'benchbench-harness\[plots\]'"):
        draw("ratios", SESSION)


@pytest.mark.parametrize(("low", "high"), [(0.2, 2), (0.95, 1.05), (1e-3, 1e4), (3, 3)])
def test_axes_have_round_ticks_and_not_many(low, high):
    ticks = style.round_numbers(low, high)
    assert 1 <= len(ticks) <= 9
    assert all(low * 0.9 <= tick <= high * 1.1 for tick in ticks)


def test_the_picture_in_the_readme_is_what_plot_makes_of_the_records():
    """Ticks and texts; where they stand to the last digit is the version of the library's."""
    records, _ = read(ROOT / "results" / "verdicts")
    drawn = draw("ratios", records, None, Baseline("keras")).to_svg()
    published = (ROOT / "docs" / "ratios.svg").read_text()
    texts = [re.findall(r">([^<>]+)<", svg) for svg in (drawn, published)]
    assert texts[0] == texts[1]
    assert "docs/ratios.svg" in (ROOT / "README.md").read_text()
