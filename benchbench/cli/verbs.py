"""The verbs of `benchbench`: each has its file; here they get their names."""

from __future__ import annotations

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

app = typer.Typer(
    name="benchbench",
    help="Which framework trains my network faster here, and do they even train the same thing?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run.run)
app.command("certify")(certify.certify)
app.command("list")(list_.list_)
app.command("describe")(describe.describe)
app.command("compare")(compare.compare)
app.command("report")(report.report)
app.command("plot")(plot.plot)
app.command("export")(export.export)
app.command("gate")(gate.gate)
app.add_typer(data.app, name="data", help="The data sets: status, fetch, verify.")
app.add_typer(results.app, name="results", help="Saved records: pack, unpack, verify.")
app.command("selftest")(selftest.selftest)
app.command("doctor")(doctor.doctor)
app.command("conform")(conform.conform)
app.command("new-backend")(new_backend.new_backend)
