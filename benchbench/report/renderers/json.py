"""What reports are made of, as JSON: everything there is, raw numbers, unknown is null, no NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from benchbench.run.encoding import to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchbench.compare.tables import Table

# Of the tables. 1: the first.
SCHEMA = 1


def render(content: Any, *, indent: int = 1) -> str:
    """Return a result, or a sequence of them, indented; texts that no file can hold are escaped."""
    return msgspec.json.format(to_json(content), indent=indent).decode()


def render_tables(tables: Sequence[Table]) -> str:
    """Return `{"schema": 1, "tables": [...]}`; the fields are those of `Table`."""
    return render({"schema": SCHEMA, "tables": list(tables)}, indent=2)
