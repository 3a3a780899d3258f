"""What a user may write for a division."""

import pytest

from benchbench.errors import UsageError
from benchbench.experiments.names import find_divisions
from benchbench.plugins.contract import BackendInfo

INFO = BackendInfo("b", (), lambda: None, divisions=("idiomatic", "compiled", "tuned"))


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ("tuned", ("tuned",)),
        ("tuned,idiomatic", ("idiomatic", "tuned")),
        ("idiomatic, tuned", ("idiomatic", "tuned")),
        ("tuned,tuned", ("tuned",)),
        ("all", ("idiomatic", "compiled", "tuned")),
    ],
)
def test_one_division_several_or_all(choice, found):
    assert find_divisions(INFO, choice) == found


@pytest.mark.parametrize("choice", ["best", "tuned,best", "tuned,", ""])
def test_one_that_there_is_not_is_told(choice):
    with pytest.raises(UsageError, match=r"has no division '(best|)'"):
        find_divisions(INFO, choice)
