"""Keras as a backend of benchbench: `keras` (on TensorFlow), `keras-torch` and `keras-jax`.

Keras takes its engine from KERAS_BACKEND when it is imported, once for the whole process; so the
three backends are three names, and each run has a process of its own.
"""

from __future__ import annotations

from importlib import metadata

from benchbench import Backend, BackendInfo, hookimpl

# A matrix product of 32,769 rows or more comes out wrong on the CPU (jax issue 39103); an empty
# list of fusions works round it. A release that does not know a flag refuses to start: the
# work-around is for the releases it was tried on.
_JAX_WITH_WRONG_PRODUCTS = "0.10."
_JAX_WORK_AROUND = ("XLA_FLAGS", "--xla_cpu_experimental_ynn_fusion_type=")

# Keras obeys the first two without a word and trains less; it chooses its engine by the third.
_REMOVES = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "KERAS_BACKEND")
# Where Keras reads and writes its `keras.json`.
_HOME = ("KERAS_HOME", "{home}")
_NOTES = (
    *("ATEN_", "JAX_", "KERAS_BACKEND", "PYTORCH_", "TF_", "TORCHINDUCTOR_", "TORCH_", "XLA_"),
)


@hookimpl
def benchbench_backends() -> list[BackendInfo]:
    """Offer Keras on each of its engines. Imports neither Keras nor an engine."""
    return [
        BackendInfo(
            name="keras",
            requires=("keras", "tensorflow-cpu | tensorflow"),
            install="pip install 'benchbench-harness[keras]'",
            create=_on_tensorflow,
            divisions=("idiomatic", "compiled", "tuned"),
            deterministic=False,  # `fit` shuffles without a seed: see TensorFlowEngine
            environment=(
                ("KERAS_BACKEND", "tensorflow"),
                ("TF_CPP_MIN_LOG_LEVEL", "2"),  # errors only
                ("TF_FORCE_GPU_ALLOW_GROWTH", "true"),
                ("TF_NUM_INTRAOP_THREADS", "{threads}"),
                ("TF_NUM_INTEROP_THREADS", "{threads}"),
                _HOME,
            ),
            removes=_REMOVES,
            notes=_NOTES,
            ports=(("keras", "benchbench_keras.ports:KerasPort"),),
        ),
        BackendInfo(
            name="keras-torch",
            requires=("keras", "torch"),
            install="pip install 'benchbench-harness[keras,torch]'",
            create=_on_torch,
            environment=(("KERAS_BACKEND", "torch"), _HOME),
            removes=_REMOVES,
            notes=_NOTES,
        ),
        BackendInfo(
            name="keras-jax",
            requires=("keras", "jax"),
            install="pip install 'benchbench-harness[jax]'",
            create=_on_jax,
            environment=(
                ("KERAS_BACKEND", "jax"),
                ("XLA_PYTHON_CLIENT_PREALLOCATE", "false"),
                _HOME,
                *_jax_work_around(),
            ),
            removes=_REMOVES,
            notes=_NOTES,
        ),
    ]


def _jax_work_around() -> tuple[tuple[str, str], ...]:
    try:
        version = metadata.version("jax")
    except metadata.PackageNotFoundError:
        return ()
    return (_JAX_WORK_AROUND,) if version.startswith(_JAX_WITH_WRONG_PRODUCTS) else ()


def _on_tensorflow() -> Backend:
    from benchbench_keras.backend import KerasBackend
    from benchbench_keras.engines import TensorFlowEngine

    return KerasBackend(TensorFlowEngine())


def _on_torch() -> Backend:
    from benchbench_keras.backend import KerasBackend
    from benchbench_keras.engines import TorchEngine

    return KerasBackend(TorchEngine())


def _on_jax() -> Backend:
    from benchbench_keras.backend import KerasBackend
    from benchbench_keras.engines import JaxEngine

    return KerasBackend(JaxEngine())
