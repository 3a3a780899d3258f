"""How a user's file is imported: as a script, as part of its package, and what helps if not."""

from __future__ import annotations

import sys

import pytest

from benchbench.ports import factory

PARTS = "def width(): return 3"


@pytest.fixture(autouse=True)
def _own_modules(monkeypatch):
    """What is imported from a file is forgotten afterwards."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = dict(sys.modules)
    yield
    sys.modules.clear()
    sys.modules.update(before)


def test_a_file_of_a_package_imports_relatively(tmp_path):
    inner = tmp_path / "my_nets" / "inner"
    inner.mkdir(parents=True)
    for folder in (inner.parent, inner):
        (folder / "__init__.py").touch()
    (inner.parent / "parts.py").write_text(PARTS)
    (inner / "model.py").write_text("from ..parts import width as net")
    made = factory.find(inner / "model.py", "net")
    assert made() == 3
    assert made.__module__ == "my_nets.parts"


@pytest.mark.parametrize("name", ["netz größe 2.py", "2.py", "a-b.py"])
def test_a_file_may_have_any_name_in_any_folder(name, tmp_path):
    folder = tmp_path / "mein Ordner ü"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "parts.py").write_text(PARTS)
    (folder / name).write_text("from parts import width as net")
    assert factory.find(folder / name, "net")() == 3


def test_a_file_that_a_library_imports_for_a_package_is_named(tmp_path, monkeypatch):
    for name in ("cProfile", "profile"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    hiding = tmp_path / "profile.py"
    hiding.write_text("raise AttributeError('run')")
    path = tmp_path / "net.py"
    path.write_text("import cProfile")
    with pytest.raises(AttributeError) as caught:
        factory.find(path, "net")
    assert factory.cure(caught.value, path).startswith(f"{hiding} hides a package")
    # One that the user's own file imports hides nothing.
    path.write_text("import profile")
    with pytest.raises(AttributeError) as caught:
        factory.find(path, "net")
    assert factory.cure(caught.value, path) == ""
