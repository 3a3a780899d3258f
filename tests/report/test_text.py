"""Numbers as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.printable import one_line
from benchbench.report import text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, text.UNKNOWN),
        (0.001234, "0.00123"),
        (0.131, "0.131"),
        (6.2849, "6.28"),
        (12.34, "12.3"),
        (118.4, "118"),
        (12345.0, "12,345"),
        (0.0, "0.000000"),
    ],
)
def test_seconds_have_three_digits(value, written):
    assert text.seconds(value) == written


@given(st.floats(1e-4, 1e6))
def test_seconds_stay_within_half_a_per_cent(value):
    assert float(text.seconds(value).replace(",", "")) == pytest.approx(value, rel=5.1e-3)


@given(st.text())
def test_one_line_is_one_line_and_settles(drawn):
    line = one_line(drawn)
    assert len(line.splitlines()) <= 1
    assert one_line(line) == line
    assert [c for c in line if c != " "] == [c for c in drawn if c.isprintable() and c != " "]
