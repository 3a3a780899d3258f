"""The compiled division: the idiomatic loop, its model through `torch.compile`.

Source: "Introduction to torch.compile" on docs.pytorch.org: one line, `torch.compile(model)`, in
its default mode. The compiler is imported where it is used: that takes as long as importing torch.
"""

from __future__ import annotations

import torch

from benchbench import ModelSpec, TrainingProtocol, Unsupported
from benchbench_torch.idiomatic import IdiomaticTrainer

_MODE = "default"


class CompiledTrainer(IdiomaticTrainer):
    """A DataLoader loop over tensors in main memory; forward and backward pass are compiled.

    Raises Unsupported, with what is missing, where nothing can compile for the device.
    """

    def __init__(
        self, model: ModelSpec, protocol: TrainingProtocol, *, device: torch.device, seed: int
    ) -> None:
        import torch._dynamo
        import torch._inductor.config

        _require_compiler(device)
        super().__init__(model, protocol, device=device, seed=seed)
        # torch counts compilations by the code of a module's class: after eight networks in one
        # process, all of them `nn.Sequential`, it would run the ninth as it is, without a word.
        torch._dynamo.reset()
        # More than one are processes of their own, which stay for as long as this one.
        torch._inductor.config.compile_threads = 1
        self._model = torch.compile(self._network.module, mode=_MODE)

    def settings(self) -> dict[str, str | int | float | bool]:
        return {**super().settings(), "compile": f"torch.compile, mode {_MODE}"}


def _require_compiler(device: torch.device) -> None:
    """Raise Unsupported unless torch can compile for the device: on a CPU it writes C++."""
    if device.type != "cpu":
        return
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler as error:
        raise Unsupported(
            "torch compiled writes C++ for the CPU and found no compiler for it: install g++ or "
            "clang++, or name one in CXX"
        ) from error
