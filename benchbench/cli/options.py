"""The options that several commands share: one meaning and one help text each."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from benchbench import quantities
from benchbench.errors import UsageError, must_be_known
from benchbench.files import output_trouble


def _announced(names: list[str] | None) -> list[str] | None:
    """Have plugins in files found, before any is looked for."""
    from benchbench.experiments.environments.names import split_environment
    from benchbench.plugins.plugin_files import announce, is_plugin_file

    for name in names or ():
        file, _ = split_environment(name)
        if is_plugin_file(file):
            announce(file)
    return names


def known(kind: str, module: str, names: str) -> Callable[[str | None], str | None]:
    """Return a callback that refuses what is none of a module's names, before any work is done."""

    def must_be(name: str | None) -> str | None:
        if name is not None:
            must_be_known(kind, name, getattr(importlib.import_module(module), names))
        return name

    return must_be


def writable(path: Path | None) -> Path | None:
    """Return the path of a file to write, unless it is seen beforehand that it cannot be."""
    if path is not None and (trouble := output_trouble(path)):
        raise UsageError(f"cannot write {path}: {trouble}; name another file")
    return path


def given(context: typer.Context) -> list[str]:
    """Return the options that stand on the command line, by their long names."""
    return [
        one.opts[0]
        for one in context.command.params
        if str(context.get_parameter_source(one.name or "")).endswith("COMMANDLINE")
    ]


# A text is the same in all verbs, up to its first colon or semicolon: a test holds them to that.
_OUTCOME = "With --outcome: "
_BLOCKS = "How many blocks: each runs every cell once. The least number where a rule adds more."
_DATASET = (
    "The data set: auto (what the model is for), a name of `list`, a folder, an .npz, a csv, or "
    "text:FILE."
)
_EPOCHS = "Epochs of each run, in place of the protocol's."
_MARGIN = "Equivalence margin: what differs by less counts as the same (3% or 0.03)."
_MODELS = "A name, a TOML file, 'catalog', or 'all': the four of MNIST, in certify every model."
_RESULTS = "The results folder [BENCHBENCH_RESULTS, else ./results]."
_STRICT = "Exit with 1 also for what is otherwise only reported: "

