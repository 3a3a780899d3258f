"""Blocks on other machines: orders go out and records come back, as JSON, by an engine."""
