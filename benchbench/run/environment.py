"""The environment of a worker: what is set, what is taken away, what is written down."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from benchbench.errors import PluginError
from benchbench.plugins.contract import BackendInfo
from benchbench.run.plan import HERE, Environment

# Read before a framework is imported; later calls cannot always undo a wrong default.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)

# glibc by default gives large blocks back to the system at every step, or keeps them, by how the
# heap happens to lie: the same script took 1.5 times as long with another order of its imports
# (docs/how-we-measure.md). Here every worker keeps what it frees. 32 MiB is the most glibc accepts.
_ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
}

# What can change a measurement under any backend; a plugin declares those of its framework.
_NOTED_PREFIXES = (
    *("CUBLAS_", "CUDA_", "CUDNN_", "DNNL_", "GLIBC_TUNABLES", "GOMP_", "GPU_", "HIP_", "HSA_"),
    *("KMP_", "LD_PRELOAD", "MALLOC_", "MIOPEN_", "MKL_", "NUMEXPR_", "NVIDIA_TF32", "OMP_"),
    *("ONEDNN_", "OPENBLAS_", "ROCBLAS_", "ROCR_", "VECLIB_"),
)
# Source: https://developer.hashicorp.com/terraform/cli/config/environment-variables.
_OF_TERRAFORM = (
    *("TF_CLI_", "TF_DATA_DIR", "TF_IGNORE", "TF_INPUT", "TF_IN_AUTOMATION", "TF_LOG"),
    *("TF_PLUGIN_", "TF_REGISTRY_", "TF_STATE_", "TF_TOKEN_", "TF_VAR_", "TF_WORKSPACE"),
)
_SECRETS = ("KEY", "PASSWORD", "SECRET", "TOKEN")


def worker_environment(
    outer: Mapping[str, str],
    *,
    info: BackendInfo,
    threads: int,
    home: Path,
    place: Environment = HERE,
) -> dict[str, str]:
    """Return the environment for one worker, in this process's environment or in another `place`.

    `home` is an empty folder for what a framework reads and writes in a user's home. What the
    backend `removes` is left out; its own variables, or those of `place`, come last, over whatever
    the user has set.
    """
    environment = {name: value for name, value in outer.items() if name not in info.removes}
    # A card then has the number that nvidia-smi and NVML give it.
    environment.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    environment |= dict.fromkeys(_THREAD_VARIABLES, str(threads))
    environment |= _ALLOCATOR | {"NVIDIA_TF32_OVERRIDE": "0", "PYTHONUNBUFFERED": "1"}
    environment |= apart(place.python) | importing_from(place.import_path, outer)
    declared = info.environment if place.variables is None else place.variables
    return environment | declared_variables(declared, threads=threads, home=home)


def declared_variables(
    declared: Sequence[tuple[str, str]], *, threads: int, home: Path
) -> dict[str, str]:
    """Return variables as they are set: `{threads}` and `{home}` in their values filled in."""
    return {
        name: value.replace("{threads}", str(threads)).replace("{home}", str(home))
        for name, value in declared
    }


def importing_from(import_path: Sequence[str], outer: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that have Python import from these folders before all others."""
    if not import_path:
        return {}
    already = [folder for folder in (outer.get("PYTHONPATH"),) if folder]
    return {
        "PYTHONPATH": os.pathsep.join([*import_path, *already]),
        # Else `python -m` would look into the working folder first: often a checkout itself.
        "PYTHONSAFEPATH": "1",
    }


def apart(python: str | None) -> dict[str, str]:
    """Return the variables under which another Python imports what is installed there.

    Else `python -m` would look into the working folder first: often a checkout of benchbench.
    """
    return {} if python is None else {"PYTHONSAFEPATH": "1"}


def declared_there(backend: str, environment: Environment) -> BackendInfo | None:
    """Return what a backend declares for its worker in an environment of its own.

    None where it is the installed one that counts.
    """
    if environment.python is None or environment.variables is None:
        return None
    return BackendInfo(
        backend,
        requires=(),
        create=made_there,
        environment=environment.variables,
        removes=environment.removes,
        notes=environment.notes,
    )


def made_there() -> NoReturn:
    """Stand for the function that makes a backend of another environment. Raises PluginError."""
    raise PluginError("a backend of another environment is made in its own worker")


def noted(
    environment: Mapping[str, str], notes: Iterable[str] = (), *, home: Path | None = None
) -> dict[str, str]:
    """Return the variables that can change what is measured, for the record.

    `notes` are the beginnings of the names that a backend declares. Variables of Terraform, which
    begin as TensorFlow's do, and what may be a secret are left out. The run's own folder `home`,
    which is another in every run, stands as `{home}`.
    """
    beginnings = (*_NOTED_PREFIXES, *notes)
    found = {
        name: value
        for name, value in sorted(environment.items())
        if name.startswith(beginnings)
        and not name.startswith(_OF_TERRAFORM)
        and not any(word in name.split("_") for word in _SECRETS)
    }
    if home is None:
        return found
    return {name: value.replace(str(home), "{home}") for name, value in found.items()}
