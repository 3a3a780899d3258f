"""A download says how far it is, and asks the mirror that the user names first."""

from __future__ import annotations

import gzip
import http.server
import threading

import numpy as np
import pytest
from waiting import PATIENCE_SECONDS

from benchbench.data import container, idx, mnist
from benchbench.data import download as downloading
from benchbench.errors import Unavailable


@pytest.fixture
def server():
    """Serve bytes by name from this machine; after ten bytes it waits for `pace`."""
    files, pace = {}, threading.Event()
    pace.set()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = files.get(self.path.strip("/"))
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:10])
            self.wfile.flush()
            pace.wait(PATIENCE_SECONDS)
            self.wfile.write(content[10:])

        def log_message(self, *_):
            pass

    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_port}", files, pace
    pace.set()
    serving.shutdown()
    serving.server_close()


def test_a_slow_download_is_told_with_its_total(server, monkeypatch):
    monkeypatch.setattr(downloading, "_WORD_SECONDS", 0.05)
    address, files, pace = server
    files["x.gz"] = b"x" * 2_000_000
    pace.clear()
    told = []

    def hear(text):
        told.append(text)
        if " of 2.0" in text:
            pace.set()

    (content,) = downloading.download(
        [f"{address}/x.gz"], seconds=20, largest_bytes=1 << 22, told=hear, first_word_seconds=0.05
    )
    assert content == files["x.gz"]
    assert told[-1] == "downloading x.gz, file 1 of 1: 0.0 of 2.0 MB"


def test_a_mirror_of_ones_own_is_asked_first(server, monkeypatch, tmp_path):
    address, files, _ = server
    arrays = {
        "train-images": np.arange(60 * 4 * 5, dtype=np.uint8).reshape(60, 4, 5),
        "train-labels": np.arange(60, dtype=np.uint8) % 3,
        "t10k-images": np.arange(20 * 4 * 5, dtype=np.uint8).reshape(20, 4, 5),
        "t10k-labels": np.arange(20, dtype=np.uint8) % 3,
    }
    monkeypatch.setattr(mnist, "HASHES", {part: idx.sha256(one) for part, one in arrays.items()})
    monkeypatch.setattr(mnist, "MIRRORS", ())
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv(mnist.MIRROR_VARIABLE, f"{address}/")
    with pytest.raises(Unavailable, match=rf"any of 1 mirrors:\s+{address}.*404"):
        mnist.fetch()
    for part, array in arrays.items():
        name = container.file_name(part, array.ndim)
        files[f"{name}.gz"] = gzip.compress(idx.encode(array))
    place, downloaded = mnist.fetch()
    assert downloaded
    assert mnist.read(place).sha256 == mnist.HASHES
