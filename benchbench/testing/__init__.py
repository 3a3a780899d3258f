"""The suite a backend must pass; plugin authors subclass it."""
