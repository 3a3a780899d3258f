"""Which of a backend's devices a user means."""

from __future__ import annotations

from benchbench.errors import PluginError, Unavailable

_GPUS = ("cuda", "rocm", "hip", "gpu")
# The kinds that "auto" takes before the CPU, in this order.
_KINDS = (*_GPUS, "tpu")


def resolve_device(wanted: str, devices: tuple[str, ...], backend: str) -> str:
    """Return the backend's name for the wanted device. Raises Unavailable.

    "auto" is the first CUDA device, else the first of another accelerator that is measured (ROCm,
    TPU), else the first there is. A kind alone, "cuda" or "tpu", is the first device of that kind;
    "gpu" is the first of CUDA or ROCm.
    """
    if not devices:
        raise PluginError(f"the backend '{backend}' has no devices at all, not even 'cpu'")
    by_kind = [
        device for kind in _KINDS for device in devices if device.lower().partition(":")[0] == kind
    ]
    if wanted == "auto":
        return (by_kind or list(devices))[0]
    if wanted in devices:
        return wanted
    kinds = _GPUS if wanted == "gpu" else (wanted,)
    for device in by_kind:
        if device.lower().partition(":")[0] in kinds:
            return device
    raise Unavailable(
        f"the backend '{backend}' has no device '{wanted}' here; it has {', '.join(devices)}"
    )
