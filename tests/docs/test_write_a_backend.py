"""The walk through docs/write-a-backend.md: write the package, install it, test it, train it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchbench.experiments.package_template import package_files

PAGE = Path(__file__).parents[2] / "docs" / "write-a-backend.md"
INCLUDED = (
    "pyproject.toml",
    "benchbench_abacus/__init__.py",
    "benchbench_abacus/backend.py",
    "tests/test_conformance.py",
)


def _done(*command: str, **options) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """Write the package."""
    folder = tmp_path_factory.mktemp("written")
    _done("benchbench", "new-backend", "abacus", "--into", str(folder))
    return folder / "benchbench-abacus"


@pytest.fixture(scope="module")
def site(package, tmp_path_factory) -> Path:
    """Install the package into a folder of its own. All that pip needs is here: no network."""
    folder = tmp_path_factory.mktemp("site")
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    _done("pip", "install", *offline, "--target", str(folder), str(package))
    return folder


@pytest.fixture
def abacus(command, site):
    """Give the command, with the package installed."""
    command.environment["PYTHONPATH"] += f"{os.pathsep}{site}"
    return command


@pytest.mark.parametrize("path", INCLUDED)
def test_the_files_on_the_page_are_those_that_are_written(path):
    assert package_files("abacus")[path] in PAGE.read_text()


def test_it_is_listed(abacus):
    backends = {b["name"]: b for b in json.loads(abacus("list", "--json").stdout)["backends"]}
    assert backends["abacus"]["ready"] is True
    assert backends["abacus"]["distribution"] == "benchbench-abacus"


def test_it_conforms_and_the_page_shows_the_table(abacus):
    done = abacus("conform", "abacus")
    assert done.returncode == 0, done.stdout + done.stderr
    shown = _without_versions_and_time(done.stdout) in _without_versions_and_time(PAGE.read_text())
    assert shown, f"the page must show what conform prints now:\n{done.stdout}"


def _without_versions_and_time(text: str) -> str:
    return re.sub(r"in [\d.]+ s\n\(benchbench .*; threads: 1\)\.", "in SECONDS (VERSIONS)", text)


def test_its_own_test_passes(abacus, package):
    plain = ("-q", "-p", "no:cacheprovider", "-k", "declared or threads or parameters")
    done = _done("pytest", *plain, str(package), cwd=package, env=abacus.environment)
    assert re.search(r"\b\d+ passed", done.stdout), done.stdout


def test_it_trains(abacus):
    done = abacus.run("abacus", "--backend", "numpy", "--model", "single-layer", "--quick")
    assert done.returncode == 0, done.stderr
    losses = {record.backend: record.epochs[-1].loss for record in abacus.records()}
    # Same weights, same formula; only the shuffles differ.
    assert losses["abacus"] == pytest.approx(losses["numpy"], rel=0.1)


def test_a_model_that_it_does_not_do_is_skipped(abacus):
    done = abacus.run("abacus", "--model", "two-layer", "--quick")
    assert done.returncode == 3
    assert abacus.record().status == "skipped"
    assert "trains one Dense layer after a Flatten, not two-layer" in abacus.record().error
