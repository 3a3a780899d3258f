"""What a plugin declares is held to what files, tables and processes can take."""

from __future__ import annotations

import pytest

from benchbench import BackendInfo, DatasetInfo, Deviation, ExecutorInfo
from benchbench.errors import PluginError
from benchbench.plugins.loading import Offered
from benchbench.plugins.registry import load_registry
from benchbench.plugins.validation import declare

NAMES = [
    *("../../x", "x/y", "", "a" * 81, "a" * 300, "a b", "a\0b", "a\n", "a\x1b[31m", "\ud800", "Ä"),
    *("-a", ".", "..", "Swift", None, 5, b"swift", ["swift"]),
]
FIELDS = [
    ({"environment": (("A", 1),)}, "Expected `str`, got `int` - at `$.environment[0][1]`"),
    ({"environment": (("A", "x\0y"),)}, "sets A to 'x\\x00y': expected text without control"),
    ({"environment": (("A", "\ud800"),)}, "expected text without control characters"),
    ({"environment": (("A\0B", "x"),)}, "sets the variable 'A\\x00B': expected a name"),
    ({"environment": (("A=B", "x"),)}, "sets the variable 'A=B': expected a name"),
    ({"environment": (("", "x"),)}, "sets the variable '': expected a name"),
    ({"environment": (("A",),)}, "`array` of length 2"),
    ({"environment": {"A": "x"}}, "Expected `array`, got `object` - at `$.environment`"),
    ({"environment": "A=x"}, "Expected `array`, got `str`"),
    ({"environment": None}, "Expected `array`, got `null`"),
    ({"notes": (5,)}, "Expected `str`, got `int` - at `$.notes[0]`"),
    ({"notes": "TF_"}, "Expected `array`, got `str` - at `$.notes`"),
    ({"notes": ("TF_\x1b",)}, "none of them a control character"),
    ({"removes": (None,)}, "Expected `str`, got `null` - at `$.removes[0]`"),
    ({"requires": "numpy"}, "Expected `array`, got `str` - at `$.requires`"),
    ({"requires": (5,)}, "at `$.requires[0]`"),
    ({"requires": ("",)}, "requires '': expected the name of a distribution"),
    ({"requires": ("a | ",)}, "requires 'a | ': expected the name of a distribution"),
    ({"install": 5}, "at `$.install`"),
    ({"install": "pip \x1b[31m"}, "none of them a control character"),
    ({"install": "x" * 10_001}, "at most 10,000 characters"),
    ({"deterministic": "no"}, "at `$.deterministic`"),
    ({"divisions": "idiomatic"}, "has the divisions 'idiomatic': expected a tuple of names"),
    ({"divisions": ("idiomatic", 5)}, "has the name 5"),
    ({"divisions": 5}, "has the divisions 5: expected a tuple"),
    ({"divisions": ("tuned",)}, "expected 'idiomatic' among them"),
    ({"create": "create"}, "has 'create' for `create`: expected a function"),
    ({"deviations": ("loss",)}, "at `$.deviations[0]`"),
    ({"deviations": 5}, "at `$.deviations`"),
    ({"deviations": (Deviation("loss", "fresh", "0", 1, "why"),)}, "at `$.deviations[0].least`"),
    ({"deviations": (Deviation("loss", "fresh", 0, float("nan"), "why"),)}, "two finite numbers"),
    ({"deviations": (Deviation("loss", "fresh", 2, 1, "why"),)}, "two finite numbers"),
]


def _offered(*, backends=(), models=(), datasets=(), executors=()):
    return Offered(backends, models, datasets, executors)


def _backend(**fields):
    plain = {"name": "swift", "requires": ("numpy",), "create": lambda: None}
    return _offered(backends=(BackendInfo(**plain | fields),))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "offer",
    [
        lambda name: _backend(name=name),
        lambda name: _backend(divisions=(name, "idiomatic")),
        lambda name: _offered(datasets=(DatasetInfo(name, print),)),
        lambda name: _offered(executors=(ExecutorInfo(name, print),)),
    ],
    ids=["backend", "division", "data set", "executor"],
)
def test_a_name_is_small_letters_digits_and_three_signs(offer, name):
    with pytest.raises(PluginError, match="expected 1 to 80 small letters, digits") as refusal:
        declare(offer(name), "swift")
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize(("fields", "reason"), FIELDS)
def test_a_field_of_a_wrong_type_is_refused_with_its_place(fields, reason):
    with pytest.raises(PluginError) as refusal:
        declare(_backend(**fields), "swift")
    assert reason in str(refusal.value)
    assert "swift" in str(refusal.value)
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize("kind", [DatasetInfo, ExecutorInfo])
def test_what_is_no_function_is_refused(kind):
    place = "datasets" if kind is DatasetInfo else "executors"
    with pytest.raises(PluginError, match=r"has 5 for `(load|create)`: expected a function"):
        declare(_offered(**{place: (kind("dots", 5),)}), "swift")


def test_lists_will_do_for_tuples():
    info = _backend(divisions=["idiomatic"], environment=[["A", "x"]], notes=["A"])
    (declared,) = declare(info, "swift").backends
    assert declared.environment == (("A", "x"),)


def test_the_plugin_is_kept_out_by_name_and_the_others_are_in(install):
    install(
        "a-bad-plugin",
        "import benchbench\n@benchbench.hookimpl\ndef benchbench_backends():\n"
        "    return [benchbench.BackendInfo('swift', (), print, environment=(('A', 1),))]",
    )
    registry = load_registry()
    (bad,) = registry.quarantined
    assert bad.plugin == "a-bad-plugin"
    assert bad.reason.startswith("the backend 'swift' declares a wrong type: Expected `str`")
    assert "numpy" in registry.backends
