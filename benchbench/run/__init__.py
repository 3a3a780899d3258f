"""From a plan to records: conductor, workers, store. The package is called as `benchbench.run`."""

from benchbench.callable_package import make_callable

make_callable(__name__)
