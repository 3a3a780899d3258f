"""Plugins as they are installed: metadata and modules on sys.path, found by importlib.metadata."""

import subprocess
import sys

import pytest

from benchbench import Trainer
from benchbench.errors import PluginError, UsageError
from benchbench.plugins.contract import BackendInfo
from benchbench.plugins.registry import install_command, load_registry, missing_requirements

CORE = "benchbench-harness"
BACKEND = """
import benchbench

def create():
    raise AssertionError("nobody asked for the backend itself")

@benchbench.hookimpl
def benchbench_backends():
    return [benchbench.BackendInfo({name!r}, ("numpy",), create)]
"""


def quarantine(distribution):
    """Load the registry; return why this distribution is out, and check that others are in."""
    registry = load_registry()
    assert "numpy" in registry.backends
    (bad,) = [one for one in registry.quarantined if one.distribution == distribution]
    assert not bad.disabled
    return bad.reason


def test_our_own_plugins_are_in_and_import_no_framework():
    code = (
        "import sys; from benchbench.plugins.registry import load_registry; r = load_registry();"
        "assert not r.quarantined, r.quarantined;"
        "assert {'numpy', 'torch', 'keras'} <= set(r.backends), list(r.backends);"
        "heavy = {'numpy', 'torch', 'tensorflow', 'keras', 'jax', 'pandas'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_good_plugin_is_in(install):
    install("good-plugin", BACKEND.format(name="swift"))
    registry = load_registry()
    assert registry.backend("swift").requires == ("numpy",)
    assert registry.backends["swift"].distribution == "good-plugin"
    assert not registry.quarantined


def test_a_plugin_may_offer_models_and_data_sets(install):
    install(
        "rich-plugin",
        """
import benchbench
from benchbench import Dense, Flatten, ModelSpec

@benchbench.hookimpl
def benchbench_models():
    return [ModelSpec("tiny", (8, 8, 1), (Flatten(), Dense(3, "softmax")))]

@benchbench.hookimpl
def benchbench_datasets():
    return [benchbench.DatasetInfo("dots", lambda place: None)]
""",
    )
    registry = load_registry()
    assert registry.model("tiny").parameter_count == 64 * 3 + 3
    assert registry.datasets["dots"].distribution == "rich-plugin"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise ValueError('half made')", "ValueError: half made"),
        ("this is no Python", "SyntaxError"),
        (
            "import benchbench\n@benchbench.hookimpl\ndef benchbench_backend():\n    return []",
            "unknown hook 'benchbench_backend'",
        ),
        ("def benchbench_backends():\n    return []", "is `@benchbench.hookimpl` missing?"),
        ("", "implements no hook"),
        (
            "import benchbench\nBENCHBENCH_API_VERSION = 3\n"
            "@benchbench.hookimpl\ndef benchbench_backends():\n    return []",
            "BENCHBENCH_API_VERSION is 3, but this benchbench has version 2",
        ),
        (
            "import benchbench\nBENCHBENCH_API_VERSION = 1\n"
            "@benchbench.hookimpl\ndef benchbench_backends():\n    return []",
            "Trainer.set_parameters is set_variables, Trainer.parameters is variables",
        ),
        (
            "import benchbench\n@benchbench.hookimpl\n"
            "def benchbench_backends():\n    return 'swift'",
            "must return a list of BackendInfo, but returned 'swift'",
        ),
        (
            "import benchbench\n@benchbench.hookimpl\n"
            "def benchbench_models():\n    return ['swift']",
            "must offer ModelSpec, but offered 'swift'",
        ),
        (
            "import benchbench\n@benchbench.hookimpl\n"
            "def benchbench_backends(config):\n    return []",
            "config",
        ),
        (
            "import benchbench\n@benchbench.hookimpl\n"
            "def benchbench_backends():\n    raise RuntimeError('not today')",
            "RuntimeError: not today",
        ),
    ],
    ids=lambda value: value.replace("\n", "/")[:40],
)
def test_a_bad_plugin_costs_nobody_else_anything(install, code, reason):
    install("bad-plugin", code)
    install("good-plugin", BACKEND.format(name="swift"))
    assert reason in quarantine("bad-plugin")
    assert "swift" in load_registry().backends


def test_a_taken_name_names_both_distributions(install):
    install("a-first", BACKEND.format(name="swift"))
    install("b-second", BACKEND.format(name="swift"))
    reason = quarantine("b-second")
    assert "'swift'" in reason
    assert "a-first has it" in reason
    assert "b-second wants it" in reason
    assert load_registry().backends["swift"].distribution == "a-first"


def test_nobody_takes_a_name_of_ours(install):
    install("a-thief", BACKEND.format(name="torch"))
    assert f"{CORE} has it" in quarantine("a-thief")
    assert load_registry().backends["torch"].distribution == CORE


