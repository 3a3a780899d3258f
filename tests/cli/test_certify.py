"""`benchbench certify`, and the certificate in `run` and `report`: real processes, one backend."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchbench.data.cache import CACHE_VARIABLE
from benchbench.report.text import UNKNOWN

STUDIES = Path(__file__).parents[2] / "studies"


@pytest.fixture
def own_cache(command, tmp_path):
    """Give a cache that holds no certificate yet: the others share what they make."""
    command.environment[CACHE_VARIABLE] = str(tmp_path / "cache")
    return tmp_path / "cache"


def _certify(command, *arguments):
    return command("certify", *arguments, "--model", "single-layer", "--threads", "1")


def test_it_prints_the_ladder_and_keeps_the_certificate(command, own_cache):
    first = _certify(command, "--backend", "numpy")
    assert first.returncode == 0, first.stderr
    for rung in ("data", "forward", "loss", "update after 10 steps", "optimiser state"):
        assert f"✓  {rung}" in first.stdout
    assert "HOLDS: it trains the function of the spec" in first.stdout
    second = _certify(command, "--backend", "numpy")
    assert "(from the cache)" in second.stderr
    assert second.stdout == first.stdout
    assert "(from the cache)" not in _certify(command, "--backend", "numpy", "--renew").stderr


def test_an_edited_certificate_is_made_again(command, own_cache):
    _certify(command, "--backend", "numpy", "--device", "cpu")
    (path,) = (own_cache / "certificates").iterdir()
    path.write_text(path.read_text().replace("single-layer", "deeper-cnn"))
    again = _certify(command, "--backend", "numpy", "--device", "cpu")
    assert "was edited" in again.stderr
    assert "(from the cache)" not in again.stderr
    assert again.returncode == 0


def test_a_backend_that_does_nothing_breaks_and_exits_1(command):
    done = _certify(command, "--backend", "null")
    assert done.returncode == 1
    assert "BREAKS at forward" in done.stdout
    assert f"{UNKNOWN}  loss" in done.stdout, "what is not reached is shown"


def test_a_plugin_that_raises_is_told_with_rung_method_and_traceback(command):
    done = _certify(command, "--backend", "broken-fit")
    assert done.returncode == 1
    assert "BREAKS at update after 1 step" in done.stdout
    assert "`fit` raised RuntimeError: the sky fell" in done.stdout
    assert "Traceback (most recent call last)" in done.stdout


def test_a_model_that_the_backend_does_not_do_is_skipped(command):
    done = _certify(command, "--backend", "refuses")
    assert done.returncode == 3
    assert "not certified: single-layer refuses idiomatic: there is no pool" in done.stderr


def test_a_process_that_dies_is_told_and_costs_no_other(command):
    done = _certify(command, "--backend", "dies-at-once", "--backend", "numpy")
    assert done.returncode == 1
    assert "dies-at-once idiomatic: its process was killed by signal 11 (SIGSEGV)" in done.stderr
    assert "certificate: single-layer numpy idiomatic: holds" in done.stderr


def test_an_unknown_backend_is_refused_with_the_nearest(command):
    done = _certify(command, "--backend", "nunpy")
    assert done.returncode == 2
    assert "did you mean 'numpy'?" in done.stderr


def test_a_spec_too_large_is_refused_with_a_smaller_batch(command, tmp_path):
    path = tmp_path / "large.toml"
    path.write_text(
        'name = "large"\ninput_shape = [200, 200, 3]\n'
        '[[layers]]\ntype = "Conv2D"\nfilters = 64\nkernel_size = [7, 7]\nactivation = "relu"\n'
        '[[layers]]\ntype = "MaxPool2D"\npool_size = [8, 8]\n'
        '[[layers]]\ntype = "Flatten"\n'
        '[[layers]]\ntype = "Dense"\nunits = 10\nactivation = "softmax"\n'
    )
    done = command("certify", "--backend", "numpy", "--model", str(path))
    assert done.returncode == 3
    assert "would take the reference about" in done.stderr
    assert "try --batch-size" in done.stderr


def _tolerances(*arguments: str):
    command = [sys.executable, str(STUDIES / "tolerances.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_json_holds_everything_and_save_writes_a_file_each(command, tmp_path):
    folder = tmp_path / "certificates"
    done = _certify(command, "--backend", "numpy", "--seeds", "2", "--json", "--save", str(folder))
    certificates = json.loads(done.stdout)
    assert [one["seed"] for one in certificates] == [0, 1]
    assert {rung["verdict"] for one in certificates for rung in one["rungs"]} == {"holds"}
    assert len(list(folder.iterdir())) == 2
    derived = _tolerances(str(folder))
    assert derived.returncode == 0, derived.stderr
    assert 'rung = "update after 1 step"' in derived.stdout
    cells = _tolerances(str(folder), "--cells")
    assert "| single-layer | numpy     | idiomatic  | cpu      |       2 | holds " in cells.stdout
    both = _tolerances(str(folder), "--cells", "--table")
    assert both.returncode == 1
    assert "give one of them" in both.stderr


def test_tolerances_of_an_edited_certificate_are_refused(command, tmp_path):
    _certify(command, "--backend", "numpy", "--save", str(tmp_path / "saved"))
    (path,) = (tmp_path / "saved").iterdir()
    path.write_text(path.read_text().replace("numpy-float64", "nothing"))
    done = _tolerances(str(tmp_path / "saved"))
    assert done.returncode == 1
    assert "was edited" in done.stderr


def test_a_run_holds_its_certificate_and_the_table_shows_it(command):
    done = command.run("numpy", "--threads", "1", "--certify")
    assert done.returncode == 0, done.stderr
    assert "certificate    holds" in done.stdout
    record = command.record()
    assert record.certificate.genuine
    assert record.certificate.verdict == "holds"
    again = command("report", "--results", str(command.results))
    assert "| holds " in again.stdout
    assert "Not comparable" not in again.stdout


def test_a_run_that_breaks_its_certificate_is_shown_and_not_comparable(command):
    done = command.run("null", "--certify")
    assert done.returncode == 1
    assert command.record().status == "ok"
    assert "breaks; not comparable: forward differs by" in done.stdout
    table = command("report", "--results", str(command.results)).stdout
    assert "| breaks " in table
    assert "Not comparable:" in table


def test_a_run_without_certification_says_so(command):
    command.run("null")
    assert command.record().certificate is None
    assert command.record().uncertified == "--no-certify was given"
