"""A session is data: it goes into a file and comes back equal, and its cells lay out its runs."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import make_certificate

from benchbench.certificates import CertificateOrReason
from benchbench.data.chosen import Chosen
from benchbench.errors import StoreError, UsageError
from benchbench.records import DatasetChoice, Variant
from benchbench.run.plan import LIVE_WORKERS, Cell, Environment, Session
from benchbench.run.session_file import session_from_json, session_to_json
from benchbench.spec.catalog import MODELS
from benchbench.spec.protocol import TrainingProtocol

NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def make_session(*cells: Cell, **changes) -> Session:
    session = Session(
        cells=cells,
        protocol=TrainingProtocol(epochs=2),
        dataset=DatasetChoice("digits"),
        device="auto",
        threads=2,
        cpus=(0, 1),
        seed=7,
    )
    return msgspec.structs.replace(session, **changes)


def cell(backend: str = "numpy", model: str = "single-layer", **changes) -> Cell:
    return Cell(backend, "idiomatic", MODELS[model], **changes)


@st.composite
def sessions(draw) -> Session:
    environments = st.builds(
        Environment,
        python=st.none() | TEXTS,
        import_path=st.lists(TEXTS, max_size=2).map(tuple),
        variables=st.none() | st.lists(st.tuples(TEXTS, TEXTS), max_size=2).map(tuple),
    )
    variants = st.builds(
        Variant, label=TEXTS, slowdown=st.floats(0, 1), commit=st.none() | st.just("0" * 40)
    )
    cells = st.builds(
        Cell,
        backend=NAMES,
        division=NAMES,
        model=st.sampled_from(list(MODELS.values())),
        device=st.none() | NAMES,
        environment=environments,
        variant=st.none() | variants,
    )
    drawn = draw(st.lists(cells, max_size=4, unique_by=lambda one: (one.model.name, one.name)))
    answers = st.just(CertificateOrReason(make_certificate())) | st.builds(
        CertificateOrReason, reason=TEXTS
    )
    return make_session(
        *drawn,
        protocol=TrainingProtocol(
            epochs=draw(st.integers(1, 99)), batch_size=draw(st.integers(1, 999))
        ),
        dataset=DatasetChoice(draw(NAMES), draw(st.none() | TEXTS), "d" * 64, draw(st.booleans())),
        cpus=draw(st.none() | st.just((0, 3))),
        certificates=tuple((one, draw(answers)) for one in drawn if draw(st.booleans())),
    )


@settings(max_examples=25)
@given(sessions())
def test_a_session_comes_back_from_its_file_and_plans_the_same_runs(session):
    again = session_from_json(session_to_json(session), source="s.json")
    assert again == session
    assert again.blocks(2) == session.blocks(2)
    assert session_to_json(again) == session_to_json(session)


def test_a_planned_run_holds_what_its_cell_and_its_session_say():
    variant = Variant("main@0123456", commit="0" * 40)
    environment = Environment(python="/usr/bin/python3", import_path=("/there",))
    own = cell(device="cuda:1", environment=environment, variant=variant)
    certificate = make_certificate()
    certified = own, CertificateOrReason(certificate)
    session = make_session(own, cell("torch"), certificates=(certified,))
    (group,) = session.block(3)
    first, second = group.runs
    assert first.request.run_id == (
        f"{session.session_id}-003-single-layer-numpy-idiomatic-cuda-1-main-0123456"
    )
    assert (first.request.device, second.request.device) == ("cuda:1", "auto")
    assert (first.request.seed, first.request.block) == (10, 3)
    assert (first.environment, second.environment) == (environment, Environment())
    assert (first.certificate, first.uncertified) == (certificate, None)
    assert (second.certificate, second.uncertified) == (None, None)
    assert first.request.variant == variant


def test_the_cells_of_a_model_share_a_group_and_none_is_larger_than_what_may_live():
    cells = [cell(f"backend-{number}") for number in range(LIVE_WORKERS + 1)]
    session = make_session(*cells, cell(model="two-layer"))
    groups = session.blocks(2)
    assert [len(group.runs) for group in groups] == [LIVE_WORKERS, 1, 1] * 2
    assert len({group.order_seed for group in groups}) == len(groups)


def test_cells_that_nothing_tells_apart_are_refused():
    with pytest.raises(UsageError, match="single-layer numpy-idiomatic"):
        make_session(cell(), cell(environment=Environment(import_path=("/there",))))


def test_what_a_choice_says_to_people_is_not_in_the_session():
    chosen = Chosen("digits", sha256="d" * 64, note="made up", input_shape=(8, 8, 1))
    session = make_session(cell(), dataset=chosen)
    assert session.dataset == DatasetChoice("digits", sha256="d" * 64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"schema": 4},
            r"s\.json is a session of version 4, .* reads version 3: run it with the n",
        ),
        (
            {"schema": 0},
            r"s\.json is a session of version 0, .* reads version 3: run it with the o",
        ),
        ({"schema": "one"}, r"s\.json is no session: Expected `int`"),
        ({"cells": 7}, r"s\.json is no session: Expected `array`"),
    ],
)
def test_a_file_of_another_version_or_of_another_kind_is_refused(change, message):
    content = json.loads(session_to_json(make_session(cell()))) | change
    with pytest.raises(StoreError, match=message) as refusal:
        session_from_json(json.dumps(content).encode(), source="s.json")
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"schema": 1'])
def test_garbage_is_no_session(data):
    with pytest.raises(StoreError, match="is no session"):
        session_from_json(data, source="s.json")
