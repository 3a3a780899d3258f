"""Data that is no file, lies about its size or never ends is refused by name, and at once."""

from __future__ import annotations

import gzip
import os
import resource
import socket
import struct
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from benchbench.data import catalog, container, folder, idx, mnist
from benchbench.errors import BenchbenchError, DataError, UsageError

SHAPES = {"train-images": (30, 4, 4), "train-labels": (30,), "t10k-images": (20, 4, 4)}
SHAPES["t10k-labels"] = (20,)


@pytest.fixture
def data(tmp_path):
    """Write a small data set; return its folder."""
    place = tmp_path / "set"
    place.mkdir()
    for part, shape in SHAPES.items():
        array = (np.arange(np.prod(shape)) % 2).astype(np.uint8).reshape(shape)
        (place / container.file_name(part, array.ndim)).write_bytes(idx.encode(array))
    folder.read(place)
    return place


def make_fifo(path: Path) -> str:
    os.mkfifo(path)
    return "a FIFO"


def make_socket(path: Path) -> str:
    # Its name is cut where it is over 107 bytes, so it is bound from within the folder.
    before = Path.cwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path.name)
    os.chdir(before)
    return "a socket"


def make_folder(path: Path) -> str:
    path.mkdir()
    return "a folder"


def make_device(path: Path) -> str:
    path.symlink_to("/dev/zero")
    return "a device"


KINDS = [make_fifo, make_socket, make_folder, make_device]


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_part_that_is_no_file_is_named_with_what_it_is(data, make, suffix):
    path = data / container.file_name("train-labels", 1)
    path.unlink()
    path = path.with_name(path.name + suffix)
    what = make(path)
    with pytest.raises(DataError, match=rf"{path.name}: expected a file, but it is {what}"):
        folder.read(data)


@pytest.mark.parametrize("make", KINDS)
def test_a_file_beside_it_is_taken_in_its_place(data, make):
    path = data / container.file_name("train-labels", 1)
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    make(path)
    assert len(folder.read(data).arrays["train-labels"]) == 30


@pytest.mark.parametrize("make", [make_fifo, make_socket, make_device])
@pytest.mark.parametrize("name", ["x", "mnist.npz"])
def test_a_data_set_that_is_no_file_is_named_with_what_it_is(tmp_path, make, name):
    what = make(tmp_path / name)
    with pytest.raises(DataError, match=f"expected a file, but it is {what}"):
        catalog.choose(str(tmp_path / name), {})


@pytest.mark.parametrize(
    "name", ["x" * 4_000, "x/" * 2_000, "~nobody-of-this-name/x", "a\nb", "\x1b[2J", "", " "]
)
def test_a_name_that_is_nothing_is_refused_in_a_sentence(name):
    with pytest.raises(BenchbenchError) as caught:
        catalog.choose(name, {})
    assert isinstance(caught.value, UsageError | DataError)


def test_a_long_name_of_a_place_to_search_is_no_place(monkeypatch):
    monkeypatch.setenv(mnist.DATA_VARIABLE, "x/" * 3_000)
    assert mnist.places()[0].found() is None
    monkeypatch.setenv(mnist.DATA_VARIABLE, "~nobody-of-this-name")
    assert mnist.places()[0].found() is None


def header(*shape: int) -> bytes:
    return struct.pack(f">xxBB{len(shape)}I", 8, len(shape), *shape)


LIES = [
    *((0, 2**32 - 1, 2**32 - 1), (2**32 - 1, 2**32 - 1, 2**32 - 1), (2**32 - 1, 0, 2**32 - 1)),
    *((2**31, 1, 1), (0, 0, 0), (0, 28, 28), (60_000, 0, 28), (60_000, 2**32 - 1, 0)),
]


@pytest.mark.parametrize("shape", LIES, ids=str)
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["raw", "gz"])
def test_a_shape_that_lies_is_refused(data, shape, compress):
    path = data / container.file_name("train-images", 3)
    path.write_bytes(compress(header(*shape)))
    with pytest.raises(DataError, match="train-images"):
        folder.read(data)


