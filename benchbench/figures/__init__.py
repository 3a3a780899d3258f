"""Records in, figures out: one figure a file, by matplotlib, which is imported only to draw."""
