"""Arrays of any rank in an npz: values and tokens, values and classes; what is refused."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from benchbench import (
    GRU,
    Dense,
    Embedding,
    Flatten,
    GlobalAvgPool1D,
    ModelSpec,
    Reshape,
    TrainingProtocol,
    task_of,
)
from benchbench.data import catalog, container
from benchbench.data.fit import misfit_of
from benchbench.data.targets import adapted, kind_of, misfit
from benchbench.errors import DataError
from benchbench.records import DatasetChoice

RANDOM = np.random.default_rng(5)
COUNTS = {"train": 60, "test": 20}


def normal(*shape):
    return {half: RANDOM.normal(size=(count, *shape)) for half, count in COUNTS.items()}


def whole(limit, *shape, kind=np.int64):
    return {
        half: (np.arange(count * int(np.prod(shape, initial=1))) % limit)
        .reshape(count, *shape)
        .astype(kind)
        for half, count in COUNTS.items()
    }


def model(shape, *layers, tokens=False):
    return ModelSpec("it", shape, layers, "int32" if tokens else "float32")


@pytest.fixture
def save(tmp_path):
    def _save(inputs, targets, **more):
        path = tmp_path / "mine.npz"
        arrays = {f"x_{half}": array for half, array in inputs.items()}
        np.savez(path, **arrays, **{f"y_{half}": one for half, one in targets.items()}, **more)
        return path

    return _save


WORDS = np.array(["ant", "bee", "cat"])
FIT = {
    "rows and a value": (normal(5), normal(), model((5,), Dense(1))),
    "rows and values": (normal(5), normal(3), model((5,), Dense(3))),
    "rows and classes": (normal(5), whole(3), model((5,), Dense(3, "softmax"))),
    "rows and names": (
        normal(5),
        {half: WORDS[one] for half, one in whole(3).items()},
        model((5,), Dense(3, "softmax")),
    ),
    "rows and one-hot": (
        normal(5),
        {half: np.eye(3)[one] for half, one in whole(3).items()},
        model((5,), Dense(3, "softmax")),
    ),
    "classes as floats": (normal(5), whole(3, kind=np.float32), model((5,), Dense(3, "softmax"))),
    "classes as floats for values": (normal(5), whole(3, kind=np.float32), model((5,), Dense(1))),
    "two classes, one output": (normal(5), whole(2), model((5,), Dense(1, "sigmoid"))),
    "several yes and no": (
        normal(5),
        {half: (array > 0).astype(int) for half, array in normal(4).items()},
        model((5,), Dense(4, "sigmoid")),
    ),
    "a sequence and a value": (normal(7, 2), normal(), model((7, 2), GRU(3), Dense(1))),
    "a sequence and a value at each step": (
        normal(7, 2),
        normal(7, 1),
        model((7, 2), Dense(3, "tanh"), Dense(1)),
    ),
    "images of any values": (
        normal(4, 4, 2),
        whole(3),
        model((4, 4, 2), Flatten(), Dense(3, "softmax")),
    ),
    "five axes": (
        normal(2, 2, 2, 3),
        whole(3),
        model((2, 2, 2, 3), Reshape((24,)), Dense(3, "softmax")),
    ),
    "bytes of images and a value": (
        whole(256, 4, 4, kind=np.uint8),
        normal(),
        model((4, 4, 1), Flatten(), Dense(1)),
    ),
    "tokens and classes": (
        whole(11, 6),
        whole(3),
        model((6,), Embedding(11, 4), GlobalAvgPool1D(), Dense(3, "softmax"), tokens=True),
    ),
    "tokens and the next token": (
        whole(300, 6),
        {half: one + 240 for half, one in whole(60).items()},
        model((6,), Embedding(300, 4), GRU(3), Dense(300, "softmax"), tokens=True),
    ),
    "tokens and a token at each step": (
        whole(11, 6, kind=np.int32),
        whole(11, 6, kind=np.int32),
        model((6,), Embedding(11, 4), Dense(11, "softmax"), tokens=True),
    ),
    "tokens and a value": (
        whole(11, 6),
        normal(),
        model((6,), Embedding(11, 4), GRU(3), Dense(1), tokens=True),
    ),
}


@pytest.mark.parametrize("what", FIT)
def test_what_goes_in_and_what_is_learnt_is_taken_as_it_is(save, what):
    inputs, targets, net = FIT[what]
    chosen = catalog.choose(str(save(inputs, targets)), {})
    task = task_of(net, TrainingProtocol())
    assert misfit_of(net, task, chosen) is None
    choice = msgspec.json.decode(msgspec.json.encode(chosen), type=DatasetChoice)
    dataset = catalog.load(choice, {}, net)
    assert misfit(net, task, net.input_shape, kind_of(dataset), "x", tokens=dataset.tokens) is None
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [48, 12, 20]
    assert dataset.train.inputs.dtype == (np.int32 if dataset.tokens else np.float32)
    if inputs["test"].dtype != np.uint8:
        np.testing.assert_array_equal(
            dataset.test.inputs, inputs["test"].astype(dataset.test.inputs.dtype)
        )
    learnt = adapted(dataset, task).test.targets
    assert learnt.shape == (20, *task.target_shape)
    assert learnt.dtype == (np.int64 if task.classes else np.float32)
    assert (task.classes is None) or learnt.max() < task.classes


def test_images_and_classes_keep_the_identity_of_idx_files(save):
    images, labels = whole(256, 4, 5, kind=np.uint8), whole(3)
    path = save(images, labels)
    content = container.read(path)
    expected = container.dataset_sha256(content.sha256, 12)
    assert catalog.choose(str(path), {}).sha256 == expected
    as_floats = {half: (one / 255).astype(np.float32) for half, one in images.items()}
    assert catalog.choose(str(save(as_floats, labels)), {}).sha256 == expected


def test_the_content_is_the_identity(save):
    inputs, targets = normal(5), normal()
    first = catalog.choose(str(save(inputs, targets)), {}).sha256
    assert catalog.choose(str(save(inputs, targets)), {}).sha256 == first
    inputs["test"][3, 2] += 1
    assert catalog.choose(str(save(inputs, targets)), {}).sha256 != first


def test_its_own_samples_for_validation_are_kept(save):
    path = save(normal(5), normal(), x_val=np.ones((7, 5)), y_val=np.ones(7))
    dataset = catalog.load(catalog.choose(str(path), {}), {})
    assert (len(dataset.train), len(dataset.validation)) == (60, 7)
    assert (dataset.validation.inputs == 1).all()


def test_large_inputs_are_taken_and_told(save):
    path = save({half: 1e4 * one for half, one in normal(5).items()}, normal())
    (remark,) = catalog.choose(str(path), {}).remarks
    assert "are taken as they are" in remark


def with_gap(array, gap):
    array = array.copy()
    array[4, 1] = gap
    return array


REFUSED = {
    "a gap": (
        {half: with_gap(one, np.nan) for half, one in normal(5).items()},
        normal(),
        r"x_train.*expected finite numbers.*at \(4, 1\) there is nan",
    ),
    "beyond float32": (
        {half: with_gap(one, 1e300) for half, one in normal(5).items()},
        normal(),
        r"float32's range, but at \(4, 1\)",
    ),
    "negative tokens": (
        {half: one - 1 for half, one in whole(5, 6).items()},
        whole(3),
        "run from -1 to 3; number them.*or save values as floats",
    ),
    "one number a sample": (normal(), normal(), r"x.reshape\(-1, 1\)"),
    "another shape for testing": (
        {"train": RANDOM.normal(size=(60, 5)), "test": RANDOM.normal(size=(20, 4))},
        normal(),
        "those for training as those for testing",
    ),
    "targets for fewer samples": (
        normal(5),
        {"train": RANDOM.normal(size=59), "test": RANDOM.normal(size=20)},
        "there are 60 samples and 59 targets",
    ),
    "a gap between the classes": (
        normal(5),
        {half: 2 * one for half, one in whole(3).items()},
        r"no training sample is of 1, 3.*y.astype\(np.float32\)",
    ),
    "another kind of targets": (
        normal(5),
        {"train": RANDOM.normal(size=(60, 2)), "test": RANDOM.normal(size=(20, 3))},
        "expected targets of one type and shape",
    ),
    "complex numbers": (
        {half: one.astype(complex) for half, one in normal(5).items()},
        normal(),
        "holds complex128",
    ),
    "rows of bytes": (whole(256, 12, kind=np.uint8), whole(3), r"x.reshape\(-1, HEIGHT, WIDTH\)"),
    "gaps in the targets": (
        normal(5),
        {half: with_gap(one, np.inf) for half, one in normal(3).items()},
        r"y_train.*at \(4, 1\) there is inf",
    ),
    "too few": (
        {"train": RANDOM.normal(size=(60, 5)), "test": RANDOM.normal(size=(4, 5))},
        {"train": RANDOM.normal(size=60), "test": RANDOM.normal(size=4)},
        "10 samples or more, but there are 4 samples",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_learnt_from_is_refused_with_the_cure(save, what):
    inputs, targets, words = REFUSED[what]
    with pytest.raises(DataError, match=words):
        catalog.choose(str(save(inputs, targets)), {})
