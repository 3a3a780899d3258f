"""What stands in `results/` comes from the records beside it, and the bands from theirs."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchbench.certify.bands import all_bands, find_band
from benchbench.compare.baseline import Baseline
from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.compare.derived_bands import derive_bands
from benchbench.compare.resolution import resolve
from benchbench.experiments.selftest import judged
from benchbench.measure.noise import short_epochs
from benchbench.report import comparison, resolution, tables
from benchbench.report.formats import Format, render
from benchbench.report.renderers import markdown
from benchbench.run.archive import read_archive
from benchbench.run.store import read
from benchbench.spec.catalog import MODELS

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"
STOPPING = "results/stopping/stopping.md"
STEADY = "results/stopping/steady.md"
VERDICTS = RESULTS / "verdicts"
FIRST = RESULTS / "first"
CELLS = {
    *(("torch", division) for division in ("idiomatic", "compiled", "tuned")),
    *(("keras", division) for division in ("idiomatic", "compiled", "tuned")),
    *(("jax", division) for division in ("idiomatic", "tuned")),
}
BLOCKS = 5


def records(folder: Path):
    found, unreadable = read(folder)
    assert not unreadable
    assert found, f"no records in {folder}"
    return found


def printed(folder, form, view, baseline=None, *, wide=True):
    """Return what `report` or `compare` prints of the records."""
    sections = compare(records(folder), Question(), baseline)
    return render(sections, Format(form), view, wide=wide).strip()


@pytest.mark.parametrize(
    ("name", "form"), [("tables.md", "markdown"), ("tables.csv", "csv"), ("tables.json", "json")]
)
def test_the_tables_are_what_report_makes_of_the_records(name, form):
    assert (FIRST / name).read_text().strip() == printed(FIRST, form, tables.build)


@pytest.mark.parametrize(
    "archive", sorted(RESULTS.glob("*/records.jsonl.gz")), ids=lambda one: one.parent.name
)
def test_no_recorded_epoch_is_too_short(archive):
    told = [(run.run_id, told) for run in records(archive) for told in short_epochs(run.epochs)]
    assert told == []


def well() -> list:
    """Return the runs of the matrix that came to their end; its first session was interrupted."""
    return [run for run in records(VERDICTS) if run.status == "ok"]


def test_the_matrix_is_whole_and_every_check_passed():
    found = well()
    assert {(run.backend, run.division, run.model) for run in found} == {
        (*cell, model) for cell in CELLS for model in MODELS
    }
    assert {run.status for run in records(VERDICTS)} == {"ok", "interrupted"}
    assert {(run.dataset, run.device) for run in found} == {("mnist", "cpu")}
    for run in found:
        outcomes = {check.name: check.passed for check in run.checks}
        assert all(outcomes.values()), f"{run.run_id}: {outcomes}"


def test_what_measuring_costs_is_what_the_records_say():
    spec = importlib.util.spec_from_file_location(
        "measuring_costs", ROOT / "studies" / "measuring_costs.py"
    )
    measuring = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(measuring)
    runs = {(run.model, run.backend): run for run in records(RESULTS / "costs")}
    page = (ROOT / "docs" / "measured.md").read_text()
    for model in MODELS:
        for name in ("torch", "keras"):
            bare = runs[model, f"bare-{name}"]
            beside, same = (measuring.ratio(run, bare) for run in (runs[model, name], bare))
            assert f"| {model} | {name} | {beside} | {same} |" in page
            assert abs(float(beside.split()[0]) - 1) <= 0.03


def test_divisions_against_idiomatic_are_what_the_records_say():
    """Ratios of one session: geometric means over blocks of each block's median epoch."""
    page = (ROOT / "docs" / "measured.md").read_text()
    for name in ("torch", "keras", "jax"):
        (section,) = compare(records(VERDICTS), Question(), Baseline(name))
        for division in ("tuned", "compiled"):
            cells = [
                f"{1 / row.steady.ratio:.1f}"
                for row in section.contrasts
                if (row.cell.backend, row.cell.division) == (name, division)
            ]
            assert not cells or f"| {name} {division} | {' | '.join(cells)} |" in page


