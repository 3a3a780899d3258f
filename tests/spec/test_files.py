"""TOML in, TOML out, and the line at fault in every refusal."""

import pytest
from hypothesis import given

from benchbench.errors import UsageError
from benchbench.spec.catalog import MODELS
from benchbench.spec.files import dump, line_of, load_model, load_protocol

GOOD = """\
name = "mine"
input_shape = [28, 28, 1]

[[layers]]
type = "Conv2D"
filters = 8
kernel_size = [3, 3]
activation = "relu"

[[layers]]
type = "MaxPool2D"
pool_size = [2, 2]

[[layers]]
type = "Flatten"

[[layers]]
type = "Dense"
units = 10
activation = "softmax"
"""


@pytest.fixture
def write(tmp_path):
    """Write a spec file and return its path."""

    def _write(text):
        path = tmp_path / "spec.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def test_any_model_reads_back(models, tmp_path):
    path = tmp_path / "model.toml"

    @given(models)
    def check(model):
        path.write_text(dump(model), encoding="utf-8")
        assert load_model(path) == model

    check()


def test_any_protocol_reads_back(protocols, tmp_path):
    path = tmp_path / "protocol.toml"

    @given(protocols)
    def check(protocol):
        path.write_text(dump(protocol), encoding="utf-8")
        assert load_protocol(path) == protocol

    check()


@pytest.mark.parametrize("name", MODELS)
def test_the_catalog_reads_back(name, write):
    assert load_model(write(dump(MODELS[name]))) == MODELS[name]


def test_a_file_by_hand(write):
    model = load_model(write(GOOD))
    assert model.parameter_count == 3 * 3 * 8 + 8 + 13 * 13 * 8 * 10 + 10


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("pool_size = [2, 2]", "pool_size = [27, 2]", 12, "larger than its input of 26x26"),
        ("filters = 8", "filters = 0", 6, "`int` >= 1"),
        ("filters = 8", 'filters = "8"', 6, "Expected `int`"),
        ("filters = 8", "filters = 8.5", 6, "Expected `int`"),
        ('activation = "relu"', 'activation = "tanh"', 8, "tanh"),
        ("units = 10", "units = 10\nbias = false", 20, "bias"),
        ("units = 10", "units = 1", 17, "at least 2 units"),
        ('type = "Flatten"', 'type = "Flat"', 15, "Flat"),
        ('[[layers]]\ntype = "Flatten"\n', "", 15, "put a Flatten layer before it"),
        ("input_shape = [28, 28, 1]", "input_shape = [28, 28]", 2, "length 3"),
        ("input_shape = [28, 28, 1]", "input_shape = [28, 0, 1]", 2, "`int` >= 1"),
        ('name = "mine"', 'name = "My Net"', 1, "matching regex"),
        ('name = "mine"', 'name = "mine"\ncolour = "red"', 2, "colour"),
        ("kernel_size = [3, 3]", "kernel_size = [3, 30]", 7, "larger than its input"),
        ("kernel_size = [3, 3]\n", "", 4, "kernel_size"),
        ('activation = "softmax"', 'activation = "relu"', 17, "must be the output layer"),
    ],
    ids=lambda value: str(value).replace("\n", "/")[:30],
)
def test_refusals_name_file_line_and_fault(write, old, new, line, reason):
    assert old in GOOD
    path = write(GOOD.replace(old, new))
    with pytest.raises(UsageError) as refusal:
        load_model(path)
    message = str(refusal.value)
    assert message.startswith(f"{path}, line {line}: "), message
    assert reason in message


def test_no_layers_at_all(write):
    with pytest.raises(UsageError, match=r"line 1: .*layers"):
        load_model(write('name = "mine"\ninput_shape = [28, 28, 1]\n'))


def test_no_output_layer(write):
    path = write(GOOD[: GOOD.rindex("[[layers]]")])
    with pytest.raises(UsageError, match=r"line 14: the last layer must be the output layer"):
        load_model(path)


def test_inline_tables_have_lines_too(write):
    path = write(
        'name = "mine"\n'
        "input_shape = [28, 28, 1]\n"
        "layers = [\n"
        '  { type = "Flatten" },\n'
        '  { type = "Dense", units = 0, activation = "relu" },\n'
        '  { type = "Dense", units = 10, activation = "softmax" },\n'
        "]\n"
    )
    with pytest.raises(UsageError, match=r", line 5: .*>= 1"):
        load_model(path)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('name = "mine\n', 1),
        ("name = 'a'\nname = 'b'\n", 2),
        ("a = [1,\n", 2),
        ("\n\n= 3\n", 3),
    ],
)
def test_broken_toml_says_where(write, text, line):
    with pytest.raises(UsageError, match=f"is not valid TOML.*(line {line}|end of document)"):
        load_model(write(text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read the spec file .*gone\.toml"):
        load_model(tmp_path / "gone.toml")


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot read the spec file"):
        load_model(path)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("epochs = 0\n", 1, "`int` >= 1"),
        ("batch_size = 128\nepochs = true\n", 2, "Expected `int`"),
        ('[optimizer]\ntype = "SGD"\n', 2, "SGD"),
        ('[optimizer]\ntype = "Adam"\nbeta_1 = 1.0\n', 3, "< 1"),
        ('[optimizer]\ntype = "Adam"\nlearning_rate = nan\n', 3, "> 0.0"),
        ('[optimizer]\ntype = "Adam"\nlearning_rate = inf\n', 3, "<= 1.79"),
        ("momentum = 0.9\n", 1, "momentum"),
    ],
)
def test_protocols_are_refused_likewise(write, text, line, reason):
    path = write(text)
    with pytest.raises(UsageError) as refusal:
        load_protocol(path)
    assert str(refusal.value).startswith(f"{path}, line {line}: ")
    assert reason in str(refusal.value)


def test_line_of_a_place_that_is_nowhere_is_its_parents():
    assert line_of(GOOD, ("layers", 1, "colour")) == 10
    assert line_of(GOOD, ()) == 1
