"""The option that makes a comparison fail: its name, and how its value is read."""

from __future__ import annotations

import argparse
import math
import re

FAIL_RATIO = "--benchbench-fail-ratio"


def fail_ratio(text: str) -> float:
    """Read "10%" or "0.1". A bare number of 1 and more is refused: it was meant in per cent."""
    match = re.fullmatch(r"([0-9]*\.?[0-9]+)(%?)", text.strip())
    value = float(match[1]) / (100 if match[2] else 1) if match else math.nan
    if not 0 < value < math.inf or (value >= 1 and not (match and match[2])):
        raise argparse.ArgumentTypeError(
            f"expected a fraction above 0, such as 10% or 0.1 (from 1 on in per cent: 150%), but "
            f"came '{text}'"
        )
    return value
