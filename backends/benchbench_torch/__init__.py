"""PyTorch as a backend: the loop of its documentation, and the fastest we can write in it."""

from __future__ import annotations

from benchbench import Backend, BackendInfo, hookimpl


def _create() -> Backend:
    from benchbench_torch.backend import TorchBackend

    return TorchBackend()


@hookimpl
def benchbench_backends() -> list[BackendInfo]:
    return [
        BackendInfo(
            name="torch",
            requires=("torch",),
            create=_create,
            divisions=("idiomatic", "tuned"),
            install="pip install 'benchbench-harness[torch]'",
            notes=("ATEN_", "PYTORCH_", "TORCHINDUCTOR_", "TORCH_"),
            ports=(("torch", "benchbench_torch.ports:TorchPort"),),
        )
    ]
