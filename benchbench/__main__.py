"""`python -m benchbench` is the command `benchbench`."""

from benchbench.cli.main import main

main()
