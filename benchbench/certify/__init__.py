"""Do two implementations train the same thing? Rung by rung. `benchbench.certify` is called so."""

from benchbench.callable_package import make_callable

make_callable(__name__)
