"""Verified bytes in, splits out."""
