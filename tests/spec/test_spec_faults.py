"""What is allowed is read off the types: every kind of field, also kinds that no spec has yet."""

from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.errors import SpecError
from benchbench.spec.faults import find_faults
from benchbench.spec.protocol import TrainingProtocol


class Cosine(msgspec.Struct, forbid_unknown_fields=True, tag_field="type", tag="Cosine"):
    decay_steps: Annotated[int, msgspec.Meta(ge=1, description="the steps of the decay")]

    def __post_init__(self) -> None:
        if self.decay_steps == 13:
            raise SpecError("thirteen", ("decay_steps",))


class Later(msgspec.Struct, forbid_unknown_fields=True):
    """Kinds of fields that no spec has yet: a number or a table, what may be absent, tables."""

    rate: Annotated[float, msgspec.Meta(gt=0)] | Cosine = 0.1
    clip: Literal["norm", "value"] | None = None
    inner: tuple["Later", ...] = ()


@pytest.mark.parametrize(
    ("value", "reason", "path"),
    [
        ({"rate": -1}, "a number, above 0 or a table whose 'type' is Cosine, but it is -1", "rate"),
        ({"rate": {}}, "'type' is missing; expected Cosine", "rate"),
        (
            {"rate": {"type": "cosine"}},
            "did you mean 'Cosine'?",
            "rate.type",
        ),
        (
            {"rate": {"type": "Cosine", "decay_steps": 0}},
            "expected the steps of the decay, but it is 0",
            "rate.decay_steps",
        ),
        ({"rate": {"type": "Cosine", "decay_steps": 13}}, "thirteen", "rate.decay_steps"),
        ({"clip": "nrom"}, 'expected one of norm, value, but it is "nrom", did you mean', "clip"),
        ({"clip": 1}, "expected one of norm, value or nothing, but it is 1", "clip"),
        ({"inner": [{}, {"inner": [{"clip": 2}]}]}, "but it is 2", "inner.1.inner.0.clip"),
        ({"inner": 3}, "a list, each a table, but it is 3", "inner"),
        ([1, 2], "expected a table, but it is [1, 2]", ""),
    ],
    ids=str,
)
def test_what_is_allowed_is_read_off_the_types(value, reason, path):
    (fault,) = find_faults(value, Later)
    assert reason in fault.reason
    assert ".".join(map(str, fault.path)) == path


@given(st.recursive(st.none() | st.integers(-1, 9) | st.text("ab"), st.lists) | st.none())
def test_what_msgspec_refuses_has_a_fault_and_nothing_else_has(value):
    table = {"rate": value, "inner": [{"clip": value}]}
    try:
        msgspec.convert(table, Later)
    except msgspec.ValidationError:
        assert list(find_faults(table, Later))
    else:
        assert not list(find_faults(table, Later))


def test_what_no_file_could_hold_is_refused_in_python_too():
    with pytest.raises(SpecError, match="epochs: no spec file could hold it"):
        TrainingProtocol(epochs=object())
    with pytest.raises(SpecError, match=r"epochs: expected .*, but it is a number of more than 64"):
        TrainingProtocol(epochs=10**5_000)
