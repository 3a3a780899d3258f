"""Bare scripts, each with a stopwatch of its own, as backends: so that they can share the baton.

`bare-torch`, `bare-keras` and `bare-jax` hold the training code of a plain script and time their
epochs by themselves; what they read is in their `settings`. `nothing` has empty epochs: what the
core's clock reads of them is what the measuring itself costs. `measuring_costs.py` compares.
"""

import importlib
import time

from benchbench import (
    Adam,
    Backend,
    BackendInfo,
    Conv2D,
    Dense,
    MaxPool2D,
    Score,
    Trainer,
    hookimpl,
)


class Bare(Trainer):
    """What the three have in common: no result is asked of them but the time."""

    frameworks = ()

    def __init__(self, model, protocol, seed):
        self.model, self.protocol, self.seed = model, protocol, seed
        self.seconds = []

    def set_variables(self, arrays):
        self.arrays = arrays

    def variables(self):
        return [array + 1 for array in self.arrays]

    def evaluate(self, split):
        return Score(0.0, float((split.targets == 0).mean()))

    def predict(self, inputs):
        import numpy as np

        return np.eye(self.model.classes, dtype=np.float32)[np.zeros(len(inputs), int)]

    def synchronize(self):
        pass

    def settings(self):
        return {f"epoch {number} seconds": s for number, s in enumerate(self.seconds, 1)}


class Nothing(Bare):
    def fit(self, train, validation, observer):
        score = self.evaluate(validation)
        for _ in range(self.protocol.epochs):
            observer.epoch_trained(0.0)
            observer.epoch_validated(score)


class BareTorch(Bare):
    frameworks = ("torch",)

    def fit(self, train, validation, observer):
        import torch
        from torch import nn
        from torch.utils.data import DataLoader, TensorDataset

        torch.manual_seed(self.seed)
        layers = []
        for trace in self.model.trace():
            layer = trace.layer
            match layer:
                case Conv2D():
                    channels = trace.input_shape[2]
                    layers.append(nn.Conv2d(channels, layer.filters, layer.kernel_size))
                case MaxPool2D():
                    layers.append(nn.MaxPool2d(layer.pool_size))
                case Dense():
                    layers.append(nn.Linear(trace.input_shape[0], layer.units))
                case _:
                    layers.append(nn.Flatten())
            if getattr(layer, "activation", "") == "relu":
                layers.append(nn.ReLU())
        model = nn.Sequential(*layers)
        dataset = TensorDataset(
            torch.tensor(train.inputs).permute(0, 3, 1, 2), torch.tensor(train.targets)
        )
        batches = DataLoader(dataset, batch_size=self.protocol.batch_size, shuffle=True)
        validation_set = TensorDataset(
            torch.tensor(validation.inputs).permute(0, 3, 1, 2), torch.tensor(validation.targets)
        )
        validation_batches = DataLoader(validation_set, batch_size=self.protocol.batch_size)
        loss_function = nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(model.parameters())
        score = self.evaluate(validation)
        for _ in range(self.protocol.epochs):
            started = time.perf_counter()
            model.train()
            total = 0.0
            for images, labels in batches:
                optimizer.zero_grad()
                loss = loss_function(model(images), labels)
                loss.backward()
                optimizer.step()
                total += loss.item() * len(labels)
            self.seconds.append(time.perf_counter() - started)
            observer.epoch_trained(total / len(train))
            model.eval()
            with torch.no_grad():
                for images, labels in validation_batches:
                    loss_function(model(images), labels).item()
            observer.epoch_validated(score)


