"""`BACKEND@ENV`: what a user may write, environments of every fault, and one that works."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

import benchbench
from benchbench.errors import Unavailable, UsageError
from benchbench.experiments.environments.backends import find_elsewhere
from benchbench.experiments.environments.names import (
    ENVIRONMENTS_VARIABLE,
    find_python,
    split_environment,
)
from benchbench.experiments.selection import find_backends, find_cells
from benchbench.plugins.registry import load_registry
from benchbench.run.plan import Session
from benchbench.run.session_file import session_from_json, session_to_json
from benchbench.spec.catalog import MODELS


def _python(folder: Path, script: str) -> Path:
    """Write a Python that is a shell script, into a virtual environment's folder."""
    path = folder / "bin" / "python"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    (folder / "pyvenv.cfg").touch()
    return folder


def _this(folder: Path) -> Path:
    return _python(folder, f'exec {sys.executable} "$@"')


def _says(**who) -> str:
    import json

    return f"echo '{json.dumps(who)}'"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("torch", ("torch", None)),
        ("torch@venvs/old", ("torch", "venvs/old")),
        ("torch@a@b", ("torch", "a@b")),
        ("/home/me@work/mine.py", ("/home/me@work/mine.py", None)),
        ("mine.py@old", ("mine.py", "old")),
    ],
)
def test_a_backend_is_split_from_its_environment(name, parts):
    assert split_environment(name) == parts


@pytest.mark.parametrize("name", ["torch@", "torch@ ", "@venvs/old", "@"])
def test_an_at_with_nothing_on_a_side_is_refused(name):
    with pytest.raises(UsageError, match="expected BACKEND@ENVIRONMENT"):
        split_environment(name)


def test_a_folder_a_python_and_a_name_are_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _this(tmp_path / "venvs" / "old")
    (tmp_path / "environments.toml").write_text('[environments]\nfirst = "venvs/old"\n')
    python = tmp_path / "venvs" / "old" / "bin" / "python"
    for word, label in (
        ("venvs/old", "venvs/old"),
        ("venvs/old/", "venvs/old"),
        ("venvs/old/bin/python", "venvs/old"),
        (str(tmp_path / "venvs" / "old"), "old"),
        ("first", "first"),
    ):
        found = find_python(word)
        assert (found.label, found.path) == (label, python)


def test_a_python_of_no_virtual_environment_has_its_own_name():
    assert find_python("/bin/sh").label == "sh"


def test_a_virtual_environments_python_is_not_taken_for_the_one_that_it_links_to(tmp_path):
    folder = tmp_path / "venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to(sys.executable)
    assert find_python(str(tmp_path / "venv")).path == folder / "python"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no toml [", "is not valid TOML"),
        ("a = " + "[" * 5_000 + "]" * 5_000, "is not valid TOML"),
        ("[other]", "expected one table"),
        ("[environments]\nold = 3", "old: expected a path in quotes"),
        ("[environments]\nold = ''", "old: expected a path in quotes"),
    ],
)
def test_a_file_of_environments_that_is_wrong_is_told(text, message, tmp_path, monkeypatch):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    monkeypatch.setenv(ENVIRONMENTS_VARIABLE, str(path))
    with pytest.raises(UsageError, match=message):
        find_python("old")


def test_a_home_folder_of_nobody_is_no_environment():
    with pytest.raises(Unavailable, match="there is no environment '~nobody-of-this-name/venv'"):
        find_python("~nobody-of-this-name/venv")


def test_what_is_not_there_is_told_with_the_names_that_come_near(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "environments.toml").write_text('[environments]\nstable = "nowhere"\n')
    with pytest.raises(Unavailable, match=r"no environment 'stabel', did you mean 'stable'\?"):
        find_python("stabel")
    with pytest.raises(Unavailable, match="nowhere does not exist"):
        find_python("stable")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="the folder empty is no virtual environment"):
        find_python("empty")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(UsageError, match="cannot be executed"):
        find_python("notes.txt")


