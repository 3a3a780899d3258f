"""A spec file that is wrong is refused in a sentence and at once, however it is wrong."""

from __future__ import annotations

import os
import socket
import tomllib

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from benchbench.errors import SpecError, UsageError
from benchbench.spec import toml_lines
from benchbench.spec.files import load_model, load_protocol
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.toml_lines import lines_of

HEAD = 'name = "mine"\ninput_shape = [28, 28, 1]\n'
LAYER = '[[layers]]\ntype = "Dense"\nunits = 10\nactivation = "softmax"\n'


@pytest.fixture
def refused(tmp_path):
    """Write a text as a model and return why it is refused."""

    def _refused(text: str) -> str:
        path = tmp_path / "model.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UsageError) as caught:
            load_model(path)
        return str(caught.value)

    return _refused


LONG = {
    "comments": (HEAD + "# nothing\n" * 20_000 + LAYER + "colour = 1\n", 20_007),
    "layers": (
        HEAD + '[[layers]]\ntype = "Flatten"\n' * 10_000 + LAYER.replace("10", '"x"'),
        20_005,
    ),
    "an array": (
        HEAD + "layers = [\n" + '{type = "Flatten"},\n' * 20_000 + '{type = "x"}]',
        20_004,
    ),
    "a string": (HEAD + 'colour = """' + "x\n" * 20_000 + '"""\n' + LAYER, 3),
    "one line": (HEAD + "layers = [" + '{type = "Flatten"},' * 20_000 + '{type = "x"}]', 3),
    "keys": (HEAD + "".join(f"k{n} = {n}\n" for n in range(20_000)), 3),
}


@pytest.mark.parametrize("kind", LONG)
def test_the_line_at_fault_is_found_in_one_pass(refused, monkeypatch, kind):
    """It took 25 seconds, and four times that for twice the lines: each prefix was parsed."""
    parse, parsed = tomllib.loads, []

    def loads(text: str) -> dict[str, object]:
        parsed.append(len(text))
        return parse(text)

    monkeypatch.setattr(tomllib, "loads", loads)
    text, line = LONG[kind]
    assert f"model.toml, line {line}: " in refused(text)
    assert parsed == [len(text)]


def places(value: object, place: tuple[str | int, ...] = ()):
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield (*place, key)
        yield from places(value[key], (*place, key))


SCALARS = st.integers(-9, 99) | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=6)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text("ab.-\"'# [=\n", max_size=3), VALUES, max_size=4))
def test_what_is_found_is_what_tomllib_reads(content):
    text = tomli_w.dumps(content, multiline_strings=True)
    assert set(toml_lines._Lines(text).places) == set(places(tomllib.loads(text)))


def test_what_people_write_by_hand_is_found_too():
    text = '''# a "comment" = [
"quoted key".b = 1.5 # [[
[a]
x = [ # first
  1, 2,
  [3, {y = "]", "z.z" = 4}],
]
[[a.b]]
c = """
d = 1"""
[[a.b]]
e = 1979-05-27T07:32:00.5Z
f.g = \'\'\'x'\'\'\'
[a.b.h]
i = true
'''
    assert {place: lines_of(text, [place])[0] for place in places(tomllib.loads(text))} == {
        ("quoted key",): 2,
        ("quoted key", "b"): 2,
        ("a",): 3,
        ("a", "x"): 4,
        ("a", "x", 0): 5,
        ("a", "x", 1): 5,
        ("a", "x", 2): 6,
        ("a", "x", 2, 0): 6,
        ("a", "x", 2, 1): 6,
        ("a", "x", 2, 1, "y"): 6,
        ("a", "x", 2, 1, "z.z"): 6,
        ("a", "b"): 8,
        ("a", "b", 0): 8,
        ("a", "b", 0, "c"): 9,
        ("a", "b", 1): 11,
        ("a", "b", 1, "e"): 12,
        ("a", "b", 1, "f"): 13,
        ("a", "b", 1, "f", "g"): 13,
        ("a", "b", 1, "h"): 14,
        ("a", "b", 1, "h", "i"): 15,
    }


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5_000 + "]" * 5_000,
        "a = " + "{b=" * 5_000 + "1" + "}" * 5_000,
        "[" + ".".join("a" * 5_000) + "]\n",
        HEAD + ".".join(["layers"] * 5_000) + " = 1\n",
        HEAD + "layers = " + "[" * 120 + "]" * 120,
    ],
    ids=["arrays", "tables", "header", "key", "some arrays"],
)
def test_nesting_without_end_is_refused_in_a_sentence(refused, text):
    assert len(refused(text)) < 40_000


