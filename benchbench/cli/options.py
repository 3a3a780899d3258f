"""The options that several commands share: one meaning and one help text each."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from benchbench import quantities


def _announced(names: list[str] | None) -> list[str] | None:
    """Have plugins in files found, before any is looked for."""
    from benchbench.plugins.plugin_files import announce, is_plugin_file

    for name in names or ():
        if is_plugin_file(name):
            announce(name)
    return names


def given(context: typer.Context) -> list[str]:
    """Return the options that stand on the command line, by their long names."""
    return [
        one.opts[0]
        for one in context.command.params
        if str(context.get_parameter_source(one.name or "")).endswith("COMMANDLINE")
    ]


SomeBackends = Annotated[
    list[str] | None,
    typer.Option(
        "--backend",
        "-b",
        help="A backend, 'all' that are ready, or a plugin in a file (my_backend.py).",
        callback=_announced,
    ),
]
SomeModels = Annotated[
    list[str] | None, typer.Option("--model", "-m", help="A model, 'all', or a TOML file.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, or a device's name.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="CPU threads; default: the physical cores.")
]
Dataset = Annotated[
    str,
    typer.Option(
        help="auto, mnist, digits, synthetic, a folder of IDX files, an .npz, a csv, a plugin's."
    ),
]
Protocol = Annotated[Path | None, typer.Option(help="A TOML file with another training protocol.")]
CertifiedBatchSize = Annotated[
    int | None, typer.Option(min=1, help="Certify with this batch size, not the protocol's.")
]
Division = Annotated[str, typer.Option(help="'all' takes every division a backend has.")]
Seed = Annotated[int, typer.Option(min=0, help="For first weights and shuffling.")]
Quick = Annotated[
    bool,
    typer.Option(
        "--quick", help="A tenth of the images, to see whether it works; gives no verdict."
    ),
]
Blocks = Annotated[
    int, typer.Option(min=1, help="Repeat everything; block b trains with seed + b.")
]
Until = Annotated[
    str | None,
    typer.Option(
        help="Add blocks until every interval is this narrow (2%), or, with 'verdict', until "
        "every ratio has a verdict."
    ),
]
_BUDGET_HELP = "Start no block that would end later than this (90s, 30m, 2h)."
Budget = Annotated[str, typer.Option(help=_BUDGET_HELP)]
SomeBudget = Annotated[str | None, typer.Option(help=_BUDGET_HELP)]
ExecutorName = Annotated[
    str, typer.Option(help="Where blocks run: local, or what a plugin offers.")
]
Resume = Annotated[
    str | None,
    typer.Option(
        metavar="SESSION",
        help="Complete a session that was interrupted or lost a run: the blocks that it lacks.",
    ),
]
WaitForQuiet = Annotated[
    str | None,
    typer.Option(help="Wait until nothing else is at work, at most this long (10m)."),
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Epochs, in place of the protocol's.")]
Save = Annotated[
    Path | None, typer.Option(help="Also write each certificate into this folder, as JSON.")
]
Renew = Annotated[bool, typer.Option("--renew", help="Certify anew what was certified before.")]
Networks = Annotated[
    list[str] | None,
    typer.Argument(
        help="Two networks of your own files instead: my_port.py:net my_model.py:build."
    ),
]
PortMap = Annotated[
    Path | None,
    typer.Option(
        "--map",
        help="With two networks: a file that says which variable is which; written if missing.",
    ),
]
PortInput = Annotated[
    str | None, typer.Option("--input", help="With two networks: the shape of a sample, 28,28,1.")
]
Seeds = Annotated[
    int | None,
    typer.Option(
        min=1, help="How many seeds; default: 1, from --seed on; with --outcome 10, from 0 on."
    ),
]
Outcome = Annotated[
    bool, typer.Option("--outcome", help="Test the final accuracy over --seeds, on real data.")
]
OutcomeDataset = Annotated[str, typer.Option(help="With --outcome: the data set.")]
OutcomeResults = Annotated[
    Path | None, typer.Option(help="With --outcome: where the records of the runs are.")
]
OutcomeMargin = Annotated[
    float | None, typer.Option(help="With --outcome: the margin, a fraction (0.002).")
]
EpochsOfEach = Annotated[int, typer.Option(min=2, help="Epochs of each run.")]
RecordsInto = Annotated[
    Path | None, typer.Option(help="Where records go; default BENCHBENCH_RESULTS or results.")
]
RecordsFrom = Annotated[
    Path | None, typer.Option(help="Folder of results [BENCHBENCH_RESULTS, else ./results].")
]
BaselineCell = Annotated[
    str | None, typer.Option(help="What the others are compared with: keras, or 'keras tuned'.")
]
OneSession = Annotated[str | None, typer.Option(help="Only the runs of this session.")]
Timeout = Annotated[
    float,
    typer.Option(
        help="Seconds of work after which a run is given up.",
        callback=lambda value: quantities.time_limit(value, "--timeout"),
    ),
]
Margin = Annotated[str, typer.Option(help="Times this close are the same: 3% or 0.03.")]
Confidence = Annotated[str, typer.Option(help="Level of the confidence intervals: 95% or 0.95.")]
LostBlocks = Annotated[
    bool,
    typer.Option(
        "--allow-lost-blocks",
        help="Give a verdict also where runs failed or are missing, from the other blocks.",
    ),
]
StrictRecords = Annotated[
    bool, typer.Option("--strict", help="Exit with 1 if a record could not be read.")
]
TableFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="text, markdown, latex, csv, json or html [text on a terminal, else markdown].",
    ),
]
Wide = Annotated[bool, typer.Option("--wide", help="Every column, however wide the table gets.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write to this file, not to the screen.")
]


Against = Annotated[
    str, typer.Option("--against", help="The branch, tag or commit to compare this tree with.")
]
PilotBlocks = Annotated[
    int, typer.Option(min=2, help="Blocks whose scatter settles how many are run.")
]
MostBlocks = Annotated[
    int, typer.Option(min=2, help="At most so many blocks, even if intervals are still wide.")
]
CertifyTrees = Annotated[
    bool, typer.Option(help="First certify the cells of both trees, each by its own code.")
]
FailUndecided = Annotated[bool, typer.Option("--strict", help="Fail on UNDECIDED as well.")]
CertifyFirst = Annotated[
    bool, typer.Option(help="First certify the cells that no valid certificate is kept of.")
]


class PageFormat(StrEnum):
    """What `--format` takes where a document alone is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"


DocumentFormat = Annotated[
    PageFormat | None,
    typer.Option("--format", help="Default: text on a terminal, else markdown."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
