"""The conformance suite: what every backend must pass, derived from the spec and the registry."""

from __future__ import annotations

from benchbench.testing.certificate import CertificateTests
from benchbench.testing.declaration import DeclarationTests
from benchbench.testing.forward import ForwardTests
from benchbench.testing.layering import LayerTests
from benchbench.testing.optimizing import OptimizerTests
from benchbench.testing.order import OrderTests
from benchbench.testing.refusal import RefusalTests
from benchbench.testing.training import TrainingTests


# pytest takes the tests of the last base first, and the simple questions come first.
class BackendConformance(
    CertificateTests,
    OptimizerTests,
    LayerTests,
    OrderTests,
    TrainingTests,
    ForwardTests,
    RefusalTests,
    DeclarationTests,
):
    """Subclass this in a test file, name the backend, and run pytest:

        class TestTorch(BackendConformance):
            backend = "torch"

    The simple questions come first: if `DeclarationTests` are red, mend those before reading on.
    The deep ones climb the ladder of `benchbench certify`, over the catalog and a few odd models,
    on images made on the spot; nothing is downloaded.

    | attribute           | meaning                                                  | default     |
    |---------------------|----------------------------------------------------------|-------------|
    | `backend`           | the backend's name in the registry                       |             |
    | `division`          | the division under test; a subclass for each             | "idiomatic" |
    | `device`            | one of the backend's devices                             | "cpu"       |
    | `threads`           | CPU threads to use                                       | 1           |
    | `protocol`          | what the catalog and the odd models are certified under  | the default |
    | `expected_failures` | test name (with or without its parameters) to the reason | none        |

    An expected failure that passes is an error: the gap has closed, take the line out. Tests of a
    model that the backend answers with `Unsupported` are skipped with its reason, all of them where
    its framework is missing.

    A rung that breaks says in its message what the difference looks like; those after it are
    skipped. What green does not say: that the backend is right beyond ten steps, or fast.
    """
