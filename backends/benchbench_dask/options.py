"""What `--executor-options` says for Dask: an address, or a TOML file that has one."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from benchbench.errors import UsageError
from benchbench.experiments.fleet.options import from_file, from_json
from benchbench.files import open_file

_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://[^\s/]+:\d+/?")


class DaskOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the scheduler is, for how long it is tried, and the files of a TLS connection."""

    address: str
    seconds: float = 10.0
    tls_ca_file: str | None = None
    tls_client_cert: str | None = None
    tls_client_key: str | None = None


def read_options(given: str | None) -> DaskOptions:
    """Return the options of an address, a TOML file, or of a plan. Raises UsageError."""
    if given is None:
        raise UsageError(
            "the executor 'dask' needs the address of a scheduler: --executor-options "
            "tcp://HOST:8786 (`dask scheduler` prints it)"
        )
    if given.startswith("{"):
        return _checked(from_json(given, DaskOptions), "in JSON")
    if "://" in given:
        return _checked(DaskOptions(address=given), given)
    if not given.endswith(".toml"):
        raise UsageError(
            f"--executor-options {given}: expected the address of a Dask scheduler "
            f"(tcp://HOST:8786), or a TOML file with `address`"
        )
    return _checked(from_file(given, DaskOptions, "Dask"), given)


def _checked(options: DaskOptions, source: str) -> DaskOptions:
    if not _ADDRESS.fullmatch(options.address):
        raise UsageError(
            f"--executor-options {source}: '{options.address}' is no address of a Dask scheduler: "
            f"expected PROTOCOL://HOST:PORT, as tcp://10.0.0.1:8786"
        )
    if not 0 < options.seconds <= 3600:
        raise UsageError(
            f"--executor-options {source}: seconds is {options.seconds:g}: give more than 0, and "
            f"at most 3600"
        )
    for name in ("tls_ca_file", "tls_client_cert", "tls_client_key"):
        path = getattr(options, name)
        if path is not None:
            _must_be_a_file(path, f"--executor-options {source}: {name} is '{path}'")
    return options


def _must_be_a_file(path: str, what: str) -> None:
    try:
        open_file(Path(path)).close()
    except OSError as error:
        raise UsageError(f"{what}: it cannot be read: {error.strerror or error}") from None