HERE = benchbench.__file__
GOOD = _says(version=[3, 12, 1], benchbench=benchbench.__version__, file=HERE)
FAULTY = {
    "no Python": ("echo hello", UsageError, "is no Python that works"),
    "says nothing": ("true", UsageError, "is no Python that works"),
    "fails": ("echo broken >&2; exit 3", UsageError, "exit code 3: broken"),
    "no JSON of ours": ("echo '[1]'", UsageError, "is no Python that works"),
    "too old": (_says(version=[3, 9, 1]), Unavailable, "is Python 3.9.1: benchbench needs 3.11"),
    "no benchbench": (
        _says(version=[3, 12, 1], trouble="ModuleNotFoundError: benchbench"),
        Unavailable,
        r"has no benchbench \(ModuleNotFoundError: benchbench\): install it with: .*-m pip install",
    ),
    "another version": (
        _says(version=[3, 12, 1], benchbench="9.9", file=HERE),
        Unavailable,
        r"has benchbench 9\.9, expected .*-m pip install",
    ),
    "breaks halfway": (
        f'case "$1" in -c) {GOOD} ;; *) echo it broke >&2; exit 7 ;; esac',
        Unavailable,
        "cannot be asked for its backends: its process ended with exit code 7: it broke",
    ),
    "answers garbage": (
        f'case "$1" in -c) {GOOD} ;; *) echo garbage ;; esac',
        Unavailable,
        "cannot be asked for its backends: its answer cannot be read",
    ),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_an_environment_of_each_fault_is_refused_with_what_to_do(fault, tmp_path):
    script, error, message = FAULTY[fault]
    folder = _python(tmp_path / "venv", script)
    with pytest.raises(error, match=message):
        find_elsewhere("numpy", str(folder))


def test_the_same_version_with_other_code_is_another_benchbench(tmp_path):
    package = tmp_path / "site" / "benchbench"
    shutil.copytree(Path(HERE).parent, package)
    with (package / "errors.py").open("a") as file:
        file.write("# another\n")
    who = _says(
        version=[3, 12, 1],
        benchbench=benchbench.__version__,
        file=str(package / "__init__.py"),
    )
    with pytest.raises(Unavailable, match="with other code than this command"):
        find_elsewhere("numpy", str(_python(tmp_path / "venv", who)))


def test_a_backend_of_another_environment_is_a_cell_of_its_own(misfits, tmp_path):
    folder = _this(tmp_path / "old")
    infos = find_backends(["null", f"null@{folder}", f"null@{folder}"], load_registry())
    cells = find_cells(infos, "idiomatic", [MODELS["single-layer"]])
    assert [cell.name for cell in cells] == ["null-idiomatic", "null-idiomatic-old"]
    assert cells[0].environment.python is None
    assert cells[1].environment.python == str(folder / "bin" / "python")
    assert cells[1].environment.python_version == ".".join(map(str, sys.version_info[:3]))


def test_environments_of_one_name_are_told_apart_by_their_paths(misfits, tmp_path):
    folders = [_this(tmp_path / name / "venv") for name in ("one", "two")]
    infos = find_backends([f"null@{folder}" for folder in folders], load_registry())
    labels = [info.label for info in infos]
    assert labels == [f"@{folder}/bin/python" for folder in folders]


def test_what_the_environment_lacks_is_told_with_what_it_has(misfits, tmp_path):
    folder = str(_this(tmp_path / "old"))
    with pytest.raises(UsageError, match=r"no backend 'nul', did you mean 'null'\? \(it has"):
        find_elsewhere("nul", folder)
    with pytest.raises(
        Unavailable, match=r"needs no-such-framework, .* -m pip install no-such-framework"
    ):
        find_elsewhere("homeless", folder)


def _with_package(folder: Path, name: str, version: str) -> Path:
    """Make a folder in which a package is installed, as in another environment's."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder


def test_a_folder_of_pythonpath_that_hides_the_environments_release_is_refused(
    tmp_path, monkeypatch
):
    """Its torch would be measured in place of the environment's, and called by its name."""
    harmless = _with_package(tmp_path / "harmless", "another", "1.0")
    monkeypatch.setenv("PYTHONPATH", str(harmless))
    (found,) = find_elsewhere("numpy", str(_this(tmp_path / "old")))
    assert found.name == "numpy"
    hiding = _with_package(tmp_path / "site-packages", "numpy", "9.9")
    monkeypatch.setenv("PYTHONPATH", f"{harmless}{os.pathsep}{hiding}{os.sep}")
    folder = str(_this(tmp_path / "new"))
    for name in ("numpy", "all"):
        with pytest.raises(UsageError, match=r"site-packages/: the environment new would import"):
            find_elsewhere(name, folder)


def test_a_session_with_environments_is_itself_again_as_json(misfits, tmp_path):
    infos = find_backends([f"null@{_this(tmp_path / 'old')}"], load_registry())
    cells = find_cells(infos, "idiomatic", [MODELS["single-layer"]])
    from stage import make_session

    session = make_session(cells=tuple(cells))
    assert isinstance(session, Session)
    again = session_from_json(session_to_json(session), source="a test")
    assert again == session


def test_nothing_of_the_working_folder_is_imported_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "benchbench").mkdir()
    (tmp_path / "benchbench" / "__init__.py").write_text("raise RuntimeError('from here')")
    (found,) = find_elsewhere("numpy", str(_this(tmp_path / "old")))
    assert found.divisions == ("idiomatic",)
