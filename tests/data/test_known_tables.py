"""scikit-learn's tables: by name, verified, standardised."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from benchbench import Dense, ModelSpec, TrainingProtocol, task_of
from benchbench.data import catalog, known_tables
from benchbench.data.fit import misfit_of
from benchbench.errors import DataError
from benchbench.records import DatasetChoice

MODELS = {
    "breast-cancer": ModelSpec("one", (30,), (Dense(1, "sigmoid"),)),
    "diabetes": ModelSpec("one", (10,), (Dense(1),)),
    "iris": ModelSpec("one", (4,), (Dense(3, "softmax"),)),
    "wine": ModelSpec("one", (13,), (Dense(3, "softmax"),)),
}
ROWS = {"breast-cancer": 569, "diabetes": 442, "iris": 150, "wine": 178}


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", known_tables.HASHES)
def test_each_is_there_and_fits_the_model_for_it(name, quick):
    chosen = catalog.choose(name, {}, quick=quick)
    model = MODELS[name]
    assert misfit_of(model, task_of(model, TrainingProtocol()), chosen) is None
    choice = msgspec.json.decode(msgspec.json.encode(chosen), type=DatasetChoice)
    dataset = catalog.load(choice, {}, model)
    assert dataset.sha256 == chosen.sha256
    if not quick:
        parts = (dataset.train, dataset.validation, dataset.test)
        assert sum(map(len, parts)) == ROWS[name]
        np.testing.assert_allclose(dataset.train.inputs.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(dataset.train.inputs.std(axis=0), 1, atol=1e-5)
        assert len(dataset.standardization.columns) == model.input_shape[0] + 1
    again = catalog.choose(catalog.name_to_choose(chosen, ()), {}, quick=quick)
    assert again == chosen


def test_a_table_that_is_another_in_this_scikit_learn_is_refused(monkeypatch):
    monkeypatch.setattr(known_tables, "HASHES", {"iris": "0" * 64})
    with pytest.raises(DataError, match=r"'iris' of scikit-learn .* is not the one that is known"):
        catalog.choose("iris", {})


@pytest.mark.parametrize("name", known_tables.HASHES)
def test_a_table_is_the_same_where_its_numbers_are_spelt_to_the_last_bit_otherwise(
    monkeypatch, name
):
    """scikit-learn 1.5 to 1.7 have 4.803999999999999 in diabetes, where 1.9 has 4.804."""
    from sklearn import datasets

    loader, options, _ = known_tables._LOADERS[name]
    bunch = getattr(datasets, loader)(**options)
    bunch.data = np.nextafter(bunch.data, 0)
    monkeypatch.setattr(datasets, loader, lambda **_: bunch)
    assert known_tables.read(name).sha256 == known_tables.HASHES[name]
