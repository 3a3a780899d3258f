"""The compiled functions of the tuned division: a step, an epoch of steps, scores, outputs."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import optax
from flax import nnx

from benchbench import Loss, ModelSpec, TrainingProtocol, task_of
from benchbench_jax.network import FAST, Chain, network
from benchbench_jax.objective import losses_of, metrics_of, outputs_of
from benchbench_jax.optimizers import decayed_parameters, transformation
from benchbench_jax.views import view_of

Arrays = tuple[jax.Array, ...]


class Variables(NamedTuple):
    """The arrays of a model, in NNX's order: those that are trained, those that are kept."""

    parameters: Arrays
    statistics: Arrays


class Progress(NamedTuple):
    """All that a step changes; each step may write where the one before it has written."""

    variables: Variables
    optimizer: Any
    key: jax.Array


class Steps:
    """A network as pure functions over tuples of arrays, which JAX dispatches faster than modules.

    `step`, `epoch`: what trains. `scores`: the loss and metric of each sample, both (n,).
    `outputs`: what is predicted, (n, *output_shape). `gather`: rows of an array.
    """

    def __init__(self, model: ModelSpec, protocol: TrainingProtocol, loss: Loss) -> None:
        self._loss = loss
        module = network(model, FAST)
        self._training, parameters, statistics = _split(view_of(module, training=True))
        self._evaluation, _, _ = _split(view_of(module, training=False))
        self._trees = jax.tree.structure(parameters), jax.tree.structure(statistics)
        decayed = tuple(jax.tree.leaves(decayed_parameters(parameters)))
        self._tx = transformation(protocol, decayed)
        self.step = jax.jit(self._step, donate_argnums=0)
        self.epoch = jax.jit(self._epoch, donate_argnums=0)
        self.scores = jax.jit(self._scores)
        self.outputs = jax.jit(self._outputs)
        self.gather = jax.jit(_gather)

    def start(self, variables: Variables, seed: int) -> Progress:
        """Return the state before the first step. `seed` is for dropout's masks."""
        return Progress(variables, self._tx.init(variables.parameters), jax.random.key(seed))

    def states(self, variables: Variables) -> tuple[Any, Any]:
        """Return the variables as NNX has them."""
        return (
            jax.tree.unflatten(self._trees[0], variables.parameters),
            jax.tree.unflatten(self._trees[1], variables.statistics),
        )

    def _step(
        self, progress: Progress, inputs: jax.Array, targets: jax.Array
    ) -> tuple[Progress, jax.Array]:
        """Take one step on a batch; return the sum of its losses."""
        (parameters, statistics), state, key = progress
        key, own_key = jax.random.split(key)

        def loss_of(parameters: Arrays) -> tuple[jax.Array, tuple[jax.Array, Arrays]]:
            variables = Variables(parameters, statistics)
            module = nnx.merge(self._training, *self.states(variables))
            losses = losses_of(self._loss, module(inputs, nnx.Rngs(dropout=own_key)), targets)
            return losses.mean(), (losses.sum(), variables_of(module).statistics)

        gradients, (loss, kept) = jax.grad(loss_of, has_aux=True)(parameters)
        updates, state = self._tx.update(gradients, state, parameters)
        parameters = optax.apply_updates(parameters, updates)
        return Progress(Variables(parameters, kept), state, key), loss

    def _epoch(
        self, progress: Progress, inputs: jax.Array, targets: jax.Array, batches: jax.Array
    ) -> tuple[Progress, jax.Array]:
        """Take a step on each of `batches` (steps, batch_size) of rows; return their losses."""

        def step(progress: Progress, rows: jax.Array) -> tuple[Progress, jax.Array]:
            return self._step(progress, _gather(inputs, rows), _gather(targets, rows))

        return jax.lax.scan(step, progress, batches)

    def _scores(
        self, variables: Variables, inputs: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        logits = self._logits(variables, inputs)
        return losses_of(self._loss, logits, targets), metrics_of(self._loss, logits, targets)

    def _outputs(self, variables: Variables, inputs: jax.Array) -> jax.Array:
        return outputs_of(self._loss, self._logits(variables, inputs))

    def _logits(self, variables: Variables, inputs: jax.Array) -> jax.Array:
        return nnx.merge(self._evaluation, *self.states(variables))(inputs)


@functools.lru_cache(maxsize=8)
def _steps(model: ModelSpec, protocol: TrainingProtocol, device: Any) -> Steps:
    with jax.default_device(device):
        return Steps(model, protocol, task_of(model, protocol).loss)


def steps_of(model: ModelSpec, protocol: TrainingProtocol, device: Any) -> Steps:
    """Return the functions of a model and protocol; what was compiled before is used again."""
    return _steps(model, protocol, device)


def variables_of(module: Chain) -> Variables:
    """Return the arrays of a module."""
    _, parameters, statistics = _split(module)
    return Variables(tuple(jax.tree.leaves(parameters)), tuple(jax.tree.leaves(statistics)))


def _split(module: Any) -> tuple[Any, Any, Any]:
    """Return the module's structure, its trained variables, its other ones."""
    return nnx.split(module, nnx.Param, ...)


def _gather(array: jax.Array, rows: jax.Array) -> jax.Array:
    return array.at[rows].get(mode="promise_in_bounds")
