"""TOML in, TOML out, and the line at fault in every refusal."""

from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.errors import SpecError, UsageError
from benchbench.spec.catalog import MODELS
from benchbench.spec.faults import find_faults
from benchbench.spec.files import dump, load_model, load_protocol
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.toml_lines import lines_of

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
        ("filters = 8", "filters = 0", 6, "a whole number, at least 1, but it is 0 ("),
        ("filters = 8", 'filters = "8"', 6, 'a whole number, at least 1, but it is "8"'),
        ("filters = 8", "filters = 8.5", 6, "but it is 8.5"),
        (
            'activation = "relu"',
            'activation = "RELU"',
            8,
            "did you mean 'relu'?",
        ),
        (
            "units = 10",
            "units = 10\nbias = false",
            20,
            "Dense has the fields units, activation, use_bias, but",
        ),
        ("units = 10", "units = 1", 17, "at least 2 units"),
        ('type = "Flatten"', 'type = "Flat"', 15, "but it is \"Flat\", did you mean 'Flatten'?"),
        ('[[layers]]\ntype = "Flatten"\n', "", 15, "put a Flatten layer before it"),
        (
            "input_shape = [28, 28, 1]",
            "input_shape = []",
            2,
            "a list of at least 1, each",
        ),
        ("input_shape = [28, 28, 1]", "input_shape = [28, 0, 1]", 2, "at input_shape.1"),
        ('name = "mine"', 'name = "My Net"', 1, "text that matches ^"),
        (
            'name = "mine"',
            'name = "mine"\ncolour = "red"',
            2,
            "input_shape, layers, but there",
        ),
        ("kernel_size = [3, 3]", "kernel_size = [3, 30]", 7, "larger than its input"),
        (
            "kernel_size = [3, 3]\n",
            "",
            4,
            "'kernel_size' is missing; expected a list of 2",
        ),
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
    with pytest.raises(UsageError, match=r", line 5: .*at least 1"):
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
        ("epochs = 0\n", 1, "at least 1"),
        ("batch_size = 128\nepochs = true\n", 2, "a whole number, at least 1, but it is true"),
        ('[optimizer]\ntype = "SDG"\n', 2, "did you mean 'SGD'?"),
        ('[optimizer]\ntype = "Adam"\nbeta_1 = 1.0\n', 3, "at least 0 and below 1, but it is 1.0"),
        ('[optimizer]\ntype = "Adam"\nlearning_rate = nan\n', 3, "Piecewise, but it is nan"),
        (
            '[optimizer]\ntype = "Adam"\nlearning_rate = inf\n',
            3,
            "Piecewise, but it is inf",
        ),
        ("epoch = 9\n", 1, "but there is 'epoch', did you mean 'epochs'?"),
    ],
)
def test_protocols_are_refused_likewise(write, text, line, reason):
    path = write(text)
    with pytest.raises(UsageError) as refusal:
        load_protocol(path)
    assert str(refusal.value).startswith(f"{path}, line {line}: ")
    assert reason in str(refusal.value)


def test_line_of_a_place_that_is_nowhere_is_its_parents():
    assert lines_of(GOOD, [("layers", 1, "colour")])[0] == 10
    assert lines_of(GOOD, [()])[0] == 1


