"""The tables that scikit-learn brings along, as it brings them; their hashes hold it to them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from benchbench.data import table
from benchbench.data.chosen import Chosen
from benchbench.data.table import Table
from benchbench.errors import DataError

# Decimal places, more than any number of these tables has. Releases of scikit-learn differ in how
# their files spell them: up to 1.7 diabetes has 4.803999999999999, later 4.804.
_PLACES = 10
# The loader of each, with its options, and the name of the column that is learnt.
_LOADERS: Mapping[str, tuple[str, dict[str, Any], str]] = MappingProxyType(
    {
        "breast-cancer": ("load_breast_cancer", {}, "benign"),
        "diabetes": ("load_diabetes", {"scaled": False}, "progression"),
        "iris": ("load_iris", {}, "species"),
        "wine": ("load_wine", {}, "cultivar"),
    }
)
HASHES: Mapping[str, str] = MappingProxyType(
    {
        "breast-cancer": "3437e0f402117ffc530f69f93043244fb84abdbf089d7a4286894c79e77db74a",
        "diabetes": "0f554d9a899c70e0a7b0156b1a02e433bf03005ef4deb0dd0809027798f01acf",
        "iris": "38985fba748d2e183bebb222010c949532c32c6010d742c648032163e32285f8",
        "wine": "9ae2c5c6988725931d74a523dabf57ff10f74f676de91b2d4f54a1f778155864",
    }
)


def read(name: str) -> Table:
    """Read and verify a table. Raises DataError if scikit-learn's is another."""
    import sklearn
    from sklearn import datasets

    loader, options, target = _LOADERS[name]
    bunch = getattr(datasets, loader)(**options)
    columns = (*map(str, bunch.feature_names), target)
    values = np.column_stack([bunch.data, bunch.target]).astype(np.float64).round(_PLACES)
    found = Table(columns, values, f"scikit-learn's {name}")
    if found.sha256 != HASHES[name]:
        raise DataError(
            f"the table '{name}' of scikit-learn {sklearn.__version__} is not the one that is "
            f"known: expected SHA-256 {HASHES[name]}, but it is {found.sha256}; save it as a csv "
            f"to train on it as it is"
        )
    return found


def choose(name: str) -> Chosen:
    """Read a table and say what it holds. Raises DataError."""
    return table.choice_of(read(name), name, f"{name}, scikit-learn's table")
