"""`benchbench compare`: ratios, intervals and verdicts of saved runs."""

from __future__ import annotations

from benchbench.cli import options
from benchbench.cli.records import fail_if_strict, read_records, write_sections
from benchbench.experiments.selection import find_question, only


def compare(  # noqa: PLR0917 - one parameter an option
    baseline: options.BaselineCell = None,
    margin: options.Margin = "3%",
    confidence: options.Confidence = "95%",
    lost_blocks: options.LostBlocks = False,
    results: options.Results = None,
    session: options.OneSession = None,
    strict: options.StrictRecords = False,
    format: options.TableFormat = None,
    wide: options.Wide = False,
    output: options.Output = None,
) -> None:
    """Compare the cells of each model: interleaved runs, paired epoch by epoch.

    Only certified cells of one session are compared; what is left out is listed, with the reason.
    """
    from benchbench.compare.baseline import Baseline
    from benchbench.compare.comparison import compare as compare_records
    from benchbench.report import comparison
    from benchbench.run.store import results_folder

    question = find_question(margin, confidence, allow_lost_blocks=lost_blocks)
    records, unreadable = read_records(results_folder(results))
    records = only(records, "session", session, [record.session_id for record in records])
    found = compare_records(records, question, Baseline(baseline))
    write_sections(records, found, comparison.build, format=format, wide=wide, output=output)
    fail_if_strict(strict, unreadable)
