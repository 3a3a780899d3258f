"""The worker's environment: threads set, Keras's traps removed, the backend's word last."""

from __future__ import annotations

from pathlib import Path

from benchbench import BackendInfo
from benchbench.plugins.registry import load_registry
from benchbench.run.environment import noted, worker_environment
from benchbench.run.plan import Environment

INFO = BackendInfo(
    "x",
    (),
    lambda: None,
    environment=(("ENGINE", "jax"), ("POOL_THREADS", "{threads}"), ("X_HOME", "{home}/x")),
    removes=("MAX_EPOCHS", "ENGINE"),
    notes=("ENGINE", "X_"),
)


def test_the_backend_s_word_comes_last_and_the_rest_is_kept(tmp_path):
    outer = {
        "MAX_EPOCHS": "1",
        "ENGINE": "torch",
        "X_HOME": "/somewhere",
        "OMP_NUM_THREADS": "64",
        "PATH": "/bin",
    }
    environment = worker_environment(outer, info=INFO, threads=3, home=tmp_path)
    assert "MAX_EPOCHS" not in environment
    assert environment["ENGINE"] == "jax"
    assert environment["X_HOME"] == f"{tmp_path}/x"
    assert environment["OMP_NUM_THREADS"] == environment["POOL_THREADS"] == "3"
    assert environment["NVIDIA_TF32_OVERRIDE"] == "0"
    assert environment["MALLOC_TRIM_THRESHOLD_"] == str(1 << 30), "freed memory is kept"
    assert environment["PATH"] == "/bin"
    assert outer["OMP_NUM_THREADS"] == "64", "the conductor's own environment is left alone"


def test_variables_of_another_tree_take_the_place_of_the_declared_ones(tmp_path):
    place = Environment(variables=(("POOL_THREADS", "{threads}"),))
    environment = worker_environment({}, info=INFO, threads=2, home=tmp_path, place=place)
    assert environment["POOL_THREADS"] == "2"
    assert "ENGINE" not in environment


def test_keras_declares_its_traps(tmp_path):
    outer = {"KERAS_MAX_EPOCHS": "1", "KERAS_MAX_STEPS_PER_EPOCH": "1", "KERAS_BACKEND": "jax"}
    for name, engine in {"keras": "tensorflow", "keras-torch": "torch", "keras-jax": "jax"}.items():
        info = load_registry().backend(name)
        environment = worker_environment(outer, info=info, threads=3, home=tmp_path)
        assert environment["KERAS_BACKEND"] == engine
        assert environment["KERAS_HOME"] == str(tmp_path)
        assert not {"KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"} & set(environment)
        assert noted(environment, info.notes)["KERAS_BACKEND"] == engine
    assert environment.get("TF_NUM_INTRAOP_THREADS") is None
    info = load_registry().backend("keras")
    environment = worker_environment(outer, info=info, threads=3, home=tmp_path)
    assert environment["TF_NUM_INTRAOP_THREADS"] == environment["TF_NUM_INTEROP_THREADS"] == "3"


def test_the_record_notes_what_bends_a_measurement_and_nothing_private():
    outer = {"X_FLAGS": "x", "OMP_NUM_THREADS": "2", "HOME": "/h", "API_TOKEN": "t"}
    assert noted(outer) == {"OMP_NUM_THREADS": "2"}
    assert noted(outer, INFO.notes) == {"OMP_NUM_THREADS": "2", "X_FLAGS": "x"}


def test_a_record_does_not_name_the_folder_of_its_run():
    outer = {"X_CACHE": "/of/a/run/cache", "X_OTHER": "/opt/x"}
    expected = {"X_CACHE": "{home}/cache", "X_OTHER": "/opt/x"}
    assert noted(outer, INFO.notes, home=Path("/of/a/run")) == expected


def test_a_worker_runs_on_its_processors_with_its_threads(command):
    command.run("null", "--threads", "1")
    record = command.record()
    assert record.threads == 1
    assert record.environment["OMP_NUM_THREADS"] == "1"


def test_no_secret_and_nothing_of_terraform_is_noted():
    """Terraform's variables begin as TensorFlow's do: a record held a path, and could a token."""
    kept = {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_XLA_FLAGS": "x"}
    others = {"TF_CLI_CONFIG_FILE": "/of/me", "TF_TOKEN_example_com": "t", "TF_VAR_password": "p"}
    assert noted(kept | others | {"TF_API_TOKEN": "t"}, ("TF_",)) == kept