def test_the_phases_of_every_published_run_sum_to_the_whole():
    for run in well():
        parts = msgspec.structs.asdict(run.phases)
        total = parts.pop("total")
        assert sum(parts.values()) == pytest.approx(total, rel=0.01)


def test_the_bands_are_what_the_command_makes_of_their_records():
    folders = ("bands/mnist", "bands/digits", "bands/catalog", "outcome")
    runs = [one for name in folders for one in records(RESULTS / name)]
    assert tuple(derive_bands(one for one in runs if one.backend == "torch")) == all_bands()


def test_the_verdicts_are_what_compare_makes_of_the_records():
    published = (VERDICTS / "compare.md").read_text().strip()
    sections = compare(records(VERDICTS), Question(), Baseline("keras"))
    assert published == printed(VERDICTS, "markdown", comparison.build, Baseline("keras"))
    (section,) = sections
    assert {one.model for one in section.contrasts} == set(MODELS)
    assert len(section.contrasts) == 7 * len(MODELS), "every cell but the baseline"
    assert not section.not_comparable
    assert {one.steady.block_count for one in section.contrasts} == {BLOCKS}


def ratios(baseline):
    """Return each cell's epoch time over the baseline's, by cell and model."""
    (section,) = compare(records(VERDICTS), Question(), Baseline(baseline))
    return {(str(one.cell), one.model): one.steady.ratio for one in section.contrasts}


def test_the_readme_s_table_of_frameworks_is_of_the_records():
    found = ratios("keras idiomatic")
    for backend, division in CELLS - {("keras", "idiomatic")}:
        cell = f"{backend} {division}"
        shown = " | ".join(f"{found[cell, model]:.2f}" for model in MODELS)
        assert f"| {cell} | {shown} |" in (ROOT / "README.md").read_text()


def test_the_docs_say_how_many_times_faster_a_division_is_than_idiomatic():
    page = (ROOT / "docs/measured.md").read_text()
    for backend, division in CELLS:
        if division != "idiomatic":
            found, cell = ratios(f"{backend} idiomatic"), f"{backend} {division}"
            shown = " | ".join(f"{1 / found[cell, model]:.1f}" for model in MODELS)
            assert f"| {cell} | {shown} |" in page


def test_two_releases_are_what_compare_makes_of_the_records():
    folder = RESULTS / "releases"
    published = (folder / "compare.md").read_text().strip()
    assert published == printed(folder, "markdown", comparison.build, Baseline("torch"))
    versions = {run.versions["torch"] for run in records(folder)}
    assert len(versions) == 2
    assert all(f"(torch {one})" in published or f", torch {one})" in published for one in versions)


def test_one_verdict_took_no_more_blocks_than_its_width_wanted():
    """`run --until 5%`: the interval is that narrow, and the pilot alone was long enough for it."""
    runs, width = records(RESULTS / "until"), 0.05
    published = (RESULTS / "until" / "compare.md").read_text().strip()
    sections = compare(runs, Question(), Baseline("keras"))
    assert published == printed(RESULTS / "until", "markdown", comparison.build, Baseline("keras"))
    (found,) = sections[0].contrasts
    assert found.stopping.rule == "width"
    assert found.steady.block_count == found.stopping.pilot_blocks
    assert found.steady.high / found.steady.ratio - 1 <= width


def test_the_docs_show_the_simulated_stopping_rules_which_keep_their_word():
    """The figures of 1,600 sessions; three standard errors beyond what is promised fail."""
    page, docs = ((ROOT / one).read_text() for one in (STOPPING, "docs/measured.md"))
    recorded, bursts = page.split("## 4 times the bursts")
    lines = recorded.splitlines()
    rows = [[cell.strip(" %") for cell in line.strip("|").split("|")] for line in lines]
    widths, margins = ([row for row in rows if len(row) == count][2:] for count in (6, 9))
    assert len(widths) == len(margins) == 5
    for row, line in zip(rows, lines, strict=True):
        assert len(row) not in {6, 9} or line in docs
    assert all(93.3 < float(row[1]) < 96.7 for row in widths)
    assert min(float(line.split()[4]) for line in bursts.splitlines() if " % | 9" in line) > 93.3
    for _, held, slower, same, _, equals, *blocks in margins:
        assert float(held) > 95
        assert float(slower) < 2.5 + 1.2
        assert float(same) < 5 + 1.7
        assert float(equals) < 2.5
        assert float(blocks[-1]) < 3.5, "1.4 times ends after three or four blocks"


