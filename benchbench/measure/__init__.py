"""Time, memory and the machine: everything that is measured, is measured here."""
