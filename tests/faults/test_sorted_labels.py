"""Labels that come class by class: what is not trained is refused, what is spoilt is told."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from benchbench.data import arrays as saved
from benchbench.data import catalog, container, splits
from benchbench.data.dataset import DatasetInfo
from benchbench.errors import DataError

RANDOM = np.random.default_rng(3)
IMAGES = {
    "x_train": RANDOM.integers(0, 256, (60, 4, 5), np.uint8),
    "x_test": RANDOM.integers(0, 256, (20, 4, 5), np.uint8),
}
LABELS = {"y_train": np.arange(60) % 3, "y_test": np.arange(20) % 3}


def choose_sorted(tmp_path, classes, *, test=None, quick=False, count=600):
    labels = np.sort(np.arange(count) % classes)
    images = RANDOM.integers(0, 256, (count, 4, 5), np.uint8)
    path = tmp_path / "sorted.npz"
    tested = LABELS["y_test"] % classes if test is None else test
    np.savez(path, x_train=images, y_train=labels, x_test=images[: len(tested)], y_test=tested)
    return catalog.choose(str(path), {}, quick=quick)


def test_sorted_labels_whose_last_classes_are_not_trained_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"none of classes 8, 9: are the labels sorted\?.*permutat"):
        choose_sorted(tmp_path, 10, test=np.arange(20) % 10)
    with pytest.raises(DataError, match=r"left by --quick, but there is none of classes 1, 2"):
        choose_sorted(tmp_path, 3, quick=True, test=np.arange(60) % 3)


def test_sorted_labels_that_spoil_the_validation_are_told(tmp_path):
    chosen = choose_sorted(tmp_path, 3)
    (remark,) = chosen.remarks
    assert remark.startswith("validation has no sample of classes 0, 1: are the labels sorted?")
    assert "classes" not in "".join(choose_sorted(tmp_path, 2, count=20).remarks), "too few to tell"


def test_a_plugin_s_sorted_labels_are_refused_too(tmp_path):
    whole = splits.split(
        container.Content(
            {
                "train-images": IMAGES["x_train"],
                "train-labels": np.sort(LABELS["y_train"]).astype(np.uint8),
                "t10k-images": IMAGES["x_test"],
                "t10k-labels": LABELS["y_test"].astype(np.uint8),
            },
            dict.fromkeys(container.PARTS, ""),
        ),
        name="theirs",
        validation_count=20,
        source="a plugin",
    )
    with pytest.raises(DataError, match=r"'theirs': expected every class .* none of class 2"):
        catalog.choose("theirs", {"theirs": DatasetInfo("theirs", lambda _: whole)})


def test_a_remark_goes_with_the_choice_into_the_session(tmp_path):
    from stage import make_session

    chosen = choose_sorted(tmp_path, 3)
    session = msgspec.structs.replace(make_session("numpy"), dataset=chosen)
    (run,) = session.block(0)[0].runs
    assert run.request.dataset.remarks == chosen.remarks


def test_label_numbers_have_a_type_of_their_own():
    train, test, _ = saved.as_labels(np.array([1, 2]), np.array([2]), "x")
    assert (train.dtype, train.tolist(), test.tolist()) == (np.uint8, [0, 1], [1])
