"""The page on the Python API: its code runs, in order, as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "python-api.md").read_text()


def test_the_code_on_the_page_runs(tmp_path):
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"BENCHBENCH_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" ok ") == 2, "two blocks of single-layer"
    assert "Results(3 runs of 2 sessions) Comparisons(0 ratios in 1 sections)" in done.stdout
    assert "holds ['data', 'architecture', 'forward'" in done.stdout
    assert len(list((tmp_path / "my-results" / "runs").glob("*.json"))) == 2


def test_every_name_of_the_api_is_on_the_page():
    for name in ("run", "certify", "load_results", "load_model", "load_protocol"):
        assert f"bb.{name}(" in PAGE
