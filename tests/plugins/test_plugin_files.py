"""A backend in a file of the user's: found when it is named, refused where it cannot be."""

from __future__ import annotations

import os
import sys

import pytest

from benchbench.errors import UsageError
from benchbench.experiments.selection import find_backends
from benchbench.plugins.plugin_files import FILES_VARIABLE, announce
from benchbench.plugins.registry import load_registry

SOURCE = """
from benchbench import BackendInfo, hookimpl


@hookimpl
def benchbench_backends():
    return [BackendInfo(name="from-a-file", requires=(), create=lambda: None)]
"""


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv(FILES_VARIABLE, "")


def test_a_file_that_is_named_is_a_plugin(tmp_path):
    path = tmp_path / "my_backend_in_a_file.py"
    path.write_text(SOURCE)
    assert "from-a-file" not in load_registry().backends
    announce(str(path))
    announce(str(path))
    (found,) = find_backends([str(path)], load_registry())
    assert found.name == "from-a-file"


def test_a_file_that_is_no_plugin_is_refused_with_the_reason(tmp_path):
    path = tmp_path / "no_plugin_at_all.py"
    path.write_text("import nothing_of_that_name")
    announce(str(path))
    with pytest.raises(UsageError, match="No module named 'nothing_of_that_name'") as said:
        find_backends([str(path)], load_registry())
    assert f"of {path} is quarantined" in str(said.value)
    assert str(said.value).endswith("; mend the file")


@pytest.mark.parametrize(
    ("name", "message"),
    [("absent.py", "no such file"), ("my-net.py", "cannot import"), ("json.py", "another module")],
)
def test_a_file_that_cannot_be_a_module_is_refused(name, message, tmp_path):
    path = tmp_path / name
    if name != "absent.py":
        path.write_text(SOURCE)
    with pytest.raises(UsageError, match=message):
        announce(str(path))