SomeBackends = Annotated[
    list[str] | None,
    typer.Option(
        "--backend",
        "-b",
        help="A backend, 'all' that are ready, a plugin in a file (my_backend.py), or BACKEND@ENV: "
        "that of another Python, virtual environment, or name in environments.toml.",
        callback=_announced,
    ),
]
SomeModels = Annotated[list[str] | None, typer.Option("--model", "-m", help=_MODELS)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, or a device's name.")]
SomeDevices = Annotated[
    list[str] | None,
    typer.Option("--device", help="auto, cpu, cuda, or a device's name; several side by side."),
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="CPU threads; without this as many as physical cores.")
]
Dataset = Annotated[str, typer.Option(help=_DATASET)]
OutcomeDataset = Annotated[str, typer.Option(help=_OUTCOME + _DATASET)]
Protocol = Annotated[Path | None, typer.Option(help="A TOML file with another training protocol.")]
CertifiedBatchSize = Annotated[
    int | None, typer.Option(min=1, help="Certify with this batch size, not the protocol's.")
]
Division = Annotated[
    str, typer.Option(help="A division, several (idiomatic,tuned), or 'all' that a backend has.")
]
Seed = Annotated[
    int,
    typer.Option(min=0, help="Seed of first weights and of shuffling; block b takes seed + b."),
]
Quick = Annotated[
    bool,
    typer.Option("--quick", help="Train on a tenth of the images, as a trial; gives no verdict."),
]
Blocks = Annotated[int, typer.Option(min=1, max=100_000, help=_BLOCKS)]
SeveralBlocks = Annotated[int, typer.Option(min=2, max=100_000, help=_BLOCKS)]
MostBlocks = Annotated[
    int, typer.Option(min=2, help="At most so many blocks, even if intervals are still wide.")
]
Until = Annotated[
    str | None,
    typer.Option(
        help="Add blocks until every confidence interval reaches at most this far to either side "
        "(2%), or, with 'verdict', until every ratio has a verdict."
    ),
]
Budget = Annotated[
    str | None,
    typer.Option(
        help="Add no block that would end after this time (90s, 2h); 30m where --until is given."
    ),
]
ExecutorName = Annotated[
    str, typer.Option(help="Where blocks run: local, slurm, dask, or what a plugin offers.")
]
ExecutorOptions = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|ADDRESS",
        help="A TOML file of options for Slurm; the address of a Dask scheduler.",
    ),
]
Detach = Annotated[
    bool, typer.Option("--detach", help="Exit once the blocks are submitted; they go on.")
]
IncludeHost = Annotated[
    bool, typer.Option("--include-host", help="Records hold the machine's name, not its hash.")
]
TheSession = Annotated[str, typer.Argument(metavar="SESSION", help="The id of a session.")]
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
SteadyEpochs = Annotated[
    str | None, typer.Option(help="Time more epochs, to so many after the first; or auto.")
]
Epochs = Annotated[int | None, typer.Option(min=1, help=_EPOCHS)]
OutcomeEpochs = Annotated[int | None, typer.Option(min=1, help=_OUTCOME + _EPOCHS)]
EpochsOfEach = Annotated[int, typer.Option(min=2, help=_EPOCHS)]
Save = Annotated[
    Path | None, typer.Option(help="Also write each certificate into this folder, as JSON.")
]
Renew = Annotated[bool, typer.Option("--renew", help="Certify anew what was certified before.")]
Networks = Annotated[
    list[str] | None,
    typer.Argument(
        help="Two to compare, original first: my_model.py:build, my.toml, a backend.",
        callback=_announced,
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
    str | None,
    typer.Option("--input", help="The shape of a sample, 28,28,1; for two networks."),
]
Seeds = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=10_000,
        help="How many seeds; default: 1, from --seed on; with --outcome 10, from 0 on.",
    ),
]
Outcome = Annotated[
    bool, typer.Option("--outcome", help="Test final metrics over --seeds; keep loss bands.")
]
Results = Annotated[Path | None, typer.Option(help=_RESULTS)]
OutcomeResults = Annotated[Path | None, typer.Option(help=_OUTCOME + _RESULTS)]
BaselineCell = Annotated[
    str | None, typer.Option(help="The baseline: keras, or 'keras tuned'; else the first by name.")
]
OneSession = Annotated[str | None, typer.Option(help="Only the runs of this session.")]
Timeout = Annotated[
    float,
    typer.Option(
        help="Seconds of work after which a run is given up.",
        callback=lambda value: quantities.time_limit(value, "--timeout"),
    ),
]
Margin = Annotated[str, typer.Option(help=_MARGIN)]
OutcomeMargin = Annotated[str | None, typer.Option(help=_OUTCOME + _MARGIN)]
Confidence = Annotated[str, typer.Option(help="Level of the confidence intervals: 95% or 0.95.")]
LostBlocks = Annotated[
    bool,
    typer.Option(
        "--allow-lost-blocks",
        help="Give a verdict also where runs failed or are missing, from the other blocks.",
    ),
]
StrictRecords = Annotated[
    bool, typer.Option("--strict", help=f"{_STRICT}a record that could not be read.")
]
StrictVerdicts = Annotated[
    bool, typer.Option("--strict", help=f"{_STRICT}a verdict that is UNDECIDED.")
]
TableFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="The format; text on a terminal, else markdown. Also latex, csv, json or html.",
        callback=known("format", "benchbench.report.formats", "Format"),
    ),
]
PageFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="The format; text on a terminal, else markdown.",
        callback=known("format of this command", "benchbench.report.formats", "PAGE_FORMATS"),
    ),
]
Wide = Annotated[bool, typer.Option("--wide", help="Every column, however wide the table gets.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="The file to write; its end (.html, .csv) tells the format. Without it the screen.",
        callback=writable,
    ),
]
Against = Annotated[
    str,
    typer.Option(
        "--against",
        help="A branch, tag or commit to compare this tree with, or BACKEND@ENV, or COMMIT@ENV.",
    ),
]
Certify = Annotated[
    bool, typer.Option(help="First certify each cell that has no valid certificate yet.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
