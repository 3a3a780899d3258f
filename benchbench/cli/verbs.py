"""The command line as typer knows it: every verb under its name."""

from __future__ import annotations

from collections.abc import Callable

import typer

from benchbench.cli import (
    certify,
    compare,
    conform,
    data,
    describe,
    doctor,
    export,
    gate,
    list_,
    new_backend,
    plot,
    report,
    results,
    run,
    selftest,
)
from benchbench.cli.groups import SHORT_HELP, Verbs, common_options

VERBS: dict[str, Callable[..., None]] = {
    "run": run.run,
    "compare": compare.compare,
    "report": report.report,
    "plot": plot.plot,
    "export": export.export,
    "certify": certify.certify,
    "list": list_.list_,
    "describe": describe.describe,
    "doctor": doctor.doctor,
    "selftest": selftest.selftest,
    "new-backend": new_backend.new_backend,
    "conform": conform.conform,
    "gate": gate.gate,
}

app = typer.Typer(
    name="benchbench",
    cls=Verbs,
    callback=common_options,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data.app, name="data", short_help="The data sets: status, fetch, verify.")
app.add_typer(results.app, name="results", short_help="Saved records: pack, unpack, verify.")
for name, verb in VERBS.items():
    app.command(name, short_help=SHORT_HELP[name])(verb)
