"""One format, one file: tables in, text out."""
