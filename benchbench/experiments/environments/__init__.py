"""`BACKEND@ENV`: a backend as another Python has it, beside those of this one."""
