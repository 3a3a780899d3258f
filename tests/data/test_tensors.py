"""Arrays of any rank in an npz: values and tokens, values and classes; what is refused."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from benchbench import TrainingProtocol, task_of
from benchbench.data import catalog, container
from benchbench.data.fit import misfit_of
from benchbench.data.targets import adapted, kind_of, misfit
from benchbench.errors import DataError
from benchbench.records import DatasetChoice
from tests.data.npz_cases import FIT, REFUSED, UNFIT_FOR_VALIDATION, normal, whole


@pytest.fixture
def save(tmp_path):
    def _save(inputs, targets, **more):
        path = tmp_path / "mine.npz"
        arrays = {f"x_{half}": array for half, array in inputs.items()}
        np.savez(path, **arrays, **{f"y_{half}": one for half, one in targets.items()}, **more)
        return path

    return _save


@pytest.mark.parametrize("what", FIT)
def test_what_goes_in_and_what_is_learnt_is_taken_as_it_is(save, what):
    inputs, targets, net = FIT[what]
    chosen = catalog.choose(str(save(inputs, targets)), {})
    task = task_of(net, TrainingProtocol())
    assert misfit_of(net, task, chosen) is None
    choice = msgspec.json.decode(msgspec.json.encode(chosen), type=DatasetChoice)
    dataset = catalog.load(choice, {}, net)
    assert misfit(net, task, net.input_shape, kind_of(dataset), "x", tokens=dataset.tokens) is None
    counts = len(inputs["train"]) * 4 // 5, len(inputs["train"]) // 5, len(inputs["test"])
    parts = (dataset.train, dataset.validation, dataset.test)
    assert tuple(map(len, parts)) == counts
    assert dataset.train.inputs.dtype == (np.int32 if dataset.tokens else np.float32)
    if what != "bytes of images and a value":
        np.testing.assert_array_equal(
            dataset.test.inputs, inputs["test"].astype(dataset.test.inputs.dtype)
        )
    learnt = adapted(dataset, task).test.targets
    assert learnt.shape == (len(dataset.test), *task.target_shape)
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


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_learnt_from_is_refused_with_the_cure(save, what):
    inputs, targets, words = REFUSED[what]
    with pytest.raises(DataError, match=words):
        catalog.choose(str(save(inputs, targets)), {})


@pytest.mark.parametrize("what", UNFIT_FOR_VALIDATION)
def test_samples_for_validation_that_differ_are_refused(save, what):
    arrays, words = UNFIT_FOR_VALIDATION[what]
    with pytest.raises(DataError, match=words):
        catalog.choose(str(save(normal(5), normal(), **arrays)), {})


@pytest.mark.parametrize("targets", [whole(1), {half: 2.5 + one for half, one in whole(1).items()}])
def test_targets_that_are_all_alike_are_told(save, targets):
    remarks = catalog.choose(str(save(normal(5), targets)), {}).remarks
    assert remarks == ("the targets of all training samples are alike",)
