"""The networks of the documentation are networks, and the catalog's page says what the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchbench import TrainingProtocol, task_of
from benchbench.data import catalog
from benchbench.data.fit import misfit_of
from benchbench.spec.catalog import MODELS, MORE_MODELS, dataset_for
from benchbench.spec.files import load_model

DOCS = Path(__file__).parents[2] / "docs"
NETWORKS = (DOCS / "networks.md").read_text()
FILES = {
    match: block
    for page in ("networks.md", "data.md")
    for block in re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    for match in re.findall(r'^name = "([^"]+)"', block, re.MULTILINE)
}
# What a reader would train each on.
DATASETS = {
    "my-lenet": "digits",
    "my-dropout": "digits",
    "my-resnet": "digits",
    "my-rows": "digits",
    "my-regression": "diabetes",
    "my-transformer": "unicode-names",
    "my-lstm": "unicode-names",
    "my-mlp": None,
}


@pytest.fixture(scope="session")
def chosen():
    """Give the choice of a data set, each made once."""
    found = {}

    def choose(name):
        if name not in found:
            found[name] = catalog.choose(name, {})
        return found[name]

    return choose


def test_each_network_of_the_documentation_is_known_here():
    assert FILES.keys() == DATASETS.keys() - {"my-mlp"}


@pytest.mark.parametrize("name", FILES)
def test_a_network_of_the_documentation_is_one_and_fits_its_data(name, tmp_path, chosen):
    path = tmp_path / f"{name}.toml"
    path.write_text(FILES[name])
    model = load_model(path)
    assert model.name == name
    told = misfit_of(model, task_of(model, TrainingProtocol()), chosen(DATASETS[name]))
    assert told is None


def test_the_catalog_of_the_page_is_the_code_s():
    for name, model in (MODELS | MORE_MODELS).items():
        row = re.search(rf"^\| `{name}` \|.*$", NETWORKS, re.MULTILINE)
        assert row, name
        assert f"{model.parameter_count:,}" in row[0]
        own = dataset_for(model)
        assert (own or "").removeprefix("auto") in row[0]


@pytest.mark.parametrize("name", MORE_MODELS)
def test_a_model_of_the_catalog_fits_its_data(name, chosen):
    model = MORE_MODELS[name]
    wanted = (dataset_for(model) or "").replace("auto:", "digits:")
    wanted = "digits" if wanted == "auto" else wanted
    assert misfit_of(model, task_of(model, TrainingProtocol()), chosen(wanted)) is None
