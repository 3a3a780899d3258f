"""`.ci/run` installs a browser and Slurm where it may, and tests wait for what it installs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("flock") is None, reason="there is no flock")
ROOT = Path(__file__).parents[1]
# In the place of tox: a test that looks for two programs, while they are installed.
TOX = f"""#!{sys.executable}
import pathlib, sys
sys.path.append({str(ROOT / "tests")!r})
import packages
found = [bool(packages.which(name)) for name in ("chromium", "slurmctld")]
print(found, flush=True)
pathlib.Path(sys.argv[0]).with_name("looked").touch()
"""
# It goes on once a test waits for it, or has not waited.
APT = """#!/bin/bash
if [ "$1" = update ]; then
  waits="-> FLOCK .*:$(stat -c %i "$BENCHBENCH_INSTALLING") "
  until grep -q -- "$waits" /proc/locks || [ -e "$LOOKED" ]; do :; done
  exit
fi
for name; do [[ $name =~ $REFUSED ]] && exit 100; done
for name; do case $name in chromium | slurmctld) cp "$BIN/program" "$BIN/$name" ;; esac; done
"""
NEEDED = (
    "bash",
    "cat",
    "cp",
    "dirname",
    "flock",
    "grep",
    "mktemp",
    "realpath",
    "rm",
    "stat",
    "timeout",
)


@pytest.fixture
def tree(tmp_path):
    """Lay out a tree with a README, and a path on which nothing else is; run `.ci/run` there."""
    binaries, home = tmp_path / "bin", tmp_path / "tree"
    for folder in (binaries, home / ".ci", home / ".venv" / "bin", tmp_path / "data"):
        folder.mkdir(parents=True)
    (home / ".ci" / "run").write_bytes((ROOT / ".ci" / "run").read_bytes())
    (home / "README.md").write_text("python3 -m venv x && .venv/bin/tox\n")

    def program(path, text):
        path.write_text(text)
        path.chmod(0o755)

    def run(*, user=0, apt=APT, refused="^$"):
        for name in NEEDED:
            (binaries / name).symlink_to(shutil.which(name))
        program(binaries / "program", "#!/bin/bash\n")
        program(binaries / "id", f"#!/bin/bash\necho {user}\n")
        program(binaries / "python3", "#!/bin/bash\n")
        program(home / ".venv" / "bin" / "tox", TOX)
        if apt:
            program(binaries / "apt-get", apt)
        environment = {"PATH": str(binaries), "BIN": str(binaries), "REFUSED": refused}
        environment["LOOKED"] = str(home / ".venv" / "bin" / "looked")
        environment["BENCHBENCH_DATA"] = str(tmp_path / "data")
        return subprocess.run(
            [shutil.which("bash"), str(home / ".ci" / "run")],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, [True, True]),
        ({"refused": "chromium"}, [False, True]),
        ({"refused": "munge"}, [True, False]),
        ({"user": 1000}, [False, False]),
        ({"apt": None}, [False, False]),
    ],
)
def test_what_can_be_installed_is_there_when_a_test_looks(tree, options, found):
    done = tree(**options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(found)
