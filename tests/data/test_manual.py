"""docs/data.md says what the code does: hashes, places, parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchbench.data import digits, mnist

MANUAL = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("hashes", [mnist.HASHES, digits.HASHES], ids=["mnist", "digits"])
def test_the_hashes_are_the_code_s(hashes):
    for part, sha256 in hashes.items():
        assert f"| {part} | `{sha256}` |" in MANUAL


def test_the_parameters_of_digits_are_the_code_s():
    for name, bounds in (
        ("step", digits._STEP),
        ("stretch", digits._STRETCH),
        ("turn", digits._TURN),
        ("slant", digits._SLANT),
        ("shift", digits._SHIFT),
    ):
        assert f"| {name} | {bounds[0]} | {bounds[1]} |" in MANUAL
    assert f"becomes {digits._BRIGHTNESS[0]} to {digits._BRIGHTNESS[1]}" in MANUAL
    assert f"one of {digits._MAPS_PER_SPLIT} drawn" in MANUAL
    assert f"seeds {digits.SEED} for the split, {digits.SEED + 1} for the images" in MANUAL


def test_every_root_of_torchvision_is_named():
    for root in mnist.TORCHVISION_ROOTS:
        assert f"`{root}`" in MANUAL or f"`./{root}`" in MANUAL