def test_no_more_is_read_than_the_shape_allows(data):
    """A file of a terabyte with room for 30 small images: what follows them is not read."""
    path = data / container.file_name("train-images", 3)
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(DataError, match="more bytes follow"):
        folder.read(data)


_CHILD = """
import resource, sys
from pathlib import Path
from benchbench.cli.main import main
from benchbench.data import folder
import numpy
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
limit = used + (60 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sys.argv = ["benchbench", "data", "verify", "--dataset", sys.argv[1]]
main()
"""


def verify_with_little_memory(place: Path) -> subprocess.CompletedProcess[str]:
    """Verify a data set in a process that may take 60 MiB more than its imports."""
    return subprocess.run(
        [sys.executable, "-c", _CHILD, str(place)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_AS"), reason="there is no limit of memory here")
def test_a_gzip_bomb_under_a_limit_of_memory_is_refused(data):
    path = data / container.file_name("train-images", 3)
    zeros = gzip.compress(bytes(1 << 20), 9)
    # The header claims 800 MB, which a megabyte of gzip could hold, and does.
    path.with_name(path.name + ".gz").write_bytes(
        gzip.compress(header(800 << 10, 32, 32)) + zeros * 800
    )
    path.unlink()
    done = verify_with_little_memory(data)
    assert done.returncode == 3, done.stderr
    assert "there is no memory for what it says it holds" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_zip_bomb_under_a_limit_of_memory_is_refused(tmp_path):
    path = tmp_path / "mnist.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key in container.PARTS.values():
            with archive.open(f"{key}.npy", "w", force_zip64=True) as file:
                shape = (400 << 20,) if key.startswith("y") else (400 << 10, 32, 32)
                np.lib.format.write_array_header_1_0(
                    file, {"descr": "|u1", "fortran_order": False, "shape": shape}
                )
                file.write(bytes(1 << 20))
    done = verify_with_little_memory(path)
    assert done.returncode == 3, done.stderr
    assert "no memory" in done.stderr
    assert "Traceback" not in done.stderr


class Server:
    """A real server that answers every request in one way, until the test ends."""

    def __init__(self, answer):
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._answer = answer
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                try:
                    for piece in self._answer():
                        connection.sendall(piece)
                        if self._stop.is_set():
                            return
                except OSError:
                    continue

    def close(self) -> None:
        self._stop.set()
        self._listening.close()


def drip(start: bytes):
    def answer():
        yield start
        while True:
            time.sleep(0.1)
            yield b"x"

    return answer


def endless():
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    while True:
        yield bytes(1 << 16)


def silent():
    time.sleep(3)
    yield b""


HEAD = b"HTTP/1.1 200 OK\r\n"
SERVERS = {
    "drips": (drip(HEAD + b"Content-Length: 1000000\r\n\r\n"), "expected it within 1 s"),
    "drips its header": (drip(HEAD + b"X: "), "expected it within 1 s"),
    "is silent": (silent, "expected it within 1 s"),
    "never ends": (endless, "more follow"),
    "lies about its length": (lambda: [HEAD + b"Content-Length: x\r\n\r\n"], "train-images"),
    "says nothing": (lambda: [b""], "train-images"),
    "sends nonsense": (lambda: [b"\xff" * 70_000], "train-images"),
}


@pytest.mark.parametrize("kind", SERVERS)
def test_a_download_has_limits_of_time_and_size(monkeypatch, tmp_path, kind):
    answer, reason = SERVERS[kind]
    server = Server(answer)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(mnist, "MIRRORS", (f"http://127.0.0.1:{server.port}",))
    monkeypatch.setattr(mnist, "_DOWNLOAD_SECONDS", 1.0 if "within" in reason else 60.0)
    try:
        with pytest.raises(BenchbenchError, match=reason) as caught:
            mnist.fetch()
    finally:
        server.close()
    assert caught.value.exit_code == 3
    assert not list(tmp_path.rglob("*ubyte*"))
