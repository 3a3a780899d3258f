"""A table of numbers, a csv file, as a data set: rows are samples, one column is the target.

The rows are shuffled once, always alike: a fifth of them is for testing, a fifth of the rest for
validation. Every feature is standardised by mean and deviation of the training rows; so is a target
that is no number of a class. What they were is in `Dataset.standardization` and in the record.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from benchbench.data.chosen import Chosen
from benchbench.data.dataset import Dataset, Split
from benchbench.data.targets import TargetKind
from benchbench.errors import DataError, nearest
from benchbench.files import read_text
from benchbench.records import Standardization

SUFFIX = ".csv"
_LARGEST_BYTES = 1 << 30
_FEWEST_ROWS = 20
_LARGEST_VALUE = float(np.finfo(np.float32).max)
# More classes than this are taken for counts of something.
_MOST_CLASSES = 100
_GAPS = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Table:
    """The numbers of a table, float64 (rows, columns); the last column is the target."""

    columns: tuple[str, ...]
    values: Numbers
    source: str

    @property
    def classes(self) -> int | None:
        """How many classes the target numbers, from 0 without a gap; None where it does not."""
        found = np.unique(self.values[:, -1])
        counts = 2 <= len(found) <= _MOST_CLASSES
        return len(found) if counts and (found == np.arange(len(found))).all() else None

    @property
    def sha256(self) -> str:
        """The identity: the names of the columns and the numbers, the target's last."""
        digest = hashlib.sha256("\n".join(["table 1", *self.columns, ""]).encode())
        digest.update(np.ascontiguousarray(self.values, "<f8").tobytes())
        return digest.hexdigest()


def read(path: Path, target: str | None = None) -> Table:
    """Read a table; `target` names the column to learn, by default the last one.

    Raises DataError, with the line, for what is no table of numbers.
    """
    try:
        rows = _rows(path, read_text(path, limit=_LARGEST_BYTES))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None
    names = [name.strip() for name in rows[0][1]] if rows else []
    _check_header(path, names)
    values = _numbers(path, names, rows[1:])
    place = _place(path, names, target)
    order = [*(index for index in range(len(names)) if index != place), place]
    columns = tuple(names[index] for index in order)
    return Table(columns, values[:, order], str(path))


def choose(location: Path, target: str | None, name: str) -> Chosen:
    """Read a table and say what it holds. Raises DataError."""
    table = read(location, target)
    learnt = table.values[:, -1]
    if (learnt == learnt[0]).all():
        raise DataError(
            f"{location}: expected a target that varies, but the column '{table.columns[-1]}' has "
            f"{learnt[0]:g} in every row: name the column to learn, {location.name}:COLUMN"
        )
    return msgspec.structs.replace(
        choice_of(table, name, f"the table {location}"), location=str(location), target=target
    )


def choice_of(table: Table, name: str, what: str) -> Chosen:
    """Return the choice of a table; `what` begins the sentence on what it holds."""
    classes, features = table.classes, len(table.columns) - 1
    return Chosen(
        name=name,
        sha256=table.sha256,
        note=(
            f"{what}: {len(table.values):,} rows, {features} features; "
            f"'{table.columns[-1]}' is learnt, {f'{classes} classes' if classes else 'a value'}; "
            f"the columns are standardised"
        ),
        input_shape=(features,),
        targets=TargetKind((1,), values=True, classes=classes, unit=classes == 2),
    )


def make(table: Table, name: str) -> Dataset:
    """Split and standardise a table."""
    order = np.random.default_rng(0).permutation(len(table.values))
    values = table.values[order]
    test_count = len(values) // 5
    validation_count = (len(values) - test_count) // 5
    train_count = len(values) - test_count - validation_count
    mean, scale = _standard(values[:train_count])
    if table.classes is not None:
        mean[-1], scale[-1] = 0, 1
    parts = np.split((values - mean) / scale, [train_count, train_count + validation_count])
    train, validation, test = (_split(part) for part in parts)
    return Dataset(
        name=name,
        train=train,
        validation=validation,
        test=test,
        classes=table.classes,
        sha256=table.sha256,
        source=table.source,
        standardization=Standardization(table.columns, tuple(mean.tolist()), tuple(scale.tolist())),
    )


