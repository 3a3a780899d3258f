"""Backends that misbehave, each in one way, and `null`, which does not: the fixture `misfits`."""

import os
import signal
import threading
import time
from pathlib import Path

import benchbench
from benchbench import Backend, BackendInfo, Score, Trainer, Unsupported, hookimpl


class Version(str):
    """A type of its own, like torch's, that JSON does not know."""


class NullTrainer(Trainer):
    """Moves every weight by a thousandth an epoch; to it everything is of class 0, or another."""

    def __init__(self, model, protocol):
        self.model, self.protocol, self.arrays = model, protocol, []

    def set_variables(self, arrays):
        self.arrays = [array.copy() for array in arrays]

    def variables(self):
        return [array.copy() for array in self.arrays]

    def fit(self, train, validation, observer):
        for _ in range(self.protocol.epochs):
            self.epoch()
            observer.epoch_trained(1.0)
            observer.epoch_validated(self.evaluate(validation))

    def epoch(self):
        self.arrays = [array + 1e-3 for array in self.arrays]

    def evaluate(self, split):
        import math

        right = float((split.targets == 0).mean())
        others = 2 * (self.model.classes - 1)
        return Score(right * math.log(2) + (1 - right) * math.log(others), right)

    def predict(self, inputs):
        import numpy as np

        classes = self.model.classes
        probabilities = np.full((len(inputs), classes), 0.5 / (classes - 1), np.float32)
        probabilities[:, 0] = 0.5
        return probabilities

    def synchronize(self):
        pass

    def settings(self):
        import numpy as np

        return {"work": "none", "rate": np.float32(0.5)}


class Dies(NullTrainer):
    def epoch(self):
        os.kill(os.getpid(), signal.SIGSEGV)


class Exits(NullTrainer):
    def epoch(self):
        os._exit(7)


class Hangs(NullTrainer):
    """Waits for a signal; first writes its process id into HANGS_AT, a file or a pipe, if any."""

    def epoch(self):
        if place := os.environ.get("HANGS_AT"):
            Path(place).write_text(str(os.getpid()))
        signal.pause()


class Held(NullTrainer):
    """Says in the folder of HELD_AT that an epoch has begun, and waits there for a file `go`."""

    def epoch(self):
        super().epoch()
        Path(os.environ["HELD_AT"], str(os.getpid())).touch()
        while not Path(os.environ["HELD_AT"], "go").exists():
            time.sleep(0.02)


class Slow(NullTrainer):
    """An epoch of a tenth of a second, asleep."""

    seconds = 0.1

    def epoch(self):
        super().epoch()
        time.sleep(self.seconds)


class Slower(Slow):
    """Long enough to tell how much of the CPU's time others used meanwhile."""

    seconds = 0.3


class Prints(NullTrainer):
    def epoch(self):
        super().epoch()
        os.write(1, b'\x00{"type": "Finished"} garbage\n' * 5000)
        os.write(2, b"more garbage\n")


class Scribbles(NullTrainer):
    """Writes into every descriptor it can find, the pipe of events among them."""

    def epoch(self):
        for descriptor in range(3, 64):
            try:
                os.write(descriptor, b"garbage\n")
            except OSError:
                continue


class Raises(NullTrainer):
    def epoch(self):
        raise RuntimeError("the sky fell")


class Quits(NullTrainer):
    def epoch(self):
        raise SystemExit(0)


class OutOfMemory(NullTrainer):
    def epoch(self):
        raise MemoryError("no more")


class Refuses(NullTrainer):
    def __init__(self, model, protocol):
        raise Unsupported("there is no pool in this framework")


class BrokenFit(NullTrainer):
    """Predicts what the reference does, and cannot train."""

    def __init__(self, model, protocol):
        from benchbench.plugins.registry import load_registry

        super().__init__(model, protocol)
        backend = load_registry().backend("numpy").create()
        options = {"device": "cpu", "division": "idiomatic", "threads": 1, "seed": 0}
        self.twin = backend.trainer(model, protocol, **options)

    def set_variables(self, arrays):
        super().set_variables(arrays)
        self.twin.set_variables(arrays)

    def evaluate(self, split):
        return self.twin.evaluate(split)

    def predict(self, inputs):
        return self.twin.predict(inputs)

    def epoch(self):
        raise RuntimeError("the sky fell")


