"""What keeps the tree small and clear: one type a name, files that can be read at once."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("benchbench", "backends", "studies")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def test_no_two_public_types_have_one_name():
    places = defaultdict(set)
    for path in (ROOT / "benchbench").rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            named = node.name if isinstance(node, ast.ClassDef) else None
            if isinstance(node, ast.AnnAssign) and "TypeAlias" in ast.unparse(node.annotation):
                named = ast.unparse(node.target)
            if named and not named.startswith("_"):
                places[named].add(path.relative_to(ROOT).as_posix())
    assert len(places) > 100
    assert not {name: sorted(files) for name, files in places.items() if len(files) > 1}


def test_no_file_is_longer_than_300_lines():
    longer = {
        str(path.relative_to(ROOT)): count
        for path in FILES
        if (count := len(path.read_text().splitlines())) > 300
    }
    assert not longer


def test_the_command_line_is_under_2000_lines():
    lines = [path.read_text().splitlines() for path in (ROOT / "benchbench" / "cli").glob("*.py")]
    assert 500 < sum(map(len, lines)) < 2000


def test_no_experiment_prints():
    for path in (ROOT / "benchbench" / "experiments").rglob("*.py"):
        calls = [
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
        ]
        names = {ast.unparse(call.func) for call in calls}
        assert not names & {"print", "typer.echo", "sys.stdout.write"}, path
