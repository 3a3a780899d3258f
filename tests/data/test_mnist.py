"""MNIST: the search, the hashes, the splits, the download."""

from __future__ import annotations

import functools
import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from benchbench.data import catalog, container, idx, mnist
from benchbench.errors import DataError, Unavailable

# Where each place lies below the home folder, in the order of the search; the work folder is
# `home/work`.
PLACES = {
    "BENCHBENCH_DATA": "named/mnist",
    "benchbench's cache": "cache/mnist",
    "Keras's cache": ".keras/datasets/mnist.npz",
    "torchvision's folder": "work/data/MNIST/raw",
}


def test_real_mnist_is_split_as_the_notebook_splits_it(mnist_folder):
    dataset = mnist.load(mnist_folder)
    raw = container.read(mnist_folder).arrays
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (
        48_000,
        12_000,
        10_000,
    )
    assert dataset.classes == 10
    assert dataset.train.targets[:5].tolist() == [5, 0, 4, 1, 9]
    assert dataset.test.targets[0] == 7
    scaled = raw["train-images"].astype("float32") / 255
    assert (dataset.train.inputs[..., 0] == scaled[:48_000]).all()
    assert (dataset.validation.inputs[..., 0] == scaled[-12_000:]).all()
    assert (dataset.validation.targets == raw["train-labels"][-12_000:]).all()
    for split in (dataset.train, dataset.validation, dataset.test):
        assert split.inputs.shape == (len(split), 28, 28, 1)
        assert split.inputs.dtype == np.float32
        assert split.inputs.flags.c_contiguous
        assert not split.inputs.flags.writeable
        assert split.targets.dtype == np.int64
        assert not split.targets.flags.writeable


@pytest.mark.parametrize("how", ["idx", "npz"])
def test_real_mnist_is_itself_in_every_container(how, mnist_folder, write, tmp_path):
    content = container.read(mnist_folder)
    place = write(tmp_path / "x.npz", content.arrays, how)
    assert mnist.read(place).sha256 == mnist.HASHES


def test_one_altered_pixel_of_real_mnist_is_found(mnist_folder, write, tmp_path):
    arrays = dict(container.read(mnist_folder).arrays)
    arrays["train-images"] = arrays["train-images"].copy()
    arrays["train-images"][31_415, 9, 2] ^= 1
    with pytest.raises(DataError, match=mnist.HASHES["train-images"]):
        mnist.load(write(tmp_path / "x", arrays))


def test_places_are_searched_in_the_order_of_the_manual(tiny, write, nowhere, monkeypatch):
    monkeypatch.setenv("BENCHBENCH_DATA", str(nowhere / "named"))
    assert mnist.search() is None
    # From the last place to the first: each new one must win.
    for label, below in reversed(PLACES.items()):
        how = "npz" if below.endswith("npz") else "gz"
        written = write(nowhere / below, tiny, how)
        place = mnist.search()
        assert place is not None
        assert (place.label, place.found()) == (label, written)
        assert len(mnist.load(written).validation) == 12


@pytest.mark.parametrize(
    "root", ["work/data", "work", "data", ".cache/torchvision", ".cache/torch"]
)
def test_torchvision_s_usual_roots_are_searched(root, tiny, write, nowhere):
    folder = write(nowhere / root / "MNIST" / "raw", tiny)
    place = mnist.search()
    assert place is not None
    assert place.found() == folder


def test_a_place_with_two_names_is_searched_once_under_the_first(nowhere, monkeypatch):
    keras = nowhere / PLACES["Keras's cache"]
    monkeypatch.setenv("BENCHBENCH_DATA", str(keras))
    (place,) = (one for one in mnist.places() if one.path == keras)
    assert place.label == "BENCHBENCH_DATA"
    assert mnist.places()[0] == place


def test_keras_home_is_respected(tiny, write, nowhere, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(nowhere / "elsewhere"))
    path = write(nowhere / "elsewhere" / "datasets" / "mnist.npz", tiny, "npz")
    write(nowhere / PLACES["Keras's cache"], tiny, "npz")
    place = mnist.search()
    assert place is not None
    assert place.found() == path


@pytest.mark.parametrize("below", ["named", "named/mnist", "named/MNIST/raw"])
def test_benchbench_data_names_the_folder_or_the_one_above(
    below, tiny, write, nowhere, monkeypatch
):
    monkeypatch.setenv("BENCHBENCH_DATA", str(nowhere / "named"))
    folder = write(nowhere / below, tiny)
    place = mnist.search()
    assert place is not None
    assert place.named
    assert place.found() == folder


