"""The page on the Python API: its code runs, in order, as it stands."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "python-api.md").read_text()


def test_the_code_on_the_page_runs(no_calibration, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec("\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)), {})  # noqa: S102
    said = capsys.readouterr().out
    assert said.count(" ok ") == 2, "two blocks of single-layer"
    assert "is whole: each of its 1 blocks has a good run of every cell" in said
    assert "Results(3 runs of 2 sessions) Comparisons(0 ratios in 1 sections)" in said
    assert "holds ['data', 'architecture', 'forward'" in said
    assert len(list((tmp_path / "my-results" / "runs").glob("*.json"))) == 2


def test_every_name_of_the_api_is_on_the_page():
    for name in ("run", "resume", "certify", "load_results", "load_model", "load_protocol"):
        assert f"bb.{name}(" in PAGE