class BareKeras(Bare):
    frameworks = ("keras",)

    def fit(self, train, validation, observer):
        import keras
        from keras import layers

        stack = [keras.Input(self.model.input_shape)]
        for layer in self.model.layers:
            match layer:
                case Conv2D():
                    stack.append(layers.Conv2D(layer.filters, layer.kernel_size, activation="relu"))
                case MaxPool2D():
                    stack.append(layers.MaxPooling2D(layer.pool_size))
                case Dense():
                    relu = "relu" if layer.activation == "relu" else None
                    stack.append(layers.Dense(layer.units, activation=relu))
                case _:
                    stack.append(layers.Flatten())
        model = keras.Sequential(stack)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=["accuracy"])
        seconds, score = self.seconds, self.evaluate(validation)

        class Stopwatch(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                self.started = time.perf_counter()

            def on_test_begin(self, logs=None):
                seconds.append(time.perf_counter() - self.started)
                observer.epoch_trained(None)

            def on_epoch_end(self, epoch, logs=None):
                observer.epoch_validated(score)

        model.fit(
            train.inputs,
            keras.utils.to_categorical(train.targets),
            batch_size=self.protocol.batch_size,
            epochs=self.protocol.epochs,
            validation_data=(
                validation.inputs,
                keras.utils.to_categorical(validation.targets, self.model.classes),
            ),
            callbacks=[Stopwatch()],
            verbose=0,
        )


def _jax_forward(layers, parameters, x):
    """Return the logits of a batch of images, channels last."""
    import jax

    place = iter(parameters)
    for layer in layers:
        match layer:
            case Conv2D():
                order = ("NHWC", "HWIO", "NHWC")
                x = jax.lax.conv_general_dilated(
                    x, next(place), (1, 1), "VALID", dimension_numbers=order
                )
                x = x + next(place)
            case MaxPool2D():
                n, h, w, c = x.shape
                x = x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c)
                x = x.max((2, 4))
            case Dense():
                x = x @ next(place) + next(place)
            case _:
                x = x.reshape(len(x), -1)
        x = jax.nn.relu(x) if getattr(layer, "activation", "") == "relu" else x
    return x


class BareJax(Bare):
    """A jitted loop by hand, with optax: dense networks scan an epoch, others take jitted steps."""

    frameworks = ("jax", "optax")

    def fit(self, train, validation, observer):
        import functools

        import jax
        import jax.numpy as jnp
        import numpy as np
        import optax

        layers = self.model.layers
        optimizer = optax.adam(1e-3)
        size, count = self.protocol.batch_size, len(train)
        whole = count // size * size

        def loss_of(parameters, x, y):
            logits = _jax_forward(layers, parameters, x)
            return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

        def step(state, batch):
            parameters, rule = state
            loss, gradients = jax.value_and_grad(loss_of)(parameters, *batch)
            updates, rule = optimizer.update(gradients, rule)
            return (optax.apply_updates(parameters, updates), rule), loss

        @functools.partial(jax.jit, donate_argnums=0)
        def scan(state, x, y, order):
            return jax.lax.scan(lambda s, rows: step(s, (x[rows], y[rows])), state, order)

        @functools.partial(jax.jit, donate_argnums=0)
        def one(state, x, y, rows):
            return step(state, (x[rows], y[rows]))

        evaluate = jax.jit(loss_of)
        parameters = [jnp.array(array) for array in self.arrays]
        state = (parameters, optimizer.init(parameters))
        x, y = jnp.array(train.inputs), jnp.array(train.targets)
        scanned = not any(isinstance(layer, Conv2D) for layer in layers)
        random, score = np.random.default_rng(self.seed), self.evaluate(validation)
        for _ in range(self.protocol.epochs):
            started = time.perf_counter()
            order = random.permutation(count)
            rows = order[:whole].reshape(-1, size)
            if scanned:
                state, losses = scan(state, x, y, rows)
                losses = [losses.sum()]
            else:
                losses = []
                for batch in rows:
                    state, loss = one(state, x, y, batch)
                    losses.append(loss)
            if whole < count:
                state, loss = one(state, x, y, order[whole:])
                losses.append(loss)
            jax.block_until_ready(state)
            self.seconds.append(time.perf_counter() - started)
            observer.epoch_trained(float(sum(losses)) * size / count)
            for first in range(0, len(validation), size):
                part = slice(first, first + size)
                evaluate(state[0], validation.inputs[part], validation.targets[part])
            observer.epoch_validated(score)


class BareBackend(Backend):
    def __init__(self, kind):
        # As in a script, the framework comes before the data: where glibc puts large arrays, and
        # whether it gives them back at every step, depends on it (a third of simple-cnn's time).
        for framework in kind.frameworks:
            importlib.import_module(framework)
        self.kind = kind

    def versions(self):
        return {}

    def devices(self):
        return ("cpu",)

    def trainer(self, model, protocol, *, device, division, threads, seed):
        assert protocol.optimizer == Adam(), "the bare scripts train the default protocol"
        return self.kind(model, protocol, seed)


@hookimpl
def benchbench_backends():
    quiet = (("KERAS_BACKEND", "tensorflow"), ("TF_CPP_MIN_LOG_LEVEL", "3"))
    return [
        BackendInfo("nothing", (), lambda: BareBackend(Nothing)),
        BackendInfo("bare-torch", ("torch",), lambda: BareBackend(BareTorch)),
        BackendInfo("bare-keras", ("keras",), lambda: BareBackend(BareKeras), environment=quiet),
        BackendInfo(
            "bare-jax", ("jax", "optax"), lambda: BareBackend(BareJax), ("idiomatic", "tuned")
        ),
    ]
