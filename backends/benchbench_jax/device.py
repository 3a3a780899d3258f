"""What depends on the device and the process: names, precision, memory."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from benchbench import Unsupported

Settings = dict[str, str | int | float | bool]


def device_names() -> tuple[str, ...]:
    """Return "cpu" and every CUDA device. TPUs are left out: nobody has verified them."""
    return "cpu", *(f"cuda:{index}" for index in range(len(_cards())))


def device_named(name: str) -> Any:
    """Return JAX's device of this name; "cuda" is the first card. Raises Unsupported."""
    index = "cuda:0" if name == "cuda" else name
    known = device_names()
    if index not in known:
        raise Unsupported(
            f"jax {jax.__version__} has no device '{name}' here, only {', '.join(known)}"
            + ("" if len(known) > 1 else " (jax[cuda12] sees an NVIDIA card)")
        )
    return jax.devices("cpu")[0] if index == "cpu" else _cards()[known.index(index) - 1]


def _cards() -> list[Any]:
    return [device for device in jax.devices() if device.platform == "gpu"]


def set_up_process() -> None:
    """Compute in float32: on NVIDIA cards JAX would multiply in TF32, which rounds to 10 bits."""
    jax.config.update("jax_enable_x64", False)
    jax.config.update("jax_default_matmul_precision", "highest")


def peak_memory_bytes(device: Any) -> int | None:
    """Return the peak of the card's allocator; None on the CPU, which has none."""
    peak = (
        None if device.platform == "cpu" else (device.memory_stats() or {}).get("peak_bytes_in_use")
    )
    return None if peak is None else int(peak)


def process_settings(device: Any) -> Settings:
    """Return what JAX keeps per process, read back from JAX, not remembered."""
    return {
        "device": f"{device.platform}:{device.id} ({device.device_kind})",
        "threads_set_by": "affinity",  # XLA's CPU client takes as many as there are processors
        "matmul_precision": str(jax.config.jax_default_matmul_precision),
        "matmul_relative_error": matmul_relative_error(device),
        "x64": bool(jax.config.jax_enable_x64),
        "compilation_cache": str(jax.config.jax_compilation_cache_dir or "none"),
    }


def matmul_relative_error(device: Any) -> float:
    """Return the error of a float32 product of 256x256 normal matrices against float64.

    About 4e-7 in float32; 3e-4 in TF32, 2e-3 in bfloat16.
    """
    left, right = np.random.default_rng(0).normal(size=(2, 256, 256)).astype(np.float32)
    exact = left.astype(np.float64) @ right.astype(np.float64)
    with jax.default_device(device):
        product = np.asarray(jax.numpy.matmul(left, right), np.float64)
    return float(np.linalg.norm(product - exact) / np.linalg.norm(exact))
