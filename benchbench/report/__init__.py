"""Records in, text out. Pure."""
