"""Faults of optimizers, schedules, decay and clipping: caught where they belong, and named."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from benchbench_numpy import optimizers
from benchbench_numpy.backend import NumpyBackend
from faulty import protocols, schedules
from faulty.protocols import CLIPPED, ONE
from faulty.scoring import ALL_MODELS, catch, sides

from benchbench.certify.acting import as_trained, changes
from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.exercise import FRESH, SATURATED, TEN_STEPS, TWO_EPOCHS, relative_difference
from benchbench.certify.implementation import Implementation
from benchbench.certify.ladder import Ladder
from benchbench.certify.mistakes import mistakes_of
from benchbench.certify.rows import as_row
from benchbench.certify.rules import mask, right_rule, train
from benchbench.data.dataset import Split
from benchbench.errors import Unsupported
from benchbench.spec.optimizers import SGD, Adam, AdamW
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.schedules import Cosine
from benchbench.testing.protocols import PROTOCOLS

FAULTS = (*protocols.FAULTS, *schedules.FAULTS)
SMALLEST = ALL_MODELS["pool-first"]

# What must be told of each fault, where it is caught in the smallest model.
WORDS = {
    "Keras's epsilon": "epsilon is added to sqrt(v), as keras.optimizers.Adam does",
    "velocity form": "velocity form under a schedule",
    "no Nesterov": "Nesterov's momentum is left out",
    "Nesterov for momentum": "it is Nesterov's momentum",
    "dampening": "there is dampening: b = 0.9 b + 0.1 g from the second step on",
    "momentum as a mean": "momentum is a running mean",
    "no momentum": "momentum is left out",
    "momentum 0.8": "times as far: look at the learning rate",
    "momentum forgotten": "begins without the optimizer's state",
    "L2 for decay": "weight decay is part of the gradient (L2)",
    "L2 under momentum": "weight decay is part of the gradient (L2)",
    "Keras's L2": "as keras.regularizers.L2 has it",
    "no decay": "weight decay is left out",
    "decay without rate": "weight decay is not multiplied by the learning rate",
    "decay by the first rate": "by the first learning rate, not by the scheduled one",
    "biases decayed": "biases and scales are decayed too",
    "RMSprop's epsilon": "added to the root, not under it, as torch.optim.RMSprop does",
    "rho 0.99": "rho is 0.99, the default of torch.optim.RMSprop",
    "RMSprop corrected": "corrected as Adam's",
    "no clipping": "gradients are not clipped",
    "no clipping under Adam": "gradients are not clipped",
    "clipping by array": "each array is clipped to the norm by itself",
    "clipping by value": "gradients are clipped by value",
    "summed under SGD": "gradients are summed over the batch",
    "halved under SGD": "a factor of 1/2",
    "schedule ahead": "the schedule is a step ahead",
    "warm-up ahead": "the schedule is a step ahead",
    "boundaries late": "changes the rate after its boundary",
    "schedule per epoch": "moves on once an epoch",
    "schedule anew": "begins anew with every epoch",
    "no schedule": "the schedule is left out",
    "no warm-up": "the warm-up is left out",
    "decay_steps with warm-up": "decay_steps include the warm-up",
    "cosine rising": "rises again after its end",
    "alpha 0": "the cosine ends at 0",
    "stairs": "the rate falls in stairs",
    "no stairs": "the rate falls evenly, not in stairs",
    "decay at every step": "falls by decay_rate at every step",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_caught_where_it_belongs_and_named(fault):
    caught = catch(fault, SMALLEST)
    assert caught.rung is not None, "not caught"
    assert caught.rung.name in fault.rungs_in(caught.model), caught.rung.explanation
    assert set(fault.starts) <= set(caught.starts)
    assert WORDS[fault.name] in caught.rung.explanation


TORCH_S_PLACE = {"epsilon_added_to": "corrected_root"}


@pytest.mark.parametrize(
    ("optimizer", "changes", "words"),
    [
        (Adam(), {"epsilon": 1e-8, **TORCH_S_PLACE}, "1e-08 and is added to sqrt(v / (1 - beta_2^"),
        (Adam(), TORCH_S_PLACE, "added to sqrt(v / (1 - beta_2^t)), as torch.optim.Adam does"),
        (
            AdamW(weight_decay=0.01),
            {"epsilon": 1e-8, **TORCH_S_PLACE},
            "the default of torch.optim.AdamW",
        ),
        (Adam(epsilon=1e-8), {"epsilon": 1e-7}, "the default of keras.optimizers.Adam"),
        (
            Adam(epsilon=1e-8, **TORCH_S_PLACE),
            {"epsilon": 1e-7, "epsilon_added_to": "uncorrected_root"},
            "1e-07 and is added to sqrt(v), the default of keras.optimizers.Adam",
        ),
    ],
)
def test_a_framework_s_default_epsilon_is_named(optimizer, changes, words):
    other = protocols.with_settings(optimizers.Adam, **changes)
    default = protocols.fault("epsilon", "a default", ONE, protocols.protocol(optimizer), other)
    caught = catch(default, SMALLEST)
    assert caught.rung.name == ONE
    assert words in caught.rung.explanation


def test_torch_s_rmsprop_by_default_is_named():
    class Torch(protocols.EpsilonOutside):
        def __init__(self, settings, *rest):
            super().__init__(msgspec.structs.replace(settings, rho=0.99, epsilon=1e-8), *rest)

    default = protocols.fault("RMSprop", "torch's", ONE, protocols.RMSPROP, Torch)
    assert "it is torch.optim.RMSprop by default" in catch(default, SMALLEST).rung.explanation


@pytest.mark.parametrize("program", [TEN_STEPS, TWO_EPOCHS], ids=lambda program: program.name)
@pytest.mark.parametrize("name", ["everything", "adamw, corrected root", "pieces", "clipped adam"])
def test_the_right_rule_makes_the_reference_s_update(name, program):
    exercise, reference = sides(SMALLEST, PROTOCOLS[name])
    start, draw = reference.start(FRESH, program), reference.draw(FRESH, program)
    split, size = exercise.training(program, draw), exercise.protocol.batch_size
    batches = [
        Split(split.inputs[first : first + size], split.targets[first : first + size])
        for first in range(0, len(split), size)
    ]
    rule = right_rule(
        SMALLEST, as_trained(exercise.protocol, steps=program.steps, epochs=program.epochs)
    )
    trained = mask(SMALLEST, lambda variable: variable.trainable)
    update = train(rule, as_row(start), [batches] * program.epochs, reference.descend, trained)
    assert relative_difference(update, reference.update(FRESH, program)) < 1e-9


def test_no_mistake_of_a_protocol_is_the_protocol_itself():
    gradients = np.random.default_rng(0).normal(size=(10, SMALLEST.parameter_count))
    gradients[::2] /= 1_000  # below every norm to which the others are clipped
    trained = np.ones(SMALLEST.parameter_count)
    start = np.random.default_rng(1).normal(size=SMALLEST.parameter_count)
    batches = [list(range(5)), list(range(5, 10))]
    for protocol in {fault.protocol for fault in FAULTS} | set(PROTOCOLS.values()):
        acting = as_trained(protocol, steps=10, epochs=2)

        def update(rule):
            return train(rule, start, batches, lambda _, batch: -gradients[batch], trained)

        right = update(right_rule(SMALLEST, acting))
        for words, rule, _ in mistakes_of(SMALLEST, acting):
            assert relative_difference(update(rule), right) > 1e-5, (words, protocol.describe())


def test_a_schedule_acts_within_every_program_and_the_certificate_says_so():
    protocol = TrainingProtocol(
        optimizer=SGD(Cosine(0.1, 9_000, warmup_steps=1_000, warmup_from=0.01))
    )
    assert as_trained(protocol, steps=2, epochs=1).optimizer.schedule.stretch == 8
    assert as_trained(protocol, steps=10, epochs=1).optimizer.schedule.stretch == 8
    assert as_trained(protocol, steps=72, epochs=3).optimizer.schedule.stretch == 57
    assert changes(protocol, 10) == "; the schedule's 10,000 steps shortened to 8"
    assert not changes(TrainingProtocol(), 10)
    exercise, reference = sides(SMALLEST, protocol)
    measures = CandidateMeasures(Implementation(NumpyBackend("float32")), reference, exercise)
    told = {one.rung: one.words for one in measures.measures()}
    assert "shortened to 8" in told["update after 10 steps"]
    assert "shortened to" in told["three epochs"]


@pytest.mark.parametrize(
    "name",
    [
        name
        if name in {"everything", "rmsprop"}
        else pytest.param(name, marks=pytest.mark.exhaustive)
        for name in PROTOCOLS
    ],
)
@pytest.mark.parametrize(
    "model", ["pool-first", pytest.param("odd-sizes", marks=pytest.mark.exhaustive)]
)
def test_the_right_backend_holds_under_every_protocol(name, model):
    exercise, reference = sides(ALL_MODELS[model], PROTOCOLS[name])
    candidate = Implementation(NumpyBackend("float32"))
    rungs = Ladder(CandidateMeasures(candidate, reference, exercise)).climb()
    assert {rung.verdict for rung in rungs} == {"holds"}


def test_a_rate_at_which_sgd_diverges_is_refused_with_the_cure():
    protocol = TrainingProtocol(batch_size=32, optimizer=SGD(30.0, momentum=0.99))
    exercise, reference = sides(ALL_MODELS["odd-sizes"], protocol)
    right = CandidateMeasures(Implementation(NumpyBackend("float32")), reference, exercise)
    with pytest.raises(Unsupported, match="a learning rate at which the loss grows does this"):
        Ladder(right).climb()


def test_a_clip_norm_that_would_act_nowhere_is_lowered_and_the_certificate_says_so():
    high = msgspec.structs.replace(CLIPPED, clip_norm=1_000.0)
    (fault,) = (fault for fault in FAULTS if fault.name == "no clipping")
    exercise, reference = sides(SMALLEST, high)
    assert 0 < reference.exercise.clip_norm < 1_000
    assert reference.exercise.sha256 == exercise.sha256
    caught = catch(replace(fault, protocol=high), SMALLEST)
    assert caught.rung.name == "update after 1 step"
    assert SATURATED in caught.starts
    assert "clip_norm 1000 lowered to" in caught.rung.measure
    assert "gradients are not clipped" in caught.rung.explanation
    assert sides(SMALLEST, CLIPPED)[1].exercise.clip_norm is None
