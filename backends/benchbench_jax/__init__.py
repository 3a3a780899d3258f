"""JAX as a backend: Flax NNX's own training loop, and the fastest exact one in plain JAX."""

from __future__ import annotations

from importlib import metadata

from benchbench import Backend, BackendInfo, hookimpl

# A matrix product of 32,769 rows or more comes out wrong on the CPU (jax issue 39103); an empty
# list of fusions works round it. A release that does not know a flag refuses to start: the
# work-around is for the releases it was tried on.
_WITH_WRONG_PRODUCTS = "0.10."
_WORK_AROUND = ("XLA_FLAGS", "--xla_cpu_experimental_ynn_fusion_type=")

# The first reads programs compiled in an earlier run: the first epoch would not be a first one. The
# others make JAX compute something else, or slower, without a word.
_REMOVES = (
    "JAX_COMPILATION_CACHE_DIR",
    "JAX_CHECK_TRACER_LEAKS",
    "JAX_DEBUG_INFS",
    "JAX_DEBUG_NANS",
    "JAX_DEFAULT_MATMUL_PRECISION",
    "JAX_DISABLE_JIT",
    "JAX_ENABLE_X64",
    "JAX_LOG_COMPILES",
)


def _create() -> Backend:
    from benchbench_jax.backend import JaxBackend

    return JaxBackend()


def _work_around() -> tuple[tuple[str, str], ...]:
    try:
        version = metadata.version("jax")
    except metadata.PackageNotFoundError:
        return ()
    return (_WORK_AROUND,) if version.startswith(_WITH_WRONG_PRODUCTS) else ()


@hookimpl
def benchbench_backends() -> list[BackendInfo]:
    """Offer JAX. Imports neither JAX nor Flax."""
    return [
        BackendInfo(
            name="jax",
            requires=("jax", "flax", "optax"),
            create=_create,
            ports=(("flax", "benchbench_jax.ports:FlaxPort"),),
            divisions=("idiomatic", "tuned"),
            install="pip install 'benchbench-harness[jax]'",
            environment=(("XLA_PYTHON_CLIENT_PREALLOCATE", "false"), *_work_around()),
            removes=_REMOVES,
            notes=("FLAX_", "JAX_", "XLA_"),
        )
    ]
