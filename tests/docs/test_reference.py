"""The reference page and the JSON Schema are what the types make of them."""

from __future__ import annotations

import json

import reference

from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.report import tables
from benchbench.report.formats import Format, render

AGAIN = f"the types have changed: run `{reference.COMMAND}` and commit what it writes"


def test_the_page_is_made_from_the_types():
    assert (reference.DOCS / "reference.md").read_text() == reference.page(), AGAIN


def test_the_page_of_options_is_made_from_the_command_line():
    assert (reference.DOCS / "commands.md").read_text() == reference.commands(), AGAIN


def test_the_schema_is_made_from_the_types_and_names_what_is_printed():
    written = (reference.DOCS / "report.schema.json").read_text()
    assert written == reference.schema(), AGAIN
    printed = json.loads(render(compare([], Question()), Format.JSON, tables.build))
    assert printed.keys() == json.loads(written)["$defs"]["Answer"]["properties"].keys()
