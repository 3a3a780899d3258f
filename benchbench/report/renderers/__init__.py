"""One format, one file: documents in, text out; `csv` and `json` take the figures themselves."""