def test_the_readme_shows_what_its_command_makes_of_the_records():
    """The README says how to make it anew: `benchbench compare --results ... --format text`."""
    shown = (ROOT / "README.md").read_text()
    assert printed(FIRST, "text", comparison.build, wide=False) in shown


def test_the_self_tests_are_what_the_command_makes_of_their_records():
    sessions: dict[str, list] = {}
    for record in records(RESULTS / "selftest"):
        sessions.setdefault(record.session_id, []).append(record)
    question = Question()
    found: dict[float, list] = {}
    for runs in sessions.values():
        for slowdown, one in judged(runs, question):
            found.setdefault(slowdown, []).append(one)
    summary = resolve(found, 5, question)
    published = (RESULTS / "selftest" / "selftest.md").read_text().strip()
    title = published.splitlines()[0].removeprefix("## ")
    assert published == markdown.render(resolution.build(title, summary))
    assert [(trial.slowdown, trial.count) for trial in summary.trials] == [(0, 20), (0.1, 20)]
    assert summary.false_alarms == 0


def test_every_published_run_was_judged_by_a_band():
    for run in well():
        assert find_band(run.spec_sha256, run.dataset_sha256) is not None


def test_no_record_names_a_path_of_the_machine_that_made_it():
    archives = sorted(RESULTS.rglob("*.jsonl.gz"))
    assert len(archives) == 15
    for archive in archives:
        for entry in read_archive(archive):
            # The folder that a run makes for itself, and removes, is no path of the machine.
            content = re.sub(rb'"/tmp/benchbench-\w+/', b'"', entry.content)
            assert b'"/' not in content, f"{entry.name} in {archive} holds an absolute path"


def test_what_is_published_is_few_files_and_small():
    files = [path for path in RESULTS.rglob("*") if path.is_file()]
    assert len(files) <= 60
    assert sum(path.stat().st_size for path in files) <= 3_000_000


@pytest.mark.parametrize("division", ["idiomatic", "tuned"])
@pytest.mark.parametrize(
    ("seeds", "models"), [(10, "single-layer two-layer"), (20, "simple-cnn"), (15, "deeper-cnn")]
)
def test_the_outcomes_are_what_the_command_makes_of_their_records(
    seeds, models, division, mnist_folder
):
    command = f"certify --outcome --seeds {seeds} --backend torch --backend keras --device cpu"
    command += f" --division {division} --wide"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchbench", *command.split()),
            *(word for model in models.split() for word in ("--model", model)),
            *("--threads", "1", "--results", "results/outcome", "--dataset", str(mnist_folder)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "is not installed" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    published = (RESULTS / "outcome" / "outcome.md").read_text()
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 3 * len(models.split())
    assert all(row in published for row in rows)


def test_the_docs_show_what_steady_epochs_save_and_intervals_hold():
    """The figures of 240 sessions of three rows; three standard errors beyond are too many."""
    page, docs = ((ROOT / one).read_text() for one in (STEADY, "docs/measured.md"))
    lines = page.splitlines()
    rows = [[cell.strip(" %") for cell in line.strip("|").split("|")] for line in lines]
    shares = [line for row, line in zip(rows, lines, strict=True) if len(row) == 7]
    assert len(shares) == 5
    assert all(line in docs for line in shares)
    intervals = [row for row in rows if len(row) == 10 and "/" in row[3]][1:]
    assert len(intervals) == 12
    held = [float(one) for row in intervals for cell in row[3:5] for one in cell.split(" / ")]
    assert min(held) > 95 - 3 * 0.81
    assert max(held) < 95 + 3 * 0.95
