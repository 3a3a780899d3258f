"""Tables of numbers, synthetic samples, inputs as targets: what is learnt, and what is refused."""

from __future__ import annotations

import re

import msgspec
import numpy as np
import pytest

from benchbench import Dense, Flatten, ModelSpec, TrainingProtocol, task_of
from benchbench.data import catalog, synthetic, table
from benchbench.data.targets import TargetKind, adapted, kind_of, misfit
from benchbench.errors import DataError, UsageError

ROWS = ModelSpec("rows", (2,), (Dense(1),))
CLASSES = ModelSpec("classes", (2,), (Dense(3, "softmax"),))
PIXELS = ModelSpec("pixels", (28, 28, 1), (Flatten(), Dense(784, "sigmoid")))


def write(path, target=lambda index: index / 7, rows=40, header="size,age,price"):
    lines = [f"{index},{index * index % 11},{target(index)}" for index in range(rows)]
    path.write_text("\n".join([header, *lines]))
    return path


def test_a_column_of_values_is_learnt_standardised(tmp_path):
    path = write(tmp_path / "housing.csv")
    chosen = catalog.choose(str(path), {})
    assert (chosen.name, chosen.input_shape, chosen.targets.classes) == ("housing", (2,), None)
    dataset = catalog.load(chosen, {}, ROWS)
    assert [len(one) for one in (dataset.train, dataset.validation, dataset.test)] == [26, 6, 8]
    np.testing.assert_allclose(dataset.train.inputs.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(dataset.train.targets.std(), 1, atol=1e-6)
    scaled = dataset.standardization
    assert scaled.columns == ("size", "age", "price")
    first = dataset.train.targets[0, 0] * scaled.scale[2] + scaled.mean[2]
    assert np.isclose(first * 7, round(first * 7), atol=1e-4)
    assert misfit(ROWS, task_of(ROWS, TrainingProtocol()), (2,), kind_of(dataset), "x") is None


def test_a_column_that_does_not_vary_in_training_comes_out_as_zeros(tmp_path):
    path = tmp_path / "constant.csv"
    rows = [f"0.1,{index * index % 11},{index / 7}" for index in range(1000)]
    path.write_text("\n".join(["same,age,price", *rows]))
    dataset = catalog.load(catalog.choose(str(path), {}), {}, ROWS)
    assert not dataset.train.inputs[:, 0].any()
    assert not dataset.test.inputs[:, 0].any()
    assert (dataset.standardization.mean[0], dataset.standardization.scale[0]) == (0.1, 1.0)


def test_the_test_rows_have_no_part_in_the_standard(tmp_path):
    path = write(tmp_path / "housing.csv", rows=100)
    plain = table.read(path)
    place = np.random.default_rng(0).permutation(100)[-1]
    changed = plain.values.copy()
    changed[place] = 1e6
    before = table.make(plain, "x")
    after = table.make(table.Table(plain.columns, changed, plain.source), "x")
    assert before.standardization == after.standardization
    assert after.test.inputs[-1].min() > 1e3


def test_a_column_of_classes_goes_to_a_softmax_as_numbers(tmp_path):
    path = write(tmp_path / "kinds.csv", lambda index: index % 3)
    dataset = catalog.load(catalog.choose(str(path), {}), {}, CLASSES)
    task = task_of(CLASSES, TrainingProtocol())
    assert misfit(CLASSES, task, (2,), kind_of(dataset), "kinds") is None
    targets = adapted(dataset, task).train.targets
    assert (targets.dtype, targets.shape, set(targets)) == (np.int64, (26,), {0, 1, 2})


def test_a_named_column_is_the_target(tmp_path):
    path = write(tmp_path / "housing.csv")
    chosen = catalog.choose(f"{path}:size", {})
    assert chosen.target == "size"
    assert catalog.load(chosen, {}, ROWS).standardization.columns == ("age", "price", "size")
    assert chosen.sha256 != catalog.choose(str(path), {}).sha256
    with pytest.raises(DataError, match="no column 'sise', did you mean 'size'"):
        catalog.choose(f"{path}:sise", {})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda lines: [lines[0], "1,,2", *lines[1:]],
            "line 2: .*'age', but there is a gap",
        ),
        (lambda lines: [*lines[:3], "1,red,2", *lines[3:]], "line 4: .*'age', but it is 'red'"),
        (lambda lines: [*lines[:3], "1,inf,2", *lines[3:]], "'inf': scale the column"),
        (
            lambda lines: [*lines[:3], "1,1e39,2", *lines[3:]],
            "line 4: .*float32's range.*'age', but",
        ),
        (lambda lines: [*lines[:3], "1,2", *lines[3:]], "line 4: expected 3 values"),
        (lambda lines: lines[1:], "line 1: expected a header row"),
        (lambda lines: [line.split(",")[0] for line in lines], "expected two columns or more"),
        (lambda lines: lines[:9], "expected 20 rows of numbers or more"),
        (lambda lines: ["size,age,age", *lines[1:]], "a name of its own"),
        (lambda lines: [f",{line}" for line in lines], r"column 1 has none.*index=False"),
        (lambda lines: [line.replace(",", ";") for line in lines], "in the place of semicolons"),
        (lambda lines: [*lines[:3], '"1,234.5",1,2', *lines[3:]], "4: .*separators of thousands"),
        (lambda lines: [*lines[:3], "1_000,1,2", *lines[3:]], "4: .*separators of thousands"),
        (lambda lines: [*lines[:3], '"1\n2",1,2', *lines[3:]], "line 4: .*finite number"),
        (lambda lines: ["", *lines[:3], '"1\n2",x', *lines[3:]], "line 5: expected 3 values"),
        (lambda lines: [*lines[:3], '"1,1,2', *lines[3:]], "line 4: expected a csv file, but"),
        (lambda _: [], "it is empty"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused_with_its_line(tmp_path, change, words):
    path = write(tmp_path / "housing.csv")
    path.write_text("\n".join(change(path.read_text().split("\n"))))
    with pytest.raises(DataError, match=words):
        table.read(path)


def test_a_target_that_does_not_vary_is_refused(tmp_path):
    path = write(tmp_path / "housing.csv", lambda _: 0.1)
    with pytest.raises(DataError, match=r"target that varies, .*'price' has 0.1 .*housing.csv:COL"):
        catalog.choose(str(path), {})


@pytest.mark.parametrize(
    ("wanted", "quick"),
    [
        ("FILE", False),
        ("FILE:size", True),
        ("FILE:size:autoencoder", True),
        ("digits:autoencoder", True),
        ("synthetic", True),
    ],
)
def test_a_choice_is_found_again_by_its_name(tmp_path, wanted, quick):
    path = str(write(tmp_path / "housing.csv"))
    chosen = catalog.choose(wanted.replace("FILE", path), {}, quick=quick)
    again = catalog.choose(catalog.name_to_choose(chosen, ()), {}, quick=quick)
    assert again == msgspec.structs.replace(chosen, note=again.note)


def test_synthetic_samples_have_the_shapes_of_any_model():
    chosen = catalog.choose("synthetic", {})
    for model in (ROWS, CLASSES):
        dataset = catalog.load(chosen, {}, model)
        assert len(dataset.train) == synthetic.TRAIN_COUNT
        task = task_of(model, TrainingProtocol())
        assert misfit(model, task, model.input_shape, kind_of(dataset), "synthetic") is None
    with pytest.raises(UsageError, match="leave ':autoencoder' out"):
        catalog.choose("synthetic:autoencoder", {})


def test_an_autoencoder_learns_its_inputs(tmp_path):
    path = write(tmp_path / "housing.csv")
    chosen = catalog.choose(f"{path}:autoencoder", {})
    dataset = catalog.load(chosen, {}, ROWS)
    assert chosen.name == dataset.name == "housing:autoencoder"
    np.testing.assert_array_equal(dataset.test.targets, dataset.test.inputs)
    assert chosen.targets.shape == (2,)


@pytest.mark.parametrize(
    ("model", "dataset", "words"),
    [
        (PIXELS, "digits", "take --dataset digits:autoencoder"),
        (ROWS, "digits", r"write input_shape = \[28, 28, 1\]"),
    ],
)
def test_a_model_that_does_not_take_the_data_is_told_the_cure(model, dataset, words):
    told = misfit(
        model, task_of(model, TrainingProtocol()), (28, 28, 1), TargetKind((), classes=10), dataset
    )
    assert re.search(words, told), told


def test_values_beyond_probabilities_are_told_a_linear_output():
    model = ModelSpec("one", (2,), (Dense(1, "sigmoid"),))
    values = TargetKind((1,), values=True)
    told = misfit(model, task_of(model, TrainingProtocol()), (2,), values, "housing")
    assert "need a linear output layer and the loss MeanSquaredError" in told
