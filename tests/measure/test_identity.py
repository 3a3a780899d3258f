"""Which machine a record is of: its name, or, in a container without one, its kernel's boot."""

from __future__ import annotations

import pytest

from benchbench.measure import machine


@pytest.mark.parametrize("name", ["node17", "laptop.local", "3f9c2b", "deadbeefcafe.cluster"])
def test_a_name_tells_a_machine(name, tmp_path):
    assert machine._identity(name, tmp_path / "none") == name


def test_containers_without_a_name_are_on_one_machine(tmp_path):
    """Docker names a container by the first twelve digits of its id."""
    boot = tmp_path / "boot_id"
    boot.write_text("1ed3ec85-4e61-441a-a027-571eba0afb16\n")
    one, other = (machine._identity(name, boot) for name in ("3f9c2b7a10de", "a10b2c3d4e5f"))
    assert one == other
    assert one not in {"3f9c2b7a10de", ""}
    assert machine._identity("3f9c2b7a10de", tmp_path / "none") == "3f9c2b7a10de"


def test_a_record_has_a_hash_and_not_the_name():
    host = machine.machine().host
    assert host == machine.machine().host
    assert len(host) == 12
    assert machine.machine(include_host=True).host == machine.node_name()
    assert host != machine.node_name()
