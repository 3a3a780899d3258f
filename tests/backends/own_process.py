"""Run the conformance suite over a backend in a process of its own, in a worker's environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchbench.plugins.registry import install_command, load_registry, missing_requirements

SUITE = Path(__file__).with_name("process_conformance.py")


def assert_conforms(
    backend: str,
    division: str,
    device: str,
    folder: Path,
    *,
    all_of_it: bool,
    only: str | None = None,
) -> None:
    """Run the suite; `only`: these of its tests, unless all of it is asked for."""
    require(backend)
    environment = environment_of(backend) | {
        "BACKEND_UNDER_TEST": backend,
        "DEVICE_UNDER_TEST": device,
        "KERAS_HOME": str(folder / "keras"),
        # Most of JAX's time is compiling the same few programs for one test after another.
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *(("--exhaustive",) if all_of_it else ()),
        *(("-k", only) if only and not all_of_it else ()),
        f"{SUITE}::Test{division.capitalize()}",
    ]
    done = subprocess.run(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout


def environment_of(backend: str) -> dict[str, str]:
    """Return this process's environment with what the backend declares for its worker."""
    declared = load_registry().backend(backend).environment
    return os.environ | {name: value for name, value in declared if "{" not in value}


def require(*backends: str) -> None:
    """Skip the test, with the command that installs what is missing, where a backend is not."""
    for backend in backends:
        info = load_registry().backend(backend)
        if missing := missing_requirements(info):
            pytest.skip(f"{backend} needs {', '.join(missing)}: {install_command(info)}")
