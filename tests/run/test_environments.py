"""A run of two environments and of two devices: real processes, ratios between the cells."""

from __future__ import annotations

import sys

import pytest

# A second device, which numbers the same: what a card would be.
DEVICES = """
from benchbench import BackendInfo, hookimpl
from misfits import MisfitBackend, Slow

class Two(MisfitBackend):
    def devices(self):
        return ("cpu", "fake:0")

@hookimpl
def benchbench_backends():
    return [BackendInfo("two-devices", (), lambda: Two(Slow))]
"""


@pytest.fixture
def environment(tmp_path):
    """Give an environment that is this one under another name."""
    python = tmp_path / "old" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return tmp_path / "old"


@pytest.mark.exhaustive
def test_two_environments_take_turns_and_have_a_ratio(command, environment, tmp_path):
    done = command.run("slow", "--backend", "slow@old", "--blocks", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    records = command.records()
    assert {record.variant.label if record.variant else "" for record in records} == {"", "@old"}
    assert len({record.order_seed for record in records}) == 2, "one group a block"
    assert "| slow@old " in done.stdout
    compared = command("compare", "--results", str(command.results), "--baseline", "slow@old")
    assert "not comparable" in compared.stdout.lower(), "none of them is certified"


def test_what_is_certified_in_an_environment_is_certified_there(command, environment, tmp_path):
    arguments = ("--backend", "numpy@old", "--certify", "--blocks", "2", "--epochs", "3")
    done = command.run("numpy", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "certificate: single-layer numpy@old idiomatic: holds" in done.stderr
    assert "| numpy@old " in done.stdout
    assert "both train the same function" in done.stdout.lower()
    # Planned under a Python that is gone now.
    (environment / "bin" / "python").unlink()
    session = command.records()[0].session_id
    again = command("run", "--resume", session, "--results", str(command.results), cwd=tmp_path)
    assert again.returncode == 3, again.stderr
    assert "there is no environment" in again.stderr


def test_an_environment_that_is_gone_halfway_loses_its_own_run_only(command, environment, tmp_path):
    python = environment / "bin" / "python"
    script = python.read_text().replace("exec", '[ "$2" != benchbench.run.worker ] || exit 9; exec')
    python.write_text(script)
    done = command.run("null", "--backend", "null@old", cwd=tmp_path)
    assert done.returncode == 1
    statuses = {one.variant.label if one.variant else "": one.status for one in command.records()}
    assert statuses == {"": "ok", "@old": "crashed"}


def test_devices_side_by_side_share_a_section(command, install, tmp_path):
    install("two-devices", DEVICES)
    done = command.run("two-devices", "--device", "cpu", "--device", "fake", "--blocks", "2")
    assert done.returncode == 3, done.stdout
    assert "has no device 'fake' here; it has cpu, fake:0" in done.stderr
    done = command.run("two-devices", "--device", "cpu", "--device", "fake:0", "--blocks", "2")
    assert done.returncode == 0, done.stderr
    assert "on cpu and fake:0" in done.stdout
    assert {record.device for record in command.records()} == {"cpu", "fake:0"}
    assert {record.variant.label for record in command.records()} == {"on cpu", "on fake:0"}
    for label in ("two-devices on cpu", "two-devices on fake:0"):
        assert f"| {label} " in done.stdout


def test_one_device_by_two_names_is_refused(command, install):
    install("two-devices", DEVICES)
    done = command.run("two-devices", "--device", "cpu", "--device", "auto")
    assert done.returncode == 2
    assert "--device auto: expected another device" in done.stderr
    assert not command.records()
