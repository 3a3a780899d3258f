"""Faults of embeddings, recurrent layers and attention."""

from __future__ import annotations

from faulty import attention, embeddings, recurrent

FAULTS = (*recurrent.FAULTS, *attention.FAULTS, *embeddings.FAULTS)
