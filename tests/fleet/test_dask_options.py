"""What Dask's executor is told, and what it says where nothing answers."""

from __future__ import annotations

import socket

import pytest
from benchbench_dask.engine import Dask
from benchbench_dask.options import read_options

from benchbench.errors import Unavailable, UsageError


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "needs the address of a scheduler: --executor-options tcp://HOST:8786"),
        ("scheduler", "expected the address of a Dask scheduler"),
        ("tcp://scheduler", "is no address of a Dask scheduler"),
        ("http://scheduler:8786", "is no address of a Dask scheduler"),
        ("/nowhere.toml", "cannot be read: No such file"),
    ],
)
def test_what_is_no_address_is_refused(given, told):
    with pytest.raises(UsageError, match=told):
        read_options(given)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("adress = 'tcp://a:1'", "no option 'adress', did you mean 'address'"),
        ("seconds = 1", "there is no `address`"),
        ("address = 5", "address is 5: expected text in quotes"),
        ("address = 'tcp://a:1'\nseconds = 'x'", 'seconds is "x": expected a number'),
        ("address = 'tcp://a:1'\nseconds = 0", "seconds is 0: give more than 0"),
        ("address = ", "is no TOML"),
        ("address = 'tls://a:1'\ntls_ca_file = '/no.pem'", "tls_ca_file is '/no.pem': .* No such"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path, text, told):
    path = tmp_path / "dask.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=told):
        read_options(str(path))


def test_options_survive_in_a_plan():
    kept = Dask().configure("tcp://10.0.0.1:8786")
    assert Dask().configure(kept) == kept


def test_a_scheduler_that_is_not_there_is_told_with_how_long_it_was_tried(tmp_path):
    pytest.importorskip("distributed", reason="distributed is not installed: the extra `dask`")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = tmp_path / "dask.toml"
    path.write_text(f"address = 'tcp://127.0.0.1:{port}'\nseconds = 0.5")
    dask = Dask()
    dask.configure(str(path))
    with pytest.raises(Unavailable, match=rf"answers at tcp://127.0.0.1:{port}: tried for \d+ s"):
        dask.check(None, None, 1)


def test_without_distributed_the_command_that_installs_it_is_told(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    dask = Dask()
    dask.configure("tcp://127.0.0.1:1")
    with pytest.raises(Unavailable, match=r"pip install 'benchbench-harness\[dask\]'") as error:
        dask.check(None, None, 1)
    assert error.value.exit_code == 3