def test_swapped_files_are_found_by_their_hashes(tiny, write, nowhere):
    folder = write(nowhere / "x", tiny)
    test_images = folder / "t10k-images-idx3-ubyte"
    test_images.write_bytes(idx.encode(tiny["train-images"][:20]))
    with pytest.raises(DataError, match="t10k-images of MNIST"):
        mnist.load(folder)


class _Server:
    """Serves folders of `root` on this machine, and counts what it was asked for."""

    def __init__(self, root: Path) -> None:
        asked: list[str] = []

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *_args: object) -> None:
                asked.append(self.path)

        handler = functools.partial(Handler, directory=str(root))
        self.asked = asked
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.thread = threading.Thread(target=self.http.serve_forever)
        self.thread.start()

    def url(self, folder: str) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/{folder}"

    def stop(self) -> None:
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def server(tmp_path, monkeypatch) -> Iterator[_Server]:
    # A proxy that the environment names cannot reach this machine's own server.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = _Server(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def mirrors(server, monkeypatch) -> Callable[..., None]:
    def use(*folders: str) -> None:
        monkeypatch.setattr(mnist, "MIRRORS", tuple(server.url(folder) for folder in folders))

    return use


def test_fetch_downloads_real_mnist_into_the_cache(
    mnist_folder, nowhere, tmp_path, mirrors, server
):
    (tmp_path / "good").symlink_to(mnist_folder)
    mirrors("good")
    folder, downloaded = mnist.fetch()
    assert downloaded
    assert folder == nowhere / "cache" / "mnist"
    assert mnist.read(folder).sha256 == mnist.HASHES
    assert len(list(folder.iterdir())) == 4
    count = len(server.asked)
    assert mnist.fetch() == (folder, False)
    assert len(server.asked) == count


def test_a_mirror_that_serves_garbage_is_passed_over(tiny, write, tmp_path, mirrors):
    good = write(tmp_path / "good", tiny, "gz")
    false = write(tmp_path / "false", {**tiny, "t10k-labels": tiny["t10k-labels"][::-1]}, "gz")
    html = tmp_path / "html"
    html.mkdir()
    for path in good.iterdir():
        (html / path.name).write_text("<html>please log in</html>")
    mirrors("absent", html.name, false.name, "good")
    folder, downloaded = mnist.fetch()
    assert downloaded
    assert mnist.read(folder).sha256 == mnist.HASHES


def test_every_mirror_s_failure_is_named(tiny, write, tmp_path, mirrors, nowhere):
    folder = write(tmp_path / "cut", tiny, "gz")
    whole = folder / "train-labels-idx1-ubyte.gz"
    whole.write_bytes(whole.read_bytes()[:-9])
    write(tmp_path / "false", {**tiny, "t10k-labels": tiny["t10k-labels"][::-1]}, "gz")
    mirrors("absent", "cut", "false")
    with pytest.raises(Unavailable) as caught:
        mnist.fetch()
    message = str(caught.value)
    assert "404" in message
    assert "train-labels-idx1-ubyte.gz: expected a whole gzip file" in message
    assert f"is not the t10k-labels of MNIST: expected SHA-256 {mnist.HASHES['t10k-labels']}" in (
        message
    )
    assert message.count("http://127.0.0.1") >= 3
    assert not (nowhere / "cache").exists()


def test_a_mirror_that_refuses_to_talk_is_named(monkeypatch, server):
    server.stop()
    monkeypatch.setattr(server, "stop", lambda: None)
    monkeypatch.setattr(mnist, "MIRRORS", (server.url("gone"),))
    with pytest.raises(Unavailable, match=r"/gone: train-images.*refused"):
        mnist.fetch()


def test_fetch_replaces_a_damaged_cache(tiny, write, nowhere, tmp_path, mirrors):
    write(tmp_path / "good", tiny, "gz")
    mirrors("good")
    folder = write(nowhere / "cache" / "mnist", tiny, "gz")
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"nothing of worth"))
    assert mnist.fetch() == (folder, True)
    assert mnist.read(folder).sha256 == mnist.HASHES


def test_a_cache_that_cannot_be_written_is_named(tiny, write, nowhere, tmp_path, mirrors):
    write(tmp_path / "good", tiny, "gz")
    mirrors("good")
    (nowhere / "cache").write_text("a file is in the way")
    with pytest.raises(Unavailable, match=r"cannot be written .* BENCHBENCH_CACHE"):
        mnist.fetch()


@pytest.mark.parametrize("name", ["mnist", "auto", "kmnist"])
def test_a_named_place_that_is_not_there_is_told(nowhere, monkeypatch, name):
    monkeypatch.setenv("BENCHBENCH_DATA", str(nowhere / "typo"))
    with pytest.raises(DataError, match="typo, which does not exist: name a folder that holds"):
        catalog.choose(name, {})
