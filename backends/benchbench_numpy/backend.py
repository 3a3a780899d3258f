"""What this backend is and does: NumPy, on the host's CPU, in one dtype."""

from __future__ import annotations

import dataclasses

import numpy as np
import threadpoolctl

from benchbench import WORDS_WITH_SEQUENCES, Backend, ModelSpec, TrainingProtocol, Unsupported
from benchbench_numpy.layers.elementwise import MISTAKEN_FUNCTIONS
from benchbench_numpy.layers.mistaken import MISTAKEN
from benchbench_numpy.trainer import NumpyTrainer

# A certificate asks the reference for usual mistakes too, by a field that no spec file has.
WORDS = dataclasses.replace(
    WORDS_WITH_SEQUENCES,
    layers={
        kind: (*fields, "mistake") if kind in {one for one, _ in MISTAKEN} else fields
        for kind, fields in WORDS_WITH_SEQUENCES.layers.items()
    },
    activations=(*WORDS_WITH_SEQUENCES.activations, *MISTAKEN_FUNCTIONS),
)


class NumpyBackend(Backend):
    """NumPy in `dtype`, "float32" or "float64"; nothing else differs between the two."""

    divisions = ("idiomatic",)

    def __init__(self, dtype: str) -> None:
        self._dtype = np.dtype(dtype)

    def rounded(self) -> NumpyBackend:
        """Return the same code in float32: a certificate asks the reference what rounding does."""
        return NumpyBackend("float32")

    def versions(self) -> dict[str, str]:
        return {"numpy": np.__version__, "threadpoolctl": threadpoolctl.__version__}

    def devices(self) -> tuple[str, ...]:
        return ("cpu",)

    def trainer(
        self,
        model: ModelSpec,
        protocol: TrainingProtocol,
        *,
        device: str,
        division: str,
        threads: int,
        seed: int,
    ) -> NumpyTrainer:
        if device != "cpu":
            raise Unsupported(f"NumPy computes on the device 'cpu' only, not on '{device}'")
        if division not in self.divisions:
            raise Unsupported(f"NumPy has the division 'idiomatic' only, not '{division}'")
        WORDS.require("NumPy", model, protocol)
        return NumpyTrainer(model, protocol, dtype=self._dtype, threads=threads, seed=seed)
