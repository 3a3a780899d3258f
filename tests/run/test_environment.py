"""The worker's environment: threads set, Keras's traps removed, the backend's word last."""

from __future__ import annotations

from benchbench import BackendInfo
from benchbench.run.environment import noted, worker_environment

INFO = BackendInfo("x", (), lambda: None, environment=(("KERAS_BACKEND", "jax"), ("A", "b")))


def test_what_shortens_training_is_removed_and_the_rest_is_kept(tmp_path):
    outer = {
        "KERAS_MAX_EPOCHS": "1",
        "KERAS_MAX_STEPS_PER_EPOCH": "1",
        "KERAS_BACKEND": "torch",
        "KERAS_HOME": "/somewhere",
        "OMP_NUM_THREADS": "64",
        "PATH": "/bin",
    }
    environment = worker_environment(outer, info=INFO, threads=3, home=tmp_path)
    assert "KERAS_MAX_EPOCHS" not in environment
    assert "KERAS_MAX_STEPS_PER_EPOCH" not in environment
    assert environment["KERAS_BACKEND"] == "jax"
    assert environment["KERAS_HOME"] == str(tmp_path)
    assert environment["OMP_NUM_THREADS"] == environment["TF_NUM_INTRAOP_THREADS"] == "3"
    assert environment["NVIDIA_TF32_OVERRIDE"] == "0"
    assert environment["MALLOC_TRIM_THRESHOLD_"] == str(1 << 30), "freed memory is kept"
    assert (environment["PATH"], environment["A"]) == ("/bin", "b")
    assert outer["OMP_NUM_THREADS"] == "64", "the conductor's own environment is left alone"


def test_the_record_notes_what_bends_a_measurement_and_nothing_private():
    found = noted({"XLA_FLAGS": "x", "OMP_NUM_THREADS": "2", "HOME": "/h", "API_TOKEN": "t"})
    assert found == {"OMP_NUM_THREADS": "2", "XLA_FLAGS": "x"}


def test_a_worker_runs_on_its_processors_with_its_threads(command):
    command.run("null", "--threads", "1")
    record = command.record()
    assert record.threads == 1
    assert record.environment["OMP_NUM_THREADS"] == "1"
