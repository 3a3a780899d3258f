"""How much an epoch slice trains on: synthetic images, as many as take the wanted time."""

from __future__ import annotations

import math

import numpy as np

from benchbench.data.dataset import Split
from benchbench.data.samples import make_split
from benchbench.pytest_plugin.training import Job, train

# The first guess, and the most by which one is outgrown: an epoch has a fixed cost as well, so a
# short one says little of a long one.
_FIRST_STEPS = 4
_GROWTH = 10
_EPOCHS = 5

# The training images of MNIST take 150 MB. Of those drawn, as many are distinct as fit into 8 MB:
# no time hangs on whether a batch was met before.
_LARGEST_BYTES = 150_000_000
_DISTINCT_BYTES = 8_000_000


def training_slice(job: Job, steps: int) -> Split:
    """Draw the images of `steps` whole batches, always the same."""
    count = steps * job.protocol.batch_size
    distinct = make_split(job.model, min(count, _most(job, _DISTINCT_BYTES)), seed=0)
    places = np.arange(count) % len(distinct)
    return Split(distinct.inputs[places], distinct.targets[places])


def calibrated_steps(job: Job, seconds: float) -> int:
    """Return how many steps an epoch takes that lasts about `seconds`, by training short ones.

    At least 1, and no more than fit into the bytes of MNIST's training images.
    """
    most = max(1, _most(job, _LARGEST_BYTES) // job.protocol.batch_size)
    steps = min(_FIRST_STEPS, most)
    while True:
        # The shortest of a few after the first: a stall of the machine would be taken for work.
        took = min(train(job, training_slice(job, steps), epochs=_EPOCHS).epoch_seconds[1:])
        if took >= seconds / 2 or steps == most:
            return min(most, max(1, round(steps * seconds / took)))
        steps = min(most, steps * min(_GROWTH, math.ceil(seconds / took)))


def _most(job: Job, size: int) -> int:
    """Return how many images of the model's fit into `size` bytes; 1 if none does."""
    return max(1, size // (4 * math.prod(job.model.input_shape)))
