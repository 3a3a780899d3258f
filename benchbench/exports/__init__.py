"""Records in, a file that another tool reads: one consumer a file."""