class DiesAtOnce(NullTrainer):
    def __init__(self, model, protocol):
        os.kill(os.getpid(), signal.SIGSEGV)


class NaN(NullTrainer):
    def fit(self, train, validation, observer):
        for _ in range(self.protocol.epochs):
            self.epoch()
            observer.epoch_trained(float("nan"))
            observer.epoch_validated(Score(float("nan"), 0.1))


class NaNPredictions(NullTrainer):
    def predict(self, inputs):
        return super().predict(inputs) * float("nan")


class WrongCount(NullTrainer):
    def variables(self):
        return super().variables()[:-1]


class WrongShape(NullTrainer):
    def variables(self):
        return [array.T for array in super().variables()]


class WrongPredictions(NullTrainer):
    def predict(self, inputs):
        return super().predict(inputs)[:, :-1]


class Frozen(NullTrainer):
    def epoch(self):
        self.arrays = [self.arrays[0] + 1e-3, *self.arrays[1:]]


class Lies(NullTrainer):
    def evaluate(self, split):
        return Score(loss=0.1, metric=0.99)


class Unfinished(NullTrainer):
    """Leaves every epoch to a thread that works for a second, and does not wait for it."""

    def epoch(self):
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        while time.thread_time() < 1:
            pass
        super().epoch()


class DrainsLate(NullTrainer):
    """A device with a queue, asleep half a second an epoch when at last its weights are wanted."""

    pending = 0

    def epoch(self):
        self.pending += 1

    def variables(self):
        while self.pending:
            self.pending -= 1
            time.sleep(0.5)
            super().epoch()
        return super().variables()


class TrainsInValidation(NullTrainer):
    """Leaves what an epoch has to do to the validation that follows, as if asleep over it."""

    def fit(self, train, validation, observer):
        for _ in range(self.protocol.epochs):
            observer.epoch_trained(1.0)
            time.sleep(0.2)
            self.epoch()
            observer.epoch_validated(self.evaluate(validation))


class TrainsAfterwards(NullTrainer):
    """Leaves the last epoch's step to the end of `fit`."""

    def fit(self, train, validation, observer):
        super().fit(train, validation, observer)
        self.epoch()


class SkipsAnEpoch(NullTrainer):
    def fit(self, train, validation, observer):
        self.epoch()
        observer.epoch_trained(1.0)
        observer.epoch_validated(self.evaluate(validation))


class ValidatesFirst(NullTrainer):
    def fit(self, train, validation, observer):
        observer.epoch_validated(self.evaluate(validation))


KINDS = {
    "null": NullTrainer,
    "dies": Dies,
    "exits": Exits,
    "hangs": Hangs,
    "held": Held,
    "slow": Slow,
    "slow-too": Slow,
    "slower": Slower,
    "prints": Prints,
    "scribbles": Scribbles,
    "raises": Raises,
    "quits": Quits,
    "out-of-memory": OutOfMemory,
    "refuses": Refuses,
    "broken-fit": BrokenFit,
    "dies-at-once": DiesAtOnce,
    "nan": NaN,
    "nan-predictions": NaNPredictions,
    "wrong-count": WrongCount,
    "wrong-shape": WrongShape,
    "wrong-predictions": WrongPredictions,
    "frozen": Frozen,
    "lies": Lies,
    "unfinished": Unfinished,
    "drains-late": DrainsLate,
    "trains-in-validation": TrainsInValidation,
    "trains-afterwards": TrainsAfterwards,
    "skips-an-epoch": SkipsAnEpoch,
    "validates-first": ValidatesFirst,
}


class MisfitBackend(Backend):
    def __init__(self, kind):
        self.kind = kind

    def versions(self):
        return {"misfits": Version(benchbench.__version__)}

    def devices(self):
        return ("cpu",)

    def trainer(self, model, protocol, *, device, division, threads, seed):
        return self.kind(model, protocol)


@hookimpl
def benchbench_backends():
    infos = [
        BackendInfo(name, (), lambda kind=kind: MisfitBackend(kind)) for name, kind in KINDS.items()
    ]
    return [*infos, BackendInfo("homeless", ("no-such-framework",), lambda: None)]