def test_every_fault_of_a_file_is_told_at_once_in_the_order_of_its_lines(write):
    text = GOOD.replace("filters = 8", "filter = 8").replace("units = 10", "units = -1")
    path = write(
        text.replace('"softmax"', '"sofmax"').replace("pool_size = [2, 2]", "pool_size = 2")
    )
    with pytest.raises(UsageError) as refusal:
        load_model(path)
    assert str(refusal.value).splitlines() == [
        f"{path}, line {line}: {reason}"
        for line, reason in [
            (
                4,
                "'filters' is missing; expected a whole number, at least 1 (at layers.0)",
            ),
            (
                6,
                "Conv2D has the fields filters, kernel_size, activation, strides, padding, groups, "
                "dilation, use_bias, but there is 'filter', "
                "did you mean 'filters'? (at layers.0.filter)",
            ),
            (
                12,
                "expected a list of 2, each a whole number, at least 1, but it is 2 "
                "(at layers.1.pool_size)",
            ),
            (19, "expected a whole number, at least 1, but it is -1 (at layers.3.units)"),
            (
                20,
                "expected one of linear, relu, relu6, leaky_relu, elu, gelu, gelu_tanh, silu, "
                'tanh, sigmoid, softmax, but it is "sofmax", did you mean '
                "'softmax'? (at layers.3.activation)",
            ),
        ]
    ]


def test_of_very_many_faults_a_screenful_is_told(write):
    with pytest.raises(UsageError) as refusal:
        load_model(write(GOOD + "x = 1\n" + "".join(f"x{n} = {n}\n" for n in range(99))))
    told = str(refusal.value).splitlines()
    assert len(told) == 21
    assert told[-1] == "there are more"


class Cosine(msgspec.Struct, forbid_unknown_fields=True, tag_field="type", tag="Cosine"):
    decay_steps: Annotated[int, msgspec.Meta(ge=1, description="the steps of the decay")]

    def __post_init__(self) -> None:
        if self.decay_steps == 13:
            raise SpecError("thirteen", ("decay_steps",))


class Later(msgspec.Struct, forbid_unknown_fields=True):
    """Kinds of fields that no spec has yet: a number or a table, what may be absent, tables."""

    rate: Annotated[float, msgspec.Meta(gt=0)] | Cosine = 0.1
    clip: Literal["norm", "value"] | None = None
    inner: tuple["Later", ...] = ()


@pytest.mark.parametrize(
    ("value", "reason", "path"),
    [
        ({"rate": -1}, "a number, above 0 or a table whose 'type' is Cosine, but it is -1", "rate"),
        ({"rate": {}}, "'type' is missing; expected Cosine", "rate"),
        (
            {"rate": {"type": "cosine"}},
            "did you mean 'Cosine'?",
            "rate.type",
        ),
        (
            {"rate": {"type": "Cosine", "decay_steps": 0}},
            "expected the steps of the decay, but it is 0",
            "rate.decay_steps",
        ),
        ({"rate": {"type": "Cosine", "decay_steps": 13}}, "thirteen", "rate.decay_steps"),
        ({"clip": "nrom"}, 'expected one of norm, value, but it is "nrom", did you mean', "clip"),
        ({"clip": 1}, "expected one of norm, value or nothing, but it is 1", "clip"),
        ({"inner": [{}, {"inner": [{"clip": 2}]}]}, "but it is 2", "inner.1.inner.0.clip"),
        ({"inner": 3}, "a list, each a table, but it is 3", "inner"),
        ([1, 2], "expected a table, but it is [1, 2]", ""),
    ],
    ids=str,
)
def test_what_is_allowed_is_read_off_the_types(value, reason, path):
    (fault,) = find_faults(value, Later)
    assert reason in fault.reason
    assert ".".join(map(str, fault.path)) == path


@given(st.recursive(st.none() | st.integers(-1, 9) | st.text("ab"), st.lists) | st.none())
def test_what_msgspec_refuses_has_a_fault_and_nothing_else_has(value):
    table = {"rate": value, "inner": [{"clip": value}]}
    try:
        msgspec.convert(table, Later)
    except msgspec.ValidationError:
        assert list(find_faults(table, Later))
    else:
        assert not list(find_faults(table, Later))


def test_what_no_file_could_hold_is_refused_in_python_too():
    with pytest.raises(SpecError, match="epochs: no spec file could hold it"):
        TrainingProtocol(epochs=object())
    with pytest.raises(SpecError, match=r"epochs: expected .*, but it is a number of more than 64"):
        TrainingProtocol(epochs=10**5_000)
