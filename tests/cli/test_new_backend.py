"""`benchbench new-backend`: what it writes and what it refuses. tests/docs shows that it works."""

from __future__ import annotations

import tomllib

import pytest

from benchbench.experiments.package_template import PATHS, RESERVED, package_files


def test_it_writes_the_package_and_says_what_comes_next(benchbench, tmp_path):
    answer = benchbench("new-backend", "abacus", "--into", str(tmp_path))
    assert answer.exit_code == 0, answer.stderr
    folder = tmp_path / "benchbench-abacus"
    written = {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}
    assert written == package_files("abacus")
    assert len(written) == len(PATHS)
    lines = answer.stdout.splitlines()
    assert [line for line in lines if line.startswith("wrote ")] == [
        f"wrote {folder / path}" for path in package_files("abacus")
    ]
    assert [line.strip() for line in lines[-3:]] == [
        f"pip install -e {folder}",
        "benchbench conform abacus",
        "benchbench run --backend abacus --model single-layer",
    ]


def test_without_into_it_is_written_here(benchbench, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert benchbench("new-backend", "abacus").exit_code == 0
    assert (tmp_path / "benchbench-abacus" / "pyproject.toml").is_file()


@pytest.mark.parametrize(
    ("name", "package", "title"),
    [("abacus", "benchbench_abacus", "Abacus"), ("my-net-2", "benchbench_my_net_2", "MyNet2")],
)
def test_every_place_of_the_name_is_filled_in(name, package, title):
    files = package_files(name)
    project = tomllib.loads(files["pyproject.toml"])
    assert project["project"]["name"] == f"benchbench-{name}"
    assert project["project"]["entry-points"]["benchbench"] == {name: package}
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [package]
    assert f'name="{name}"' in files[f"{package}/__init__.py"]
    assert f"class {title}Backend(Backend):" in files[f"{package}/backend.py"]
    for path, text in files.items():
        assert "$" not in text, path
        if path.endswith(".py"):
            compile(text, path, "exec")


BAD = {
    "capitals": ("Abacus", "small letters"),
    "underscore": ("my_net", "small letters"),
    "digit first": ("2-net", "small letters"),
    "dash last": ("net-", "small letters"),
    "path": ("../net", "small letters"),
    "line end": ("net\n", "small letters"),
    "empty": ("", "small letters"),
    "taken": ("numpy", "'numpy' already, from benchbench-harness"),
    **{name: (name, "mean something else") for name in RESERVED},
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_name_is_refused_and_nothing_is_written(benchbench, tmp_path, case):
    name, message = BAD[case]
    answer = benchbench("new-backend", name, "--into", str(tmp_path))
    assert (answer.exit_code, message in answer.stderr) == (2, True), answer.stderr
    assert not list(tmp_path.iterdir())
    assert not answer.stdout


def test_an_existing_folder_is_left_as_it_is(benchbench, tmp_path):
    mine = tmp_path / "benchbench-abacus" / "pyproject.toml"
    mine.parent.mkdir()
    mine.write_text("mine")
    answer = benchbench("new-backend", "abacus", "--into", str(tmp_path))
    assert answer.exit_code == 2
    assert f"{mine.parent} is there already" in answer.stderr
    assert mine.read_text() == "mine"
    assert [path.name for path in mine.parent.iterdir()] == ["pyproject.toml"]


def test_a_place_that_cannot_be_written_is_named(benchbench, tmp_path):
    (tmp_path / "file").write_text("in the way")
    answer = benchbench("new-backend", "abacus", "--into", str(tmp_path / "file"))
    assert answer.exit_code == 2
    assert f"cannot write {tmp_path / 'file' / 'benchbench-abacus'}" in answer.stderr
