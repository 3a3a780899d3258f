"""A complete benchbench plugin: softmax regression, written out in NumPy."""

from benchbench import Backend, BackendInfo, Dense, Flatten, Score, Trainer, Unsupported, hookimpl


class SoftmaxTrainer(Trainer):
    def __init__(self, protocol, seed):
        import numpy as np

        self.np, self.protocol = np, protocol
        self.random = np.random.default_rng(seed)

    def set_parameters(self, arrays):
        self.weights = [array.copy() for array in arrays]  # kernel (features, classes), bias
        self.means = [self.np.zeros_like(array) for array in arrays]
        self.squares = [self.np.zeros_like(array) for array in arrays]
        self.step = 0

    def parameters(self):
        return [array.copy() for array in self.weights]

    def fit(self, train, validation, observer):
        size, count = self.protocol.batch_size, len(train)
        for _ in range(self.protocol.epochs):
            order = self.np.arange(count)
            if self.protocol.shuffle:
                self.random.shuffle(order)
            losses = [self.learn(train, order[i : i + size]) for i in range(0, count, size)]
            observer.epoch_trained(float(sum(losses)) / count)
            observer.epoch_validated(self.evaluate(validation))

    def learn(self, train, rows):
        images = train.images[rows].reshape(len(rows), -1)
        errors = self.predict(images)
        picked = self.np.arange(len(rows)), train.labels[rows]
        loss = -self.np.log(errors[picked]).sum()
        errors[picked] -= 1
        errors /= len(rows)
        adam, self.step = self.protocol.optimizer, self.step + 1
        scale = (1 - adam.beta_2**self.step) ** 0.5 / (1 - adam.beta_1**self.step)
        gradients = images.T @ errors, errors.sum(axis=0)
        for w, m, v, g in zip(self.weights, self.means, self.squares, gradients, strict=True):
            m[:] = adam.beta_1 * m + (1 - adam.beta_1) * g
            v[:] = adam.beta_2 * v + (1 - adam.beta_2) * g * g
            w[:] -= adam.learning_rate * scale * m / (self.np.sqrt(v) + adam.epsilon)
        return loss

    def predict(self, images):
        logits = images.reshape(len(images), -1) @ self.weights[0] + self.weights[1]
        odds = self.np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def evaluate(self, split):
        odds = self.predict(split.images)
        loss = -self.np.log(odds[self.np.arange(len(split)), split.labels]).mean()
        return Score(float(loss), float((odds.argmax(axis=1) == split.labels).mean()))

    def synchronize(self):
        pass  # NumPy has finished when it returns

    def settings(self):
        return {"precision": "float32"}


class SoftmaxBackend(Backend):
    def versions(self):
        import numpy

        return {"numpy": numpy.__version__}

    def devices(self):
        return ("cpu",)

    def trainer(self, model, protocol, *, device, division, threads, seed):
        if model.layers != (Flatten(), Dense(model.classes, "softmax")):
            raise Unsupported(f"softmax trains one Dense layer after a Flatten, not {model.name}")
        return SoftmaxTrainer(protocol, seed)


@hookimpl
def benchbench_backends():
    return [BackendInfo(name="softmax", requires=("numpy",), create=SoftmaxBackend)]
