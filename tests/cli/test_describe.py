"""`benchbench describe`: the layer table, by name and from a file."""

import json
import re

import pytest

from benchbench.spec.catalog import MODELS
from benchbench.spec.files import dump, load_model


def test_the_layer_table_of_deeper_cnn(benchbench):
    answer = benchbench("describe", "deeper-cnn")
    assert answer.exit_code == 0
    lines = answer.stdout.splitlines()
    table = [re.split(r"\s{2,}", line.strip()) for line in lines if re.match(r"[A-Z]\w+\(", line)]
    assert table == [
        ["Conv2D(32, 3x3, relu)", "(26, 26, 32)", "320", "3*3*1*32 + 32 = 320", "411,008"],
        ["MaxPool2D(2x2)", "(13, 13, 32)", "0", "0"],
        ["Conv2D(32, 3x3, relu)", "(11, 11, 32)", "9,248", "3*3*32*32 + 32 = 9,248", "2,234,144"],
        ["MaxPool2D(2x2)", "(5, 5, 32)", "0", "0"],
        ["Flatten()", "(800)", "0", "0"],
        ["Dense(10, softmax)", "(10)", "8,010", "800*10 + 10 = 8,010", "16,010"],
    ]
    totals = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in lines[-7:])
    assert totals["parameters"] == "17,578"
    assert totals["forward"].startswith("2,661,162 FLOPs")
    assert totals["training"].startswith("7,572,478 FLOPs")
    assert "0.9840" in totals["published"]


def test_json(benchbench):
    answer = json.loads(benchbench("describe", "two-layer", "--json").stdout)
    assert answer["parameter_count"] == 407_050
    assert [layer["parameter_count"] for layer in answer["layers"]] == [0, 401_920, 5_130]
    assert answer["layers"][0]["parameter_count_formula"] is None
    assert len(answer["spec_sha256"]) == 64


@pytest.mark.parametrize("name", MODELS)
def test_toml_is_a_start_for_a_model_of_ones_own(benchbench, tmp_path, name):
    path = tmp_path / "copy.toml"
    path.write_text(benchbench("describe", name, "--toml").stdout)
    assert load_model(path) == MODELS[name]
    assert benchbench("describe", str(path)).stdout == benchbench("describe", name).stdout


def test_a_file_that_bears_a_catalog_name_has_no_published_figure(benchbench, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(dump(MODELS["single-layer"]).replace("single-layer", "deeper-cnn"))
    answer = benchbench("describe", str(path))
    assert "deeper-cnn" in answer.stdout
    assert "published" not in answer.stdout


def test_a_protocol_is_told_in_a_line_and_settles_the_hash(benchbench, tmp_path):
    path = tmp_path / "sgd.toml"
    path.write_text("clip_norm = 1.0\n[optimizer]\ntype = 'SGD'\nmomentum = 0.9\n")
    told = benchbench("describe", "single-layer", "--protocol", str(path)).stdout
    assert "SGD(0.01, momentum=0.9); gradients clipped to norm 1" in told
    plain = benchbench("describe", "single-layer").stdout
    assert "Adam(0.001)" in plain
    hashes = [re.search("sha256 ([0-9a-f]{64})", one)[1] for one in (told, plain)]
    assert hashes[0] != hashes[1]
    path.write_text("[optimizer]\ntype = 'SGD'\nmomentum = 1.0\n")
    answer = benchbench("describe", "single-layer", "--protocol", str(path))
    assert answer.exit_code == 2
    assert f"{path}, line 3: expected a number, at least 0 and below 1" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["deper-cnn"], "did you mean 'deeper-cnn'?"),
        (["gone.toml"], "cannot read the spec file gone.toml"),
        (["two-layer", "--json", "--toml"], "give one of them"),
        ([], "Missing argument"),
    ],
)
def test_refusals(benchbench, arguments, reason):
    answer = benchbench("describe", *arguments)
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert reason in answer.stderr


def test_a_broken_file_names_its_line(benchbench, tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text(dump(MODELS["two-layer"]).replace("units = 512", "units = 0"))
    answer = benchbench("describe", str(path))
    assert answer.exit_code == 2
    assert re.match(rf"error: {re.escape(str(path))}, line \d+: .*at least 1", answer.stderr)
