"""The NumPy backend: every layer's forward and backward pass written out.

It is offered twice. `numpy` computes in float32 and is timed like any other backend.
`numpy-float64` is the same code in float64: the reference against which backends are certified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench import BackendInfo, hookimpl

if TYPE_CHECKING:
    from benchbench_numpy.backend import NumpyBackend

# What goes on between the layers of a spec; the networks of a file are not NumPy's.
_PORTS = (("benchbench", "benchbench_numpy.ports:trace_layers"),)


@hookimpl
def benchbench_backends() -> list[BackendInfo]:
    """Offer the benchmark in float32 and the reference in float64."""
    return [
        BackendInfo("numpy", requires=("numpy",), create=_float32, ports=_PORTS),
        BackendInfo("numpy-float64", requires=("numpy",), create=_float64),
    ]


def _float32() -> NumpyBackend:
    from benchbench_numpy.backend import NumpyBackend

    return NumpyBackend("float32")


def _float64() -> NumpyBackend:
    from benchbench_numpy.backend import NumpyBackend

    return NumpyBackend("float64")
