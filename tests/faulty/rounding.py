"""What fewer bits make of float32."""

from __future__ import annotations

import numpy as np


def to_bfloat16(values):
    """Round to the nearest number of 8 significant bits, ties to even; the dtype stays float32."""
    return _keep(values, dropped=16)


def to_tf32(values):
    """Round to the nearest number of 11 significant bits, ties to even; the dtype stays float32."""
    return _keep(values, dropped=13)


def _keep(values, *, dropped):
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    last_kept = (bits >> np.uint32(dropped)) & np.uint32(1)
    half = np.uint32((1 << (dropped - 1)) - 1)
    mask = np.uint32(0xFFFFFFFF << dropped & 0xFFFFFFFF)
    return ((bits + half + last_kept) & mask).view(np.float32)
