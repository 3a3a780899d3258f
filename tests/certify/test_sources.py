"""The hash of what is compared: prose does not change it, code does."""

from __future__ import annotations

import pytest

from benchbench import BackendInfo
from benchbench.certify import sources

CODE = '''"""What it is."""

RATE = 1.0  # a comment


class Trainer:
    """Trains."""

    def fit(self):
        """Fit."""
        return RATE
'''


@pytest.fixture
def digest(install, tmp_path):
    """Install a plugin and give its hash after a change to its text."""
    install("hashed", CODE)
    path = tmp_path / "site-packages" / "hashed.py"

    def _digest(old="", new=""):
        path.write_text(CODE.replace(old, new) if old else CODE)

        def create():
            raise AssertionError

        create.__module__ = "hashed"
        return sources.sources_sha256(BackendInfo("hashed", (), create))

    return _digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""What it is."""', '"""What it was."""'),
        ('"""Trains."""', '"""Trains a lot,\n    and well."""'),
        ('        """Fit."""\n', ""),
        ("  # a comment", ""),
        ("return RATE", "return  RATE"),
    ],
)
def test_prose_changes_nothing(digest, old, new):
    assert digest(old, new) == digest()


@pytest.mark.parametrize(("old", "new"), [("RATE = 1.0", "RATE = 1.01"), ("fit", "fits")])
def test_code_does(digest, old, new):
    assert digest(old, new) != digest()


def test_what_explains_a_difference_is_not_part_of_it_and_tolerances_are():
    modules = sources._COMPARED
    assert not any(word in module for module in modules for word in ("diagnosis", "bands"))
    names = [path.name for path in sources._files("benchbench.certify.tolerances")]
    assert names == ["tolerances.py", "tolerances.toml"]
