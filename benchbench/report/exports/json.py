"""Tables as JSON: everything the tables know, raw numbers, unknown is null, no NaN."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benchbench.report.table import Table
from benchbench.run.encoding import to_json

# 1: the first.
SCHEMA = 1


def export(tables: Sequence[Table]) -> str:
    """Return `{"schema": 1, "tables": [...]}`, indented; the fields are those of `Table`."""
    content = to_json({"schema": SCHEMA, "tables": list(tables)})
    return msgspec.json.format(content, indent=2).decode()
