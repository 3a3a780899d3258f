"""Optimizers and schedules: their formulas, what they refuse, how they are shown."""

import math

import msgspec
import pytest
from hypothesis import given, settings

from benchbench.errors import SpecError
from benchbench.spec.catalog import MODELS
from benchbench.spec.files import dump, load_protocol
from benchbench.spec.identity import canonical, spec_sha256
from benchbench.spec.optimizers import SGD, Adam, AdamW, RMSprop
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.schedules import Cosine, Exponential, Piecewise
from benchbench.spec.variables import Variable

SGD_COSINE = """\
batch_size = 64
clip_norm = 1.0

[optimizer]
type = "SGD"
momentum = 0.9
nesterov = true
weight_decay = 0.0005

[optimizer.learning_rate]
type = "Cosine"
learning_rate = 0.1
decay_steps = 900
warmup_steps = 100
warmup_from = 0.001
"""


def rates(schedule, count):
    return [schedule.rate_at(step) for step in range(count)]


def test_cosine_goes_down_half_a_wave_and_stays():
    assert rates(Cosine(1.0, 4, 0.5), 7) == pytest.approx(
        [
            1,
            0.5 + 0.25 * (1 + math.sqrt(0.5)),
            0.75,
            0.5 + 0.25 * (1 - math.sqrt(0.5)),
            0.5,
            0.5,
            0.5,
        ]
    )


def test_exponential_falls_evenly_or_in_stairs():
    assert rates(Exponential(1.0, 2, 0.25), 5) == [1, 0.5, 0.25, 0.125, 0.0625]
    assert rates(Exponential(1.0, 2, 0.25, staircase=True), 5) == [1, 1, 0.25, 0.25, 0.0625]


def test_the_update_before_which_as_many_were_made_as_the_boundary_has_the_new_rate():
    assert rates(Piecewise((2, 3), (4.0, 2.0, 1.0)), 5) == [4, 4, 2, 1, 1]


def test_a_warm_up_rises_from_its_first_rate_and_the_schedule_counts_from_its_end():
    warm = {"warmup_steps": 2, "warmup_from": 0.5}
    assert rates(Exponential(1.0, 1, 0.5, **warm), 5) == [0.5, 0.75, 1, 0.5, 0.25]
    assert rates(Piecewise((1,), (1.0, 0.1), **warm), 4) == [0.5, 0.75, 1, 0.1]
    assert rates(Cosine(1.0, 2, **warm), 5) == pytest.approx([0.5, 0.75, 1, 0.5, 0])


def test_a_number_is_the_rate_of_every_step():
    assert [SGD(0.5).rate_at(step) for step in (0, 1, 10**9)] == [0.5] * 3


def test_scaled_and_shortened_schedules(schedules):
    @given(schedules)
    @settings(max_examples=50)
    def check(schedule):
        twice = schedule.scaled(2)
        assert rates(twice, 20) == pytest.approx([2 * rate for rate in rates(schedule, 20)])
        short = schedule.shortened(8)
        assert short.rate_at(0) == schedule.rate_at(0)
        if not isinstance(schedule, Exponential):
            assert short.rate_at(10**7) == schedule.rate_at(10**7)
        if len(getattr(schedule, "boundaries", ())) <= 6:
            assert short.stretch <= 8
            assert short.shortened(8) == short

    check()


def test_a_schedule_that_is_short_enough_stays_as_it_is():
    schedule = Cosine(0.1, 6, warmup_steps=2, warmup_from=0.01)
    assert schedule.shortened(8) == schedule
    assert schedule.shortened(7).stretch == 7


