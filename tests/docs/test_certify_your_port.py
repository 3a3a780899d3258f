"""The page "Certify your port": its two files, its command, and what it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchbench.testing import assert_same_training

PAGE = (Path(__file__).parents[2] / "docs" / "certify-your-port.md").read_text()
MODEL, PORT, TEST = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

pytestmark = pytest.mark.skipif(
    find_spec("torch") is None or find_spec("keras") is None, reason="needs torch and Keras"
)


@pytest.mark.exhaustive
def test_the_page_is_one_screen_and_its_command_says_what_it_shows(tmp_path):
    assert len(PAGE.splitlines()) < 80
    (tmp_path / "my_model.py").write_text(MODEL)
    (tmp_path / "my_port.py").write_text(PORT)
    command, *shown = re.search(r"```console\n\$ (.*?)```", PAGE, re.DOTALL)[1].splitlines()
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert not [line for line in shown if line not in done.stdout.splitlines()], done.stdout


def test_the_helper_tells_a_wrong_port(tmp_path):
    assert "assert_same_training(" in TEST
    path = tmp_path / "my_port.py"
    path.write_text(
        PORT + PORT[PORT.index("def net") :].replace("net()", "wide()").replace("32", "33")
    )
    with pytest.raises(AssertionError, match=r"(?s)rung: architecture.*\(784, 32\).*\(784, 33\)"):
        assert_same_training(f"{path}:net", f"{path}:wide")


def test_the_helper_refuses_what_no_other_process_can_make():
    with pytest.raises(TypeError, match="at the top of a file"):
        assert_same_training(lambda: None, lambda: None)
