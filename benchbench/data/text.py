"""A text as a data set: its characters are tokens, and the next character is learnt.

The first eight tenths of the text are for training, a tenth for validation, the last for testing.
Each piece is cut into windows of as many characters as the model has steps. A model with an output
at each step learns the next character at each step, another the one behind the window.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchbench.data.chosen import Chosen
from benchbench.data.dataset import Dataset, Split
from benchbench.data.targets import TargetKind
from benchbench.errors import DataError
from benchbench.files import read_file
from benchbench.spec.model import ModelSpec
from benchbench.spec.variables import Shape

_LARGEST_BYTES = 1 << 28
_FEWEST_CHARACTERS = 100
# Windows begin at every character where that makes no more of them than this, else further apart,
# but never so far that a character is in none.
_MOST_WINDOWS = 10_000
# The way of cutting; another one is another number.
_RECIPE = f"text 1: pieces 8 1 1, windows {_MOST_WINDOWS}"

Tokens = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Text:
    """A text: `tokens`, int32 (n,), are the places of its characters in `characters`, sorted."""

    characters: str
    tokens: Tokens
    sha256: str
    source: str


def read(path: Path) -> Text:
    """Read a text in UTF-8. Raises DataError, with the cure, for what is none or too short."""
    try:
        content = read_file(path, limit=_LARGEST_BYTES)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: expected a text in UTF-8, but the byte at {error.start:,} is none of it: is "
            f"it a binary file? A text in another encoding is saved anew as UTF-8"
        ) from None
    if (place := text.find("\0")) >= 0:
        raise DataError(
            f"{path}: expected a text, but there is a zero byte at {place:,}: it is a binary file; "
            f"name a text"
        )
    return make_text(text, str(path))


def make_text(text: str, source: str) -> Text:
    """Return the characters of a text as tokens. Raises DataError for too few of them."""
    codes = np.frombuffer(text.encode("utf-32-le"), "<u4")
    if len(codes) < _FEWEST_CHARACTERS:
        raise DataError(
            f"{source}: expected a text of {_FEWEST_CHARACTERS} characters or more, to train on "
            f"some and to test on others, but it has {len(codes)}: take a longer one"
        )
    kinds, tokens = np.unique(codes, return_inverse=True)
    if len(kinds) < 2:
        raise DataError(
            f"{source}: expected a text of different characters, but all are {chr(kinds[0])!r}: "
            f"there is nothing to learn"
        )
    own = hashlib.sha256(text.encode()).hexdigest()
    return Text(
        characters="".join(map(chr, kinds.tolist())),
        tokens=tokens.astype(np.int32),
        sha256=hashlib.sha256(f"{_RECIPE} of {own}\n".encode()).hexdigest(),
        source=source,
    )


def choose(text: Text, name: str, location: Path | None) -> Chosen:
    """Return the choice of a text: shapes and targets are those of each model."""
    return Chosen(
        name=name,
        location=None if location is None else str(location),
        sha256=text.sha256,
        note=(
            f"the text {text.source}: {len(text.tokens):,} characters, {len(text.characters)} "
            f"different ones; the next character is learnt"
        ),
        tokens=len(text.characters),
        length=len(text.tokens),
    )


def input_shape(model: ModelSpec) -> Shape:
    """Return the shape of a sample for a model: its steps."""
    return model.input_shape[:1]


def target_kind(model: ModelSpec, count: int) -> TargetKind:
    """Return what a model learns of a text with so many different characters."""
    return TargetKind(model.output_shape[:-1] and input_shape(model), classes=count)


def shortage(model: ModelSpec, length: int) -> str | None:
    """Return why a text of so many characters is too short for a model's steps, or None."""
    steps = model.input_shape[0]
    least = min(len(piece) for piece in np.split(np.empty(length, bool), _ends(length)))
    if least > steps:
        return None
    return (
        f"the model '{model.name}' takes {steps} characters and learns the next, but a tenth of "
        f"the text, which is kept for testing, has {least}: take a longer text, of "
        f"{10 * (steps + 1):,} characters or more, or write input_shape = [{max(1, least - 1)}]"
    )


def make(text: Text, name: str, model: ModelSpec) -> Dataset:
    """Cut a text for a model. Raises DataError where a piece has no window."""
    if told := shortage(model, len(text.tokens)):
        raise DataError(told)
    every_step = bool(model.output_shape[:-1])
    pieces = np.split(text.tokens, _ends(len(text.tokens)))
    train, validation, test = (
        _windows(piece, model.input_shape[0], every_step=every_step) for piece in pieces
    )
    return Dataset(
        name=name,
        train=train,
        validation=validation,
        test=test,
        classes=len(text.characters),
        sha256=text.sha256,
        source=text.source,
        tokens=len(text.characters),
        characters=text.characters,
    )


def _ends(length: int) -> tuple[int, int]:
    """Return where the pieces for training and for validation end."""
    return length * 8 // 10, length * 9 // 10


def _windows(piece: Tokens, steps: int, *, every_step: bool) -> Split:
    """Return the windows of a piece, and behind each, or behind each step, the next character."""
    count = len(piece) - steps
    stride = min(math.ceil(count / _MOST_WINDOWS), steps)
    windows = np.lib.stride_tricks.sliding_window_view(piece, steps + 1)[::stride]
    inputs = np.ascontiguousarray(windows[:, :-1], np.int32)
    targets = np.ascontiguousarray(windows[:, 1:] if every_step else windows[:, -1], np.int64)
    inputs.flags.writeable = targets.flags.writeable = False
    return Split(inputs, targets)
