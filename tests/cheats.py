"""Backends on NumPy whose outcome is wrong, each in one way, and `twin`, which is NumPy's own.

Tests install it as a plugin. The contract hands out test images after training only, so `peeks`
loads the data set named by `CHEATS_DATASET` for itself.
"""

import os

import benchbench
from benchbench import Backend, BackendInfo, Split, hookimpl


class TwinBackend(Backend):
    """The `numpy` backend under another name."""

    def versions(self):
        return {"cheats": benchbench.__version__}

    def devices(self):
        return ("cpu",)

    def trainer(self, model, protocol, *, device, division, threads, seed):
        from benchbench_numpy.backend import NumpyBackend

        return NumpyBackend("float32").trainer(
            model, protocol, device=device, division=division, threads=threads, seed=seed
        )


class HalfRateBackend(TwinBackend):
    """Trains with half the learning rate of the protocol."""

    def trainer(self, model, protocol, **options):
        import msgspec

        adam = protocol.optimizer
        halved = msgspec.structs.replace(adam, learning_rate=adam.learning_rate / 2)
        return super().trainer(
            model, msgspec.structs.replace(protocol, optimizer=halved), **options
        )


class PeekBackend(TwinBackend):
    """Trains on the test images beside the training images."""

    def trainer(self, model, protocol, **options):
        trainer = super().trainer(model, protocol, **options)
        honest_fit = trainer.fit
        trainer.fit = lambda train, validation, observer: honest_fit(
            with_test_images(train), validation, observer
        )
        return trainer


class FailsOnceBackend(TwinBackend):
    """Is killed with seed 1 unless the file named by `CHEATS_WELL` exists."""

    def trainer(self, model, protocol, *, seed, **options):
        if seed == 1 and not os.path.exists(os.environ["CHEATS_WELL"]):  # noqa: PTH110
            raise RuntimeError("not well today")
        return super().trainer(model, protocol, seed=seed, **options)


def with_test_images(train):
    import numpy as np

    from benchbench.data import catalog

    test = catalog.load(catalog.choose(os.environ["CHEATS_DATASET"], {}), {}).test
    return Split(
        np.concatenate([train.inputs, test.inputs]), np.concatenate([train.targets, test.targets])
    )


@hookimpl
def benchbench_backends():
    kinds = {
        "twin": TwinBackend,
        "half-rate": HalfRateBackend,
        "peeks": PeekBackend,
        "fails-once": FailsOnceBackend,
    }
    return [BackendInfo(name, ("numpy",), kind) for name, kind in kinds.items()]
