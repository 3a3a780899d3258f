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
            divisions=("idiomatic", "compiled", "tuned"),
            install="pip install 'benchbench-harness[torch]'",
            # What was compiled in an earlier run would make the first epoch no first one.
            environment=(("TORCHINDUCTOR_CACHE_DIR", "{home}/inductor"),),
            removes=("TORCHDYNAMO_DISABLE", "TORCH_COMPILE_DISABLE"),
            notes=("ATEN_", "PYTORCH_", "TORCHINDUCTOR_", "TORCH_"),
            ports=(("torch", "benchbench_torch.ports:TorchPort"),),
        )
    ]
