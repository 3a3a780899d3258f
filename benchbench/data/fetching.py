"""Download a data set by its name: `benchbench data fetch`."""

from __future__ import annotations

from collections.abc import Callable

from benchbench.data import mnist, names, published
from benchbench.errors import UsageError, nearest


def fetch(name: str, told: Callable[[str], None]) -> str:
    """Download a data set, unless a whole one is in the cache; return a sentence on it.

    Raises Unavailable where it cannot be had, UsageError for what is not downloaded.
    """
    if name == "mnist":
        title = "MNIST"
        folder, downloaded = mnist.fetch(told)
    elif name in names.PUBLISHED:
        title = published.known(name).title
        folder, downloaded = published.fetch(name, told)
    else:
        known = ("mnist", *names.PUBLISHED)
        what = f"there is no data set '{name}' to fetch{nearest(name, known)}"
        if name in names.RESERVED:
            what = f"'{name}' needs no download"
        raise UsageError(f"{what} (known: {', '.join(known)})")
    how = "was downloaded to" if downloaded else "is already in"
    return f"{title} {how} {folder}; its hashes are verified"
