"""One process a framework serves all pairs of the gallery."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from benchbench.experiments.ports import ports_of
from benchbench.plugins.registry import load_registry
from benchbench.ports.certify import compare
from benchbench.ports.process import PortProcess
from benchbench.ports.subjects import find_factory

GALLERY = Path(__file__).parent / "gallery"
# Where neither side says what it takes.
SHAPES = {"attention": (6, 8), "resnet": (8, 8, 3), "mlp": (64,), "mlp_adam": (64,)}
SHAPES |= {"volumes": (5, 5, 5, 2), "weight_norm": (64,)}
SHAPES |= {"user_block": (6, 8), "user_both_ways": (7, 4), "user_both_ways_last_place": (7, 4)}
SHAPES |= {
    "images": (12, 12, 2),
    "places_averaged": (12, 12, 2),
    "token": (6, 5),
    "block": (8, 8, 2),
}
SHAPES |= dict.fromkeys(("images_elu", "images_in_groups", "images_layer_norm"), (12, 12, 2))
SHAPES |= dict.fromkeys(("norm", "plain", "adam", "adam_decay", "two_dropouts"), (6,))
SHAPES |= dict.fromkeys(("weights_made_once", "all_trained", "last_trained"), (6,))
SHAPES |= {"user_lazy": (20,), "user_images": (8, 8, 3)}
SHAPES |= {
    "transformer_no_scale": (6, 8),
    "transformer": (6, 8),
    "transformer_by_hand": (6, 8),
    "transformer_adam": (6, 8),
}


class Gallery:
    """Compares programs of the gallery, "framework:factory" each."""

    def __init__(self) -> None:
        self._ports = ports_of(load_registry())
        self._processes: dict[tuple[str, int], PortProcess] = {}

    def __call__(self, a: str, b: str):
        for text in (a, b):
            framework = text.partition(":")[0]
            if find_spec(framework) is None:
                pytest.skip(f"{framework} is not installed")
        known = a.startswith("keras:") or b.startswith("keras:")
        shape = None if known else SHAPES.get(a.partition(":")[2])
        sides = [self._process(text.partition(":")[0], side) for side, text in enumerate((a, b))]
        return compare(*sides, self._factory(a), self._factory(b), shape=shape)

    def _process(self, framework: str, side: int) -> PortProcess:
        """Return the process of a framework on a side; those of two sides are two."""
        key = (framework, side)
        if key not in self._processes:
            self._processes[key] = PortProcess(self._ports, timeout_seconds=300)
        return self._processes[key]

    def _factory(self, text: str):
        framework, _, name = text.partition(":")
        paths = GALLERY.glob(f"{framework}_*.py")
        (path,) = (one for one in paths if f"def {name}(" in one.read_text())
        return find_factory(f"{path}:{name}")

    def end(self) -> None:
        for process in self._processes.values():
            process.__exit__(None, None, None)


@pytest.fixture(scope="session")
def gallery():
    made = Gallery()
    yield made
    made.end()