@pytest.mark.parametrize("number", [str(2**63), "9" * 400, "-1", "0"])
def test_a_count_that_no_array_has_is_refused(refused, number):
    assert ", line 5: " in refused(HEAD + LAYER.replace("10", number))
    with pytest.raises(SpecError, match="epochs"):
        TrainingProtocol(epochs=int(number))


@pytest.mark.parametrize("text", ["x = " + "9" * 5_000, HEAD + LAYER + "x = 1\0", "x = 2026-02-31"])
def test_what_tomllib_does_not_take_is_refused(refused, text):
    assert "is not valid TOML" in refused(text)


def test_what_is_no_file_is_refused_by_what_it_is(tmp_path):
    fifo, pipe = tmp_path / "fifo.toml", tmp_path / "socket.toml"
    os.mkfifo(fifo)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(pipe))
    for path, what in [
        *((fifo, "a FIFO"), (pipe, "a socket"), (tmp_path, "a folder")),
        (type(tmp_path)("/dev/zero"), "a device"),
    ]:
        for load in (load_model, load_protocol):
            with pytest.raises(UsageError, match=f"expected a file, but it is {what}"):
                load(path)


def test_bytes_that_are_no_text_and_a_file_without_end_are_refused(tmp_path):
    path = tmp_path / "model.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot read the spec file"):
        load_model(path)
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UsageError, match="more than 16,777,216 bytes"):
        load_model(path)
    with pytest.raises(UsageError, match="File name too long"):
        load_model(tmp_path / ("x" * 4_000))


def test_more_layers_than_are_allowed_are_counted(refused):
    flat = '[[layers]]\ntype = "Flatten"\n' * 1000
    told = refused(HEAD + flat + LAYER)
    assert told.endswith("line 3: expected a list of at most 1,000, but it has 1,001 (at layers)")


@pytest.mark.parametrize("lines", ["", "\n\n"])
def test_a_residual_in_itself_200_times_is_refused(refused, lines):
    deep = '{type = "Residual", layers = [' * 200 + lines + '{type = "Flatten"}' + "]}" * 200
    told = refused(f"{HEAD}layers = [{lines}{deep}]\n")
    assert f"line {3 + lines.count(chr(10)) * 2}: it is nested too deeply" in told
    assert "write them one after another" in told


def test_layers_that_lie_too_deep_are_refused_at_their_line(refused):
    heads = ["[[layers" + ".layers" * depth + ']]\ntype = "Residual"\n' for depth in range(200)]
    inmost = "[[layers" + ".layers" * 200 + ']]\ntype = "Flatten"\n'
    told = refused(HEAD + "".join(heads) + inmost + LAYER)
    assert "line 23: layers lie in layers 11 deep, at most 10 are allowed: write them one" in told


def test_a_mark_at_the_beginning_is_no_part_of_the_text(tmp_path):
    """Editors on Windows write one."""
    path = tmp_path / "model.toml"
    path.write_bytes(b"\xef\xbb\xbf" + (HEAD + '[[layers]]\ntype = "Flatten"\n' + LAYER).encode())
    assert load_model(path).name == "mine"


@pytest.mark.parametrize(
    ("encoding", "came"),
    [("utf-16", "it begins as UTF-16 does"), ("latin-1", "the byte at 2 is none of it")],
)
def test_another_encoding_is_told_with_its_cure(tmp_path, encoding, came):
    path = tmp_path / "model.toml"
    path.write_bytes(("# \xe9\n" + HEAD + LAYER).encode(encoding))
    with pytest.raises(UsageError, match=f"expected text in UTF-8, but {came}: save it as UTF-8"):
        load_model(path)


def test_a_file_that_is_not_there_is_told_with_its_nearest(tmp_path):
    (tmp_path / "my-model.toml").write_text(HEAD + LAYER)
    with pytest.raises(UsageError, match=r"No such file.*, did you mean 'my-model.toml'\?"):
        load_model(tmp_path / "my-modle.toml")


def test_a_model_is_no_protocol_and_a_protocol_no_model(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(HEAD + LAYER)
    with pytest.raises(UsageError, match=r"expected a training protocol, .* name it with --model"):
        load_protocol(path)
    path.write_text("epochs = 3\n")
    with pytest.raises(UsageError, match=r"expected a model, .* name it with --protocol"):
        load_model(path)


def test_a_path_may_be_a_text(tmp_path):
    (tmp_path / "x.toml").write_text("epochs = 3\n")
    assert load_protocol(str(tmp_path / "x.toml")).epochs == 3
