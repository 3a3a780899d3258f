"""Texts: what is cut, what is learnt, what is refused; and the one that every Python holds."""

from __future__ import annotations

import re

import msgspec
import numpy as np
import pytest

from benchbench import GRU, Dense, Embedding, Flatten, ModelSpec, TrainingProtocol, task_of
from benchbench.data import catalog, text, unicode_names
from benchbench.data.fit import misfit_of
from benchbench.data.targets import kind_of, misfit
from benchbench.errors import DataError, UsageError
from benchbench.records import DatasetChoice

SENTENCE = "The quick brown fox jumps over the lazy dog.\n"


def reader(steps=8, characters=40, *, every=False):
    """Return a model that reads so many characters and predicts the next, or one at each step."""
    layers = (
        Embedding(characters, 4),
        GRU(3, return_sequences=every),
        Dense(characters, "softmax"),
    )
    return ModelSpec("reader", (steps,), layers, "int32")


@pytest.fixture
def novel(tmp_path):
    path = tmp_path / "Novel.txt"
    path.write_text(SENTENCE * 40, encoding="utf-8")
    return path


@pytest.mark.parametrize("every", [False, True])
def test_the_next_character_is_learnt(novel, every):
    chosen = catalog.choose(f"text:{novel}", {})
    assert chosen.name == "text:novel"
    model = reader(every=every)
    assert misfit_of(model, task_of(model, TrainingProtocol()), chosen) is None
    dataset = catalog.load(chosen, {}, model)
    assert dataset.characters == "".join(sorted(set(SENTENCE)))
    whole = [dataset.characters.index(one) for one in SENTENCE * 40]
    pieces = np.split(np.array(whole), [len(whole) * 8 // 10, len(whole) * 9 // 10])
    for piece, split in zip(pieces, (dataset.train, dataset.validation, dataset.test), strict=True):
        assert len(split) == len(piece) - 8
        assert (split.inputs.dtype, split.targets.dtype) == (np.int32, np.int64)
        for place in (0, len(split) - 1):
            np.testing.assert_array_equal(split.inputs[place], piece[place : place + 8])
            behind = piece[place + 1 : place + 9] if every else piece[place + 8]
            np.testing.assert_array_equal(split.targets[place], behind)
    task = task_of(model, TrainingProtocol())
    assert misfit(model, task, (8,), kind_of(dataset), "x", tokens=dataset.tokens) is None


def test_a_long_text_leaves_no_character_out(monkeypatch, novel):
    monkeypatch.setattr(text, "_MOST_WINDOWS", 50)
    read = text.read(novel)
    for steps, stride in ((8, 8), (100, 27)):
        train = text.make(read, "x", reader(steps)).train
        starts = np.arange(0, len(read.tokens) * 8 // 10 - steps, stride)
        assert len(train) == len(starts)
        np.testing.assert_array_equal(
            train.inputs[-1], read.tokens[starts[-1] : starts[-1] + steps]
        )


@pytest.mark.parametrize("quick", [False, True])
def test_a_choice_is_found_again_and_a_change_is_told(novel, quick):
    chosen = catalog.choose(f"text:{novel}", {}, quick=quick)
    again = catalog.choose(catalog.name_to_choose(chosen, ()), {}, quick=quick)
    assert again == msgspec.structs.replace(chosen, note=again.note)
    # As it reaches the worker: over JSON.
    choice = msgspec.json.decode(msgspec.json.encode(chosen), type=DatasetChoice)
    assert catalog.load(choice, {}, reader()).sha256 == chosen.sha256
    novel.write_text(SENTENCE * 41)
    with pytest.raises(DataError, match="has changed since it was chosen"):
        catalog.load(choice, {}, reader())


def test_the_name_and_the_place_are_no_part_of_the_identity(novel, tmp_path):
    other = tmp_path / "elsewhere.md"
    other.write_bytes(b"\xef\xbb\xbf" + novel.read_bytes())
    found = [catalog.choose(f"text:{path}", {}).sha256 for path in (novel, other)]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"abc", "expected a text of 100 characters or more.* it has 3: take a longer one"),
        (b"", "it has 0"),
        (b"a" * 500, "expected a text of different characters, but all are 'a'"),
        (bytes(range(256)) * 8, "zero byte|none of it: is it a binary file"),
        ("Käse ".encode("latin-1") * 99, "the byte at 1 is none of it.*saved anew as UTF-8"),
        (b"text \0 and more of it " * 9, "a zero byte at 5: it is a binary file"),
    ],
)
def test_what_is_no_text_is_refused_with_the_cure(tmp_path, content, words):
    path = tmp_path / "it.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        catalog.choose(f"text:{path}", {})


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (reader(characters=20), r"knows 20 tokens, but 'text:novel' has 30: write vocabulary = 30"),
        (
            ModelSpec("few", (8,), (Embedding(40, 4), GRU(3), Dense(20, "softmax")), "int32"),
            "tells 20 classes apart, but 'text:novel' has 30",
        ),
        (reader(steps=180), r"a tenth of the text.* has 180: .*1,810 characters.*= \[179\]"),
        (
            ModelSpec("rows", (8,), (Dense(40, "softmax"),)),
            'write input_type = "int32" and begin the model with an Embedding of 30 tokens',
        ),
        (
            ModelSpec("value", (8,), (Embedding(40, 4), GRU(3), Dense(1)), "int32"),
            "learns MeanSquaredError of .* values, but the targets of 'text:novel' are 30 classes",
        ),
    ],
)
def test_a_model_that_does_not_take_the_text_is_told_the_cure(novel, model, words):
    chosen = catalog.choose(f"text:{novel}", {})
    told = misfit_of(model, task_of(model, TrainingProtocol()), chosen)
    assert told is not None
    assert re.search(words, told), told


def test_tokens_go_into_no_model_of_values_and_the_other_way_round(novel):
    images = ModelSpec("images", (28, 28, 1), (Flatten(), Dense(10, "softmax")))
    told = misfit(reader(), task_of(reader(), TrainingProtocol()), (28, 28, 1), None, "mnist")
    assert told is not None
    assert "takes tokens, but the inputs of 'mnist' are values of shape (28, 28, 1)" in told
    assert "--dataset text:FILE" in told
    chosen = catalog.choose(f"text:{novel}", {})
    assert misfit_of(images, task_of(images, TrainingProtocol()), chosen)
    with pytest.raises(UsageError, match="are tokens, which no network gives back as values"):
        catalog.choose(f"text:{novel}:autoencoder", {})


def test_the_names_of_unicode_are_the_same_in_every_python():
    read = unicode_names.read()
    assert read.sha256 == unicode_names.SHA256
    first = unicode_names._text().splitlines()
    assert "LATIN SMALL LETTER A" in first
    assert len(first) == len(set(first))
    assert len(read.characters) <= 40


def test_other_names_are_refused(monkeypatch):
    monkeypatch.setattr(unicode_names, "_END", 0x1000)
    with pytest.raises(DataError, match=r"not those of Unicode 3\.2: expected SHA-256"):
        catalog.choose("unicode-names", {})
