"""What the ladder is known not to catch everywhere: too faint in ten steps, or in float32."""

from __future__ import annotations

import numpy as np
from benchbench_numpy.network import Network

from faulty.fault import Fault
from faulty.optimiser import AdamW, WrittenOutAdam


class AMSGrad(WrittenOutAdam):
    """Divides by the largest v so far (Reddi et al. 2018), as torch's amsgrad=True does."""

    def direction(self, gradient):
        self._largest = np.maximum(getattr(self, "_largest", 0), self._v)
        return self._m / (np.sqrt(self._largest) + self._settings.epsilon)


class FaintAdamW(AdamW):
    """Decays the weights by 1e-8 of themselves a step."""

    share = 1e-5


class HalfGradients(Network):
    """Sends gradients through half precision, unscaled."""

    def backward(self, logits, labels):
        super().backward(logits, labels)
        self.gradient[...] = self.gradient.astype(np.float16)


_TEN_STEPS = "update after 10 steps"

ESCAPES = (
    Fault(
        "AMSGrad",
        "v never falls: in ten steps it hardly would",
        _TEN_STEPS,
        parts={"optimizers.Adam": AMSGrad},
    ),
    Fault(
        "decoupled weight decay 1e-5",
        "a step shrinks weights by 1e-8 of themselves, less than float32 can hold",
        _TEN_STEPS,
        parts={"optimizers.Adam": FaintAdamW},
    ),
    Fault(
        "half-precision gradients",
        "gradients of 1e-6 and more keep their sign and size in half precision",
        _TEN_STEPS,
        parts={"trainer.Network": HalfGradients},
    ),
)
