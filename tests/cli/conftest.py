"""The command line, called in this process as the `benchbench` command calls it."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchbench.cli import main


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture
def benchbench(capsys, monkeypatch) -> Callable[..., Answer]:
    """Run `benchbench ARGUMENTS...`."""
    # main() takes SIGTERM for itself.
    monkeypatch.setattr(main.signal, "signal", lambda *_: signal.SIG_DFL)

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["benchbench", *arguments])
        with pytest.raises(SystemExit) as stop:
            main.main()
        said = capsys.readouterr()
        return Answer(int(stop.value.code or 0), said.out, said.err)

    return call


@pytest.fixture
def install(tmp_path, monkeypatch) -> Iterator[Callable[[str, str], None]]:
    """Install a plugin distribution, for this process and for those it starts."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))

    installed: list[str] = []

    def _install(distribution: str, code: str) -> None:
        module = Path(distribution.replace("-", "_"))
        info = site / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(f"[benchbench]\n{distribution} = {module}\n")
        (site / f"{module}.py").write_text(code)
        importlib.invalidate_caches()
        installed.append(str(module))

    yield _install
    for name in installed:
        sys.modules.pop(name, None)
