"""What keeps the tree small and clear: one type a name, files that can be read at once."""

from __future__ import annotations

import ast
import re
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


def test_the_command_line_is_thin():
    lengths = {
        path.stem: len(path.read_text().splitlines())
        for path in (ROOT / "benchbench" / "cli").glob("*.py")
    }
    assert 500 < sum(lengths.values()) < 2000
    shared = {"options", "progress"}
    longer = {name: length for name, length in lengths.items() if length > 100}
    assert longer.keys() <= shared, f"a verb is over 100 lines: {longer}"


def test_the_pytest_plugin_has_under_600_lines_of_code():
    files = (ROOT / "benchbench" / "pytest_plugin").glob("*.py")
    assert 100 < sum(code_lines(path.read_text()) for path in files) < 600


def code_lines(source: str) -> int:
    """Count the lines that are neither empty nor a comment nor of a docstring."""
    tree = ast.parse(source)
    documented = [
        node.body[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node)
    ]
    prose = {line for text in documented for line in range(text.lineno, (text.end_lineno or 0) + 1)}
    return sum(
        bool(line.strip()) and not line.lstrip().startswith("#") and number not in prose
        for number, line in enumerate(source.splitlines(), 1)
    )


def test_no_experiment_prints():
    for path in (ROOT / "benchbench" / "experiments").rglob("*.py"):
        calls = [
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
        ]
        names = {ast.unparse(call.func) for call in calls}
        assert not names & {"print", "typer.echo", "sys.stdout.write"}, path


# Sentences that were read twice (the field has a word), and their siblings.
RIDDLES = re.compile(
    r"took turns|reaches across|among so many rows|had its turn|what this machine can tell apart|"
    r"fault can sleep|another state of|until every ratio is known|run of it was well|all well\b|"
    r"uncorrected root(?!\]|`|\")|nothing to be it"
)


def test_no_riddle_is_back():
    pages = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    rooms = ("cli", "report", "compare", "experiments", "figures", "exports", "spec", "data")
    code = [path for room in rooms for path in (ROOT / "benchbench" / room).rglob("*.py")]
    found = [
        f"{path.relative_to(ROOT)}: {one}"
        for path in (*pages, *code)
        for one in RIDDLES.findall(path.read_text())
    ]
    assert not found