def _standard(values: Numbers) -> tuple[Numbers, Numbers]:
    """Return the mean and the deviation of each column; of one that does not vary, its value and 1.

    Such a column must come out as zeros: computed, its deviation is that of rounding, not zero.
    """
    scale = values.std(axis=0)
    constant = (values == values[0]).all(axis=0) | (scale == 0)
    mean = np.where(constant, values[0], values.mean(axis=0))
    return mean, np.where(constant, 1.0, scale)


def _split(values: Numbers) -> Split:
    inputs = np.ascontiguousarray(values[:, :-1], np.float32)
    targets = np.ascontiguousarray(values[:, -1:], np.float32)
    inputs.flags.writeable = targets.flags.writeable = False
    return Split(inputs, targets)


def _rows(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """Return the rows that are not empty, each with the line that it begins in."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows, line = [], 1
    try:
        for row in reader:
            if row:
                rows.append((line, row))
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}, line {line}: expected a csv file, but {error}: close what is quoted"
        ) from None
    return rows


def _check_header(path: Path, names: Sequence[str]) -> None:
    if not names:
        raise DataError(f"{path}: expected a header row and rows of numbers, but it is empty")
    if any(_number(name) is not None for name in names):
        raise DataError(
            f"{path}, line 1: expected a header row, the names of the columns, but there are "
            f"numbers: {', '.join(names[:5])}; write a line of names above them"
        )
    if len(names) < 2:
        other = next((words for sign, words in _SEPARATORS.items() if sign in names[0]), None)
        cure = f"; save it with commas in the place of {other}" if other else ""
        raise DataError(
            f"{path}, line 1: expected two columns or more, features and a target, separated by "
            f"commas, but there is one: {names[0]!r:.60}{cure}"
        )
    if "" in names:
        raise DataError(
            f"{path}, line 1: expected a name for every column, but column "
            f"{names.index('') + 1} has none: write one; pandas leaves its row numbers out with "
            f"to_csv(index=False)"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"{path}, line 1: expected a name of its own for every column, but there are several "
            f"'{twice[0]}'"
        )


def _numbers(path: Path, names: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> Numbers:
    found = []
    for line, row in rows:
        if len(row) != len(names):
            raise DataError(
                f"{path}, line {line}: expected {len(names)} values, one a column, but there are "
                f"{len(row)}: a cell that holds a comma stands in quotes, decimals have a point"
            )
        found.append(
            [_value(path, line, name, cell) for name, cell in zip(names, row, strict=True)]
        )
    if len(found) < _FEWEST_ROWS:
        raise DataError(
            f"{path}: expected {_FEWEST_ROWS} rows of numbers or more, to train on some and to "
            f"test on others, but there are {len(found)}"
        )
    return np.array(found, np.float64)


def _value(path: Path, line: int, name: str, cell: str) -> float:
    if cell.strip().lower() in _GAPS:
        raise DataError(
            f"{path}, line {line}: expected a number in the column '{name}', but there is a gap "
            f"({cell.strip()!r}): fill it, or take the row or the column out"
        )
    value = _number(cell)
    if value is None or not abs(value) <= _LARGEST_VALUE:
        cure = (
            "scale the column"
            if value is not None
            else "write numbers as 1234.5, without units or separators of thousands, categories "
            "as numbers (classes from 0)"
        )
        raise DataError(
            f"{path}, line {line}: expected a finite number in float32's range in the column "
            f"'{name}', but it is {cell.strip()!r:.60}: {cure}, or take the "
            "row or the column out"
        )
    return value


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _place(path: Path, names: Sequence[str], target: str | None) -> int:
    if target is None:
        return len(names) - 1
    if target not in names:
        raise DataError(
            f"{path}: there is no column '{target}'{nearest(target, names)} (it has "
            f"{', '.join(names)})"
        )
    return names.index(target)


def parse(name: str) -> tuple[Path, str | None] | None:
    """Return file and column of "housing.csv" or "housing.csv:price"; None for another name."""
    if name.lower().endswith(SUFFIX):
        return Path(name), None
    path, colon, target = name.rpartition(":")
    if colon and path.lower().endswith(SUFFIX):
        return Path(path), target
    return None
