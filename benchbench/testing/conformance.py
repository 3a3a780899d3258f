"""The conformance suite: what every backend must pass, derived from the spec and the registry."""

from __future__ import annotations

from benchbench.testing.declaration import DeclarationTests
from benchbench.testing.forward import ForwardTests
from benchbench.testing.training import TrainingTests


class BackendConformance(DeclarationTests, ForwardTests, TrainingTests):
    """Subclass this in a test file, name the backend, and run pytest:

        class TestTorch(BackendConformance):
            backend = "torch"

    The simple questions come first: if `DeclarationTests` are red, mend those before reading on.
    The deep ones compare with the float64 reference, over the catalog and a few odd models, on
    images made on the spot; nothing is downloaded.

    | attribute           | meaning                                                  | default     |
    |---------------------|----------------------------------------------------------|-------------|
    | `backend`           | the backend's name in the registry                       |             |
    | `division`          | the division under test; a subclass for each             | "idiomatic" |
    | `device`            | one of the backend's devices                             | "cpu"       |
    | `threads`           | CPU threads to use                                       | 1           |
    | `expected_failures` | test name (with or without its parameters) to the reason | none        |

    An expected failure that passes is an error: the gap has closed, take the line out. Tests of a
    model that the backend answers with `Unsupported` are skipped with its reason, all of them where
    its framework is missing.

    What a red test says: `predicts_as` and the first step green, later steps red: the optimiser, or
    the order or size of the batches. Only `four-times` red: a clipped probability or gradient.
    `evaluates_as` red and `predicts_as` green: averaged over batches instead of samples. What green
    does not say: that the backend is right beyond ten steps, or fast.
    """