@pytest.mark.parametrize("name", ["mnist", "digits", "auto", "dots-quick"])
def test_nobody_takes_a_data_set_s_name(install, name):
    install(
        "a-thief",
        f"""
import benchbench

@benchbench.hookimpl
def benchbench_datasets():
    return [benchbench.DatasetInfo({name!r}, lambda place: None)]
""",
    )
    assert f"may be named '{name}'" in quarantine("a-thief")


def test_nobody_takes_a_catalog_model(install):
    install(
        "a-thief",
        """
import benchbench
from benchbench import Dense, Flatten, ModelSpec

@benchbench.hookimpl
def benchbench_models():
    return [ModelSpec("deeper-cnn", (28, 28, 1), (Flatten(), Dense(10, "softmax")))]
""",
    )
    assert f"{CORE} has it" in quarantine("a-thief")
    assert load_registry().model("deeper-cnn").parameter_count == 17_578


def test_one_wrong_offer_takes_the_whole_plugin_out(install):
    install(
        "half-good",
        BACKEND.format(name="swift")
        + "\n@benchbench.hookimpl\ndef benchbench_models():\n    return [42]\n",
    )
    assert "offered 42" in quarantine("half-good")
    assert "swift" not in load_registry().backends


def test_disabled_plugins_are_not_even_imported(install, monkeypatch):
    install("bad-plugin", "raise SystemExit(3)", plugin="bad")
    install("good-plugin", BACKEND.format(name="swift"), plugin="good")
    monkeypatch.setenv("BENCHBENCH_DISABLE", "bad, good")
    registry = load_registry()
    assert "swift" not in registry.backends
    assert [(one.plugin, one.reason, one.disabled) for one in registry.quarantined] == [
        ("bad", "disabled by BENCHBENCH_DISABLE", True),
        ("good", "disabled by BENCHBENCH_DISABLE", True),
    ]
    assert "bad_plugin" not in sys.modules


def test_unknown_names_get_the_nearest():
    registry = load_registry()
    with pytest.raises(UsageError, match="no backend 'troch', did you mean 'torch'"):
        registry.backend("troch")
    with pytest.raises(UsageError, match="no model 'deper-cnn', did you mean 'deeper-cnn'"):
        registry.model("deper-cnn")


def test_asking_for_a_quarantined_plugin_says_why(install):
    install("bad-plugin", "raise SystemExit(3)", plugin="swift")
    with pytest.raises(UsageError, match="'swift' of bad-plugin is quarantined: SystemExit: 3"):
        load_registry().backend("swift")


def _info(*requires, install=None):
    return BackendInfo("swift", requires, lambda: None, install=install)


def test_requirements_with_alternatives(install):
    install("framework-cpu")
    assert missing_requirements(_info("framework-cpu", "numpy")) == ()
    assert missing_requirements(_info("framework-gpu | framework-cpu")) == ()
    assert missing_requirements(_info("framework-gpu|framework-tpu", "numpy")) == (
        "framework-gpu|framework-tpu",
    )


def test_install_command_names_the_first_alternative_or_what_the_plugin_says():
    assert install_command(_info("a | b", "c")) == "pip install a c"
    assert install_command(_info("a | b", install="conda install a")) == "conda install a"


def test_a_trainer_of_version_1_is_told_what_to_rename():
    """Of a plugin that states no version, where its framework is imported."""
    with pytest.raises(PluginError, match="set_parameters is set_variables"):

        class OldTrainer(Trainer):
            def set_parameters(self, arrays): ...


@pytest.mark.parametrize(
    ("place", "name"),
    [
        *(("name", name) for name in ("\ud800", "", "a" * 81, "../../x", "a\0b", "Swift", "a\n")),
        *(("division", name) for name in ("\ud800", "a b", "-a")),
    ],
)
def test_a_name_that_no_file_can_hold_is_kept_out(install, name, place):
    names = (name, "idiomatic") if place == "name" else ("swift", name)
    install(
        "swift",
        "import benchbench\n@benchbench.hookimpl\ndef benchbench_backends():\n"
        f"    return [benchbench.BackendInfo({names[0]!r}, (), None, ({names[1]!r},))]",
    )
    registry = load_registry()
    (bad,) = [one for one in registry.quarantined if one.plugin == "swift"]
    assert f"has the name {name!r}: expected 1 to 80 small letters" in bad.reason


def test_a_backend_without_the_idiomatic_division_is_kept_out(install):
    install(
        "swift",
        "import benchbench\n@benchbench.hookimpl\ndef benchbench_backends():\n"
        "    return [benchbench.BackendInfo('swift', (), None, ('tuned',))]",
    )
    (bad,) = [one for one in load_registry().quarantined if one.plugin == "swift"]
    assert "expected 'idiomatic' among them" in bad.reason
