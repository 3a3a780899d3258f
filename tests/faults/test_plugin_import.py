"""A plugin that ends, hangs or breaks the process that imports it is kept out by its name."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchbench.errors import UsageError
from benchbench.experiments.executors import find_executor
from benchbench.experiments.session import find_dataset
from benchbench.plugins import reading
from benchbench.plugins.registry import load_registry
from benchbench.run.probe import probe

GOOD = """
import benchbench

class Swift(benchbench.Backend):
    def versions(self): return {"swift": "1"}
    def devices(self): return ("cpu",)
    def trainer(self, *arguments, **options): raise benchbench.Unsupported("not here")

@benchbench.hookimpl
def benchbench_backends():
    return [benchbench.BackendInfo("swift", (), Swift)]
"""
HOOK = "import benchbench\n@benchbench.hookimpl\ndef benchbench_{kind}():\n    {code}"
DEADLY = {
    "exit": ("import os; os._exit(0)", "ended with exit code 0"),
    "segfault": ("import ctypes; ctypes.string_at(0)", "killed by signal 11 (SIGSEGV)"),
    "real-time-signal": ("import os; os.kill(os.getpid(), 40)", "killed by signal 40"),
    "endless-loop": ("while True: pass", "took more than 2 s"),
    "ctrl-c": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "sys-exit": ("raise SystemExit", "SystemExit"),
    "own-exception": (
        "class Odd(BaseException):\n    def __str__(self): return 1 / 0\nraise Odd",
        "Odd: its message cannot be had",
    ),
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BENCHBENCH_DISABLE", "torch, keras, numpy, jax")


@pytest.fixture
def _soon(monkeypatch):
    """Wait two seconds for a plugin: a machine that stands still for one is no fault."""
    monkeypatch.setattr(reading, "READING_SECONDS", 2.0)


def _reason(plugin: str) -> str:
    registry = load_registry()
    assert list(registry.backends) == ["swift"]
    (bad,) = [one for one in registry.quarantined if not one.disabled]
    assert bad.plugin == plugin
    return bad.reason


@pytest.mark.usefixtures("_soon")
def test_what_ends_or_hangs_its_process_costs_nobody_else_anything(install):
    for kind, (code, _) in DEADLY.items():
        install(f"bad-{kind}", code)
    install("good-plugin", GOOD)
    registry = load_registry()
    assert list(registry.backends) == ["swift"]
    reasons = {one.plugin: one.reason for one in registry.quarantined if not one.disabled}
    assert list(reasons) == sorted(f"bad-{kind}" for kind in DEADLY)
    for kind, (_, reason) in DEADLY.items():
        assert reason in reasons[f"bad-{kind}"]
    ours = {name for name in sys.modules if name.startswith(("bad_", "good_plugin"))}
    assert not ours, "imported in this process"


def test_a_hook_that_ends_the_process_is_told_by_name(install):
    kinds = ("backends", "datasets", "executors", "models")
    for kind in kinds:
        install(f"bad-{kind}", HOOK.format(kind=kind, code="import os; os._exit(0)"))
    install("good-plugin", GOOD)
    registry = load_registry()
    assert list(registry.backends) == ["swift"]
    reasons = {one.plugin: one.reason for one in registry.quarantined if not one.disabled}
    assert list(reasons) == [f"bad-{kind}" for kind in kinds]
    for plugin, reason in reasons.items():
        assert "ended with exit code 0" in reason
        assert f"uninstall {plugin}, or set BENCHBENCH_DISABLE={plugin}" in reason


@pytest.mark.usefixtures("_soon")
def test_a_plugin_that_hangs_leaves_nothing_running_and_no_other_worker_imports_it(
    install, tmp_path
):
    pids = tmp_path / "pids"
    install(
        "a-bad-plugin",
        "import os, subprocess\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"open({str(pids)!r}, 'a').write(f'{{os.getpid()}} {{child.pid}} ')\nwhile True: pass",
    )
    install("good-plugin", GOOD)
    registry = load_registry()
    answer = probe(registry.backend("swift"), timeout_seconds=60)
    assert answer.devices == ("cpu",)
    both = pids.read_text().split()
    assert len(both) == 2, "imported once"
    for pid in both:
        status = Path(f"/proc/{pid}/status")
        assert not status.exists() or "State:\tZ" in status.read_text()


@pytest.mark.usefixtures("_soon")
def test_a_hang_is_waited_for_once_and_again_when_the_plugin_changes(install, tmp_path):
    install("a-bad-plugin", "while True: pass")
    install("good-plugin", GOOD)
    _reason("a-bad-plugin")
    since = time.monotonic()
    _reason("a-bad-plugin")
    assert time.monotonic() - since < 1
    (tmp_path / "site-packages" / "a_bad_plugin.py").write_text(GOOD.replace("swift", "mended"))
    assert "mended" in load_registry().backends


def test_what_a_plugin_imports_is_part_of_what_it_declares(install, tmp_path):
    helper = tmp_path / "site-packages" / "helper_of_it.py"
    install("good-plugin", f"from helper_of_it import NAME\n{GOOD}".replace('"swift"', "NAME"))
    for name in ("swift", "swallow"):
        helper.write_text(f"NAME = {name!r}")
        assert name in load_registry().backends
    os.utime(helper, ns=(1, 1))
    assert "swallow" in load_registry().backends


def test_a_refusal_under_other_variables_does_not_last(install, monkeypatch):
    install("good-plugin", f"import os\nos.environ['SWIFT_HOME']\n{GOOD}")
    assert "swift" not in load_registry().backends
    monkeypatch.setenv("SWIFT_HOME", "somewhere")
    assert "swift" in load_registry().backends


def test_a_damaged_cache_is_made_anew(install, tmp_path):
    install("good-plugin", GOOD)
    for content in (b"", b"[]", b"[" * 100_000):
        assert "swift" in load_registry().backends
        kept = list((tmp_path / "cache" / "declarations").iterdir())  # ours are read so too
        for path in kept:
            assert path.stat().st_size > 100
            path.write_bytes(content)


def test_a_cache_that_cannot_be_written_is_done_without(install, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path / "file"))
    install("good-plugin", GOOD)
    assert "swift" in load_registry().backends


def test_list_names_the_guilty_and_what_to_do(install):
    install("a-bad-plugin", "import os; os._exit(0)")
    install("good-plugin", GOOD)
    done = subprocess.run(
        [sys.executable, "-m", "benchbench", "list"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("a-bad-plugin")]
    assert "quarantined" in line
    assert "BENCHBENCH_DISABLE=a-bad-plugin" in line
    assert any(line.startswith("swift ") for line in done.stdout.splitlines())


def test_asking_for_what_was_kept_out_says_so(install):
    install("a-bad-plugin", "import os; os._exit(0)")
    registry = load_registry()
    with pytest.raises(UsageError, match=r"left out: .*a-bad-plugin of a-bad-plugin"):
        registry.backend("its-backend")
    for find in (find_executor, lambda *asked: find_dataset(*asked, [], note=print)):
        with pytest.raises(UsageError, match=r"'a-bad-plugin' of .* quarantined: .* exit code 0"):
            find("a-bad-plugin", registry)


DAMAGED = {
    "no-module": "[benchbench]\nno-module = a b: c\n",
    "relative": "[benchbench]\nrelative = ..x\n",
    "no-attribute": "[benchbench]\nno-attribute = os:nothing.here\n",
}


def test_an_entry_point_that_names_nothing_is_told_by_name(install, tmp_path):
    install("good-plugin", GOOD)
    for name, text in DAMAGED.items():
        install(name, "")
        module = name.replace("-", "_")
        place = tmp_path / "site-packages" / f"{module}-1.0.dist-info"
        (place / "entry_points.txt").write_text(text)
    registry = load_registry()
    assert list(registry.backends) == ["swift"]
    assert [one.plugin for one in registry.quarantined if not one.disabled] == sorted(DAMAGED)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[benchbench]\nno equals sign\n"])
def test_a_distribution_of_which_nothing_can_be_read_stops_nobody(install, tmp_path, content):
    install("good-plugin", GOOD)
    install("half-gone")
    place = tmp_path / "site-packages" / "half_gone-1.0.dist-info"
    (place / "METADATA").unlink()
    (place / "entry_points.txt").write_bytes(content)
    assert "swift" in load_registry().backends
