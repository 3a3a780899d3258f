"""Arrays in an npz, as people have them: what is taken, for which model, and what is refused."""

from __future__ import annotations

import numpy as np

from benchbench import GRU, Dense, Embedding, Flatten, GlobalAvgPool1D, ModelSpec, Reshape

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


def one_hot(kinds, *shape, kind=np.float32):
    return {half: np.eye(kinds)[array].astype(kind) for half, array in whole(kinds, *shape).items()}


def model(shape, *layers, tokens=False):
    return ModelSpec("it", shape, layers, "int32" if tokens else "float32")


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
    "rows and one-hot": (normal(5), one_hot(3), model((5,), Dense(3, "softmax"))),
    "rows and more classes than a byte numbers": (
        {half: array.repeat(10, axis=0) for half, array in normal(5).items()},
        {half: np.arange(10 * count) % 300 for half, count in COUNTS.items()},
        model((5,), Dense(300, "softmax")),
    ),
    "a sequence and a class at each step, one-hot": (
        normal(7, 2),
        one_hot(3, 7),
        model((7, 2), Dense(3, "softmax")),
    ),
    "a sequence and a name at each step": (
        normal(7, 2),
        {half: WORDS[one] for half, one in whole(3, 7).items()},
        model((7, 2), Dense(3, "softmax")),
    ),
    **{
        f"a one-hot sequence of {kind} and classes": (
            one_hot(5, 7, kind=kind),
            whole(3),
            model((7, 5), GRU(3), Dense(3, "softmax")),
        )
        for kind in ("float32", "float64", "bool", "uint8", "int64")
    },
    "a one-hot sequence and a value": (one_hot(5, 7), normal(), model((7, 5), GRU(3), Dense(1))),
    "a one-hot board and classes": (
        one_hot(5, 3, 3, kind=np.uint8),
        whole(3),
        model((3, 3, 5), Flatten(), Dense(3, "softmax")),
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
        "of one type and shape, numbers or names",
    ),
    "complex numbers": (
        {half: one.astype(complex) for half, one in normal(5).items()},
        normal(),
        "holds complex128",
    ),
    "rows of bytes": (
        whole(256, 12, kind=np.uint8),
        whole(3),
        r"images with `x = x.reshape\(-1, HEIGHT, WIDTH\)`.*tokens with `x = x.astype\(np.int32\)`",
    ),
    "tokens for training, values for testing": (
        {"train": whole(9, 6)["train"], "test": whole(9, 6, kind=float)["test"]},
        whole(3),
        "x_test.*but they are values, float64, and those for training tokens, int64",
    ),
    "bytes for training, values for testing": (
        {"train": whole(256, 4, 4, kind=np.uint8)["train"], "test": normal(4, 4)["test"]},
        normal(),
        "x_test.*but they are values, float64, and those for training images, uint8",
    ),
    "numbers for training, names for testing": (
        normal(5),
        {"train": whole(3)["train"], "test": WORDS[whole(3)["test"]]},
        "y_test.*one type and shape, numbers or names.*it holds <U3",
    ),
    "complex targets for testing": (
        normal(5),
        {"train": normal()["train"], "test": normal()["test"].astype(complex)},
        "y_test.*it holds complex128",
    ),
    "a single target": (
        normal(5),
        {half: np.float64(2.5) for half in COUNTS},
        r"y_test.*it holds float64 of shape \(\)",
    ),
    "targets of no columns": (normal(5), normal(0), r"its shape is \(60, 0\)"),
    "large whole numbers as targets": (
        normal(5),
        {half: one + 10**9 for half, one in whole(50).items()},
        r"y_train.*values are saved as floats",
    ),
    "prices as whole numbers": (
        normal(5),
        {half: 1000 * one + 500 for half, one in whole(50).items()},
        r"no training sample is of 0, 1, .*y.astype\(np.float32\)",
    ),
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


UNFIT_FOR_VALIDATION = {
    "no targets": ({"x_val": np.ones((7, 5))}, "expected both inputs and targets for validation"),
    "none": ({"x_val": np.ones((0, 5)), "y_val": np.ones(0)}, "at least one of each"),
    "another type": ({"x_val": np.ones((7, 5), int), "y_val": np.ones(7)}, "in one type"),
    "names": ({"x_val": np.ones((7, 5)), "y_val": WORDS[[0, 1] * 3]}, "in one type"),
    "another shape": ({"x_val": np.ones((7, 4)), "y_val": np.ones(7)}, "train and val differ"),
}
