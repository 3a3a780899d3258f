"""TOML in, TOML out, and the line at fault in every refusal."""

import pytest
from hypothesis import given

from benchbench.errors import UsageError
from benchbench.spec.catalog import MODELS
from benchbench.spec.files import dump, load_model, load_protocol
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
        ('name = "mine"', 'name = "My Net"', 1, "at most 80 small letters, digits"),
        (
            'name = "mine"',
            'name = "mine"\ncolour = "red"',
            2,
            "input_shape, layers, input_type, but there",
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
def test_refusals_name_file_line_and_fault(check_refusal, old, new, line, reason):
    assert old in GOOD
    check_refusal(load_model, GOOD.replace(old, new), line, reason)


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
def test_protocols_are_refused_likewise(check_refusal, text, line, reason):
    check_refusal(load_protocol, text, line, reason)


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


def test_what_does_not_fit_is_told_at_once_wherever_it_stands(write):
    """Shapes behind a fault are the largest that it can give: no fault is told that may be none."""
    path = write("""\
name = "mine"
input_shape = [8, 8, 3]
layers = [
    { type = "Conv2D", filters = 4, kernel_size = [9, 9], groups = 2 },
    { type = "Conv2D", filters = 4, kernel_size = [3, 3], activation = "softmax" },
    { type = "MaxPool2D", pool_size = [20, 2] },
    { type = "Residual", layers = [
        { type = "Conv2D", filters = 5, kernel_size = [1, 1] },
        { type = "Conv2D", filters = 5, kernel_size = [30, 1], activation = "rleu" },
    ] },
    { type = "Dense", units = 10 },
    { type = "Flatten" },
]
""")
    with pytest.raises(UsageError) as refusal:
        load_model(path)
    told = [line.partition(": ")[2] for line in str(refusal.value).splitlines()]
    expected = [
        "layer 1: Conv2D's 2 groups must divide its input's 3 channels and its 4 filters",
        "layer 1: Conv2D's kernel of 9x9 is larger than its input of 8x8",
        "softmax belongs to the output layer only",
        "layer 3: MaxPool2D's window of 20x2 is larger than its input of 6x6",
        "expected one of linear, relu",
        "layer 4: layers, layer 2: Conv2D's kernel of 30x1 is larger than its input of 6x6",
        "layer 5: Dense expects a row of features",
        "the last layer must be the output layer",
    ]
    assert len(told) == len(expected), told
    for words in expected:
        assert any(words in line for line in told), words


def test_a_shape_that_hangs_on_a_wrong_field_is_not_guessed(write):
    text = GOOD.replace("kernel_size = [3, 3]", 'kernel_size = "3x3"')
    path = write(text.replace("pool_size = [2, 2]", "pool_size = [99, 2]"))
    with pytest.raises(UsageError) as refusal:
        load_model(path)
    assert len(str(refusal.value).splitlines()) == 1