def test_a_protocol_of_all_words_reads_back(write):
    protocol = load_protocol(write(SGD_COSINE))
    schedule = Cosine(0.1, 900, warmup_steps=100, warmup_from=0.001)
    sgd = SGD(schedule, momentum=0.9, nesterov=True, weight_decay=5e-4)
    assert protocol == TrainingProtocol(batch_size=64, clip_norm=1, optimizer=sgd)
    assert load_protocol(write(dump(protocol))) == protocol
    assert msgspec.json.decode(msgspec.json.encode(canonical(protocol)), type=TrainingProtocol) == (
        protocol
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ('"SGD"', '"Adagrad"', 5, "one of SGD, Adam, AdamW, RMSprop"),
        ('"SGD"', '"sgd"', 5, "did you mean 'SGD'?"),
        ('"Cosine"', '"cosine"', 11, "one of Cosine, Exponential, Piecewise"),
        ("momentum = 0.9", "momentum = 1.0", 6, "at least 0 and below 1"),
        ("momentum = 0.9", "momentum = 0.0", 7, "nesterov needs a momentum above 0"),
        ("momentum = 0.9", "momentun = 0.9", 6, "did you mean 'momentum'?"),
        ("weight_decay = 0.0005", "weight_decay = -1", 8, "at least 0 and at most 1"),
        ("clip_norm = 1.0", "clip_norm = 0.0", 2, "above 0 or nothing, but it is 0.0"),
        ("decay_steps = 900", "decay_steps = 0", 13, "at least 1, but it is 0"),
        ("decay_steps = 900\n", "", 10, "'decay_steps' is missing"),
        ("warmup_from = 0.001", "warmup_from = 0.0", 15, "the rate of the first update, above 0"),
        ("warmup_from = 0.001", "warmup_from = 0.2", 15, "below the rate that it leads to, 0.1"),
        ("warmup_from = 0.001\n", "", 14, "needs both warmup_steps"),
        ("warmup_steps = 100\n", "", 14, "needs both warmup_steps"),
        ("learning_rate = 0.1", "learning_rate = 0", 12, "above 0, but it is 0"),
        ("learning_rate = 0.1", "learning_rate = 0.1\nalpha = 1.5", 13, "at least 0 and at most 1"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_refusals_name_line_and_what_is_allowed(check_refusal, old, new, line, reason):
    assert old in SGD_COSINE
    check_refusal(load_protocol, SGD_COSINE.replace(old, new, 1), line, reason)


PIECEWISE = """\
[optimizer]
type = "RMSprop"

[optimizer.learning_rate]
type = "Piecewise"
boundaries = [100, 200]
values = [0.1, 0.01, 0.001]
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("[100, 200]", "[200, 100]", 6, "ends before it begins: 100 follows 200"),
        ("[100, 200]", "[100, 100]", 6, "boundaries must rise"),
        ("[100, 200]", "[0, 200]", 6, "at least 1, but it is 0"),
        ("[100, 200]", "[]", 6, "a list of at least 1"),
        ("0.01, 0.001", "0.01", 7, "one value more than boundaries"),
        ("0.001]", "0.0]", 7, "above 0, but it is 0.0"),
        ('"RMSprop"', '"RMSprop"\nrho = 0.0', 3, "above 0 and below 1"),
        ('"RMSprop"', '"AdamW"', 1, "'weight_decay' is missing"),
        ('"RMSprop"', '"Adam"\nepsilon_added_to = "root"', 3, "uncorrected_root, corrected_root"),
        ('"RMSprop"', '"RMSprop"\nmomentum = 0.9', 3, "the fields learning_rate, rho, epsilon"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_refusals_of_boundaries_and_of_other_optimizers(check_refusal, old, new, line, reason):
    assert old in PIECEWISE
    check_refusal(load_protocol, PIECEWISE.replace(old, new, 1), line, reason)


def test_python_refuses_what_a_file_would():
    with pytest.raises(SpecError, match=r"learning_rate\.decay_steps|at least 1"):
        TrainingProtocol(optimizer=SGD(Cosine(0.1, 0)))
    with pytest.raises(SpecError, match="above 0 and below 1"):
        RMSprop(rho=0)
    with pytest.raises(SpecError, match="nesterov"):
        SGD(nesterov=True)


def test_younger_words_count_only_where_they_are_used():
    model = MODELS["single-layer"]
    plain = spec_sha256(model, TrainingProtocol())
    for protocol in (
        TrainingProtocol(clip_norm=1.0),
        TrainingProtocol(optimizer=Adam(epsilon_added_to="corrected_root")),
        TrainingProtocol(optimizer=AdamW(weight_decay=0.0)),
        TrainingProtocol(optimizer=SGD(1e-3)),
        TrainingProtocol(optimizer=Adam(Piecewise((1,), (1e-3, 1e-3)))),
    ):
        assert spec_sha256(model, protocol) != plain
    explicit = Adam(epsilon_added_to="uncorrected_root")
    assert spec_sha256(model, TrainingProtocol(optimizer=explicit, clip_norm=None)) == plain


def test_a_protocol_in_a_line():
    sgd = SGD(Cosine(0.1, 900, warmup_steps=100, warmup_from=0.001), momentum=0.9)
    assert TrainingProtocol(optimizer=sgd, clip_norm=1.0).describe() == (
        "5 epochs, batches of 128, reshuffled every epoch; SGD(cosine from 0.1 to 0 in 900 steps, "
        "after 100 steps up from 0.001, momentum=0.9); gradients clipped to norm 1"
    )
    assert Adam().describe() == "Adam(0.001)"
    assert AdamW(weight_decay=0.01).describe() == "AdamW(0.001, weight_decay=0.01)"


@pytest.mark.parametrize(
    ("role", "decayed"),
    [("kernel", True), ("embeddings", True), ("recurrent_kernel", True), ("bias", False),
     ("gamma", False), ("recurrent_bias", False), ("moving_mean", False)],
)  # fmt: skip
def test_weight_decay_acts_on_kernels_and_embeddings(role, decayed):
    assert Variable(f"layers.0.{role}", (2, 3), "zeros").decayed is decayed
    assert not Variable("layers.0.kernel", (2, 3), "zeros", trainable=False).decayed
