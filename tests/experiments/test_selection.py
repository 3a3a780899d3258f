"""What a user's words select, where they contradict each other."""

from __future__ import annotations

import pytest

from benchbench.errors import UsageError
from benchbench.experiments.selection import find_certified_protocol


def test_a_batch_size_to_certify_with_is_refused_where_nothing_is_certified():
    assert find_certified_protocol(None, None, certify=False) is None
    assert find_certified_protocol(None, 32, certify=True).batch_size == 32
    with pytest.raises(UsageError, match="--certify-batch changes nothing beside --no-certify"):
        find_certified_protocol(None, 32, certify=False)
