"""Which of a backend's devices a user means."""

from __future__ import annotations

from benchbench.errors import PluginError, Unavailable


def resolve_device(wanted: str, devices: tuple[str, ...], backend: str) -> str:
    """Return the backend's name for the wanted device. Raises Unavailable.

    "auto" is the first CUDA device, else the first there is; "cuda" is the first CUDA device.
    """
    if not devices:
        raise PluginError(f"the backend '{backend}' has no devices at all, not even 'cpu'")
    cuda = [device for device in devices if device.startswith("cuda")]
    if wanted == "auto":
        return (cuda or list(devices))[0]
    if wanted == "cuda" and cuda:
        return cuda[0]
    if wanted in devices:
        return wanted
    raise Unavailable(
        f"the backend '{backend}' has no device '{wanted}' here; it has {', '.join(devices)}"
    )
