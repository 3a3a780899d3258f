"""The catalog: what each name finds, what `auto` falls back to, what a worker loads again."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest

from benchbench.data import catalog, container, digits, mnist, splits
from benchbench.data.dataset import Dataset, DatasetInfo
from benchbench.errors import DataError, Unavailable, UsageError
from benchbench.records import DatasetChoice


@pytest.fixture
def small_digits(arrays, monkeypatch) -> None:
    """Put 60 + 20 images of noise into the place of the digits."""
    content = container.Content(arrays(60, 30), dict.fromkeys(container.PARTS, "generated"))
    monkeypatch.setattr(digits, "make", lambda: content)
    monkeypatch.setattr(digits, "HASHES", content.sha256)
    monkeypatch.setattr(digits, "VALIDATION_COUNT", 12)


@pytest.fixture
def offered(arrays) -> dict[str, DatasetInfo]:
    content = container.Content(arrays(70), dict.fromkeys(container.PARTS, "generated"))

    def load(_location: Path | None) -> Dataset:
        return splits.split(content, name="theirs", validation_count=14, source="a plugin")

    return {"theirs": DatasetInfo("theirs", load)}


@pytest.fixture
def found(tiny, write, nowhere, monkeypatch) -> Path:
    """Put the stand-in for MNIST where BENCHBENCH_DATA says."""
    monkeypatch.setenv("BENCHBENCH_DATA", str(nowhere / "named"))
    return write(nowhere / "named" / "mnist", tiny, "gz")


def _damage(folder: Path) -> Path:
    path = next(path for path in folder.iterdir() if path.name.startswith("t10k-images"))
    path.write_bytes(path.read_bytes()[:-20])
    return path


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", ["auto", "mnist", "digits", "theirs", "FOLDER"])
@pytest.mark.usefixtures("found", "small_digits")
def test_a_worker_loads_what_was_chosen(name, quick, offered, small_mnist):
    chosen = catalog.choose(str(small_mnist) if name == "FOLDER" else name, offered, quick=quick)
    # As it reaches the worker: over JSON, without the note.
    choice = msgspec.json.decode(msgspec.json.encode(chosen), type=DatasetChoice)
    dataset = catalog.load(choice, offered)
    expected = {"auto": "mnist", "FOLDER": "small-mnist"}.get(name, name)
    assert dataset.name == chosen.name == expected + ("-quick" if quick else "")
    assert dataset.sha256 == chosen.sha256
    assert chosen.input_shape == dataset.train.inputs.shape[1:]
    assert chosen.targets.classes == dataset.classes
    assert chosen.note.count("\n") == 0
    assert ("first tenth" in chosen.note) == quick


def test_quick_and_full_have_hashes_of_their_own(found):
    full, quick = (catalog.choose("mnist", {}, quick=quick) for quick in (False, True))
    assert full.sha256 != quick.sha256
    with pytest.raises(DataError, match="has changed since it was chosen"):
        catalog.load(msgspec.structs.replace(quick, sha256=full.sha256), {})


def test_auto_says_where_it_found_mnist(found):
    assert catalog.choose("auto", {}).note == f"mnist, found in BENCHBENCH_DATA: {found}"


def test_auto_falls_back_to_digits_and_says_so(small_digits):
    chosen = catalog.choose("auto", {})
    assert chosen.name == "digits"
    assert "could not be downloaded" in chosen.note


@pytest.mark.parametrize("name", ["auto", "mnist"])
def test_a_damaged_mnist_that_the_user_named_is_an_error(name, found, small_digits):
    path = _damage(found)
    with pytest.raises(DataError, match=str(path)):
        catalog.choose(name, {})


def test_auto_passes_over_a_damaged_cache_loudly(tiny, write, nowhere, small_digits):
    path = _damage(write(nowhere / "cache" / "mnist", tiny, "gz"))
    chosen = catalog.choose("auto", {})
    assert chosen.name == "digits"
    assert "WARNING" in chosen.note
    assert str(path) in chosen.note


def test_a_damaged_copy_hides_no_whole_one_and_is_told(tiny, write, nowhere, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(nowhere / "keras"))
    keras = write(nowhere / "keras" / "datasets" / "mnist.npz", tiny, "npz")
    keras.write_bytes(keras.read_bytes()[:-200])
    path = _damage(write(nowhere / "cache" / "mnist", tiny, "gz"))
    whole = write(nowhere / "data" / "MNIST" / "raw", tiny)
    for name in ("mnist", "auto"):
        chosen = catalog.choose(name, {})
        assert (chosen.name, chosen.location) == ("mnist", str(whole))
        first, second, _ = chosen.note.splitlines()
        assert first.startswith("warning: benchbench's cache is damaged and was passed over: ")
        assert str(path) in first
        assert second.startswith("warning: Keras's cache is damaged")
        assert "its end is missing: it is truncated; delete it and get it again" in second


def test_mnist_that_is_damaged_everywhere_is_downloaded_or_refused_with_the_places(
    tiny, write, nowhere
):
    path = _damage(write(nowhere / "cache" / "mnist", tiny, "gz"))
    with pytest.raises(Unavailable, match=rf"BENCHBENCH_MNIST_MIRROR[\s\S]*damaged.*{path}"):
        catalog.choose("mnist", {})


def test_mnist_never_falls_back(small_digits):
    with pytest.raises(Unavailable, match="could not be downloaded") as caught:
        catalog.choose("mnist", {})
    assert caught.value.exit_code == 3


def test_mnist_is_downloaded_where_it_is_nowhere(tiny, write, tmp_path, monkeypatch):
    def fetch(_told) -> tuple[Path, bool]:
        return write(tmp_path / "fetched", tiny), True

    monkeypatch.setattr(mnist, "fetch", fetch)
    chosen = catalog.choose("auto", {})
    assert (chosen.name, chosen.location) == ("mnist", str(tmp_path / "fetched"))


def test_a_folder_with_mnist_is_mnist_whatever_its_name(tiny, write, tmp_path):
    folder = write(tmp_path / "anything", tiny)
    assert catalog.choose(str(folder), {}).name == "mnist"


def test_a_folder_that_is_called_mnist_and_is_not_is_no_mnist(arrays, write, tmp_path):
    folder = write(tmp_path / "mnist", arrays(61))
    chosen = catalog.choose(str(folder), {})
    assert chosen.name == "mnist-folder"
    assert "not MNIST" in chosen.note


def test_a_folder_never_takes_a_plugin_s_name(arrays, write, tmp_path, offered):
    folder = write(tmp_path / "theirs", arrays(61))
    assert catalog.choose(str(folder), offered).name == "theirs-folder"


def test_a_plugin_never_takes_the_core_s_name(found, offered):
    usurper = {"mnist": dataclasses.replace(offered["theirs"], name="mnist")}
    chosen = catalog.choose("mnist", usurper)
    assert chosen.location == str(found)
    assert catalog.load(chosen, usurper).source == str(found)


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UsageError, match=r"no data set 'mnits'.*did you mean 'mnist'"):
        catalog.choose("mnits", {})


@pytest.mark.parametrize("name", ["gone.csv", "gone.npz", "gone.csv:price", "my-data/mnits", ""])
def test_the_name_of_a_file_gets_no_data_set_near_it(name):
    with pytest.raises(UsageError, match=r"nor a file or a folder of that name \(known: ") as said:
        catalog.choose(name, {})
    assert "did you mean" not in str(said.value)


def test_a_text_without_a_file_says_how_it_is_written():
    with pytest.raises(UsageError, match=r"names no file: write text:FILE"):
        catalog.choose("text:", {})


def test_a_change_between_choice_and_load_is_found(arrays, write, tmp_path):
    folder = write(tmp_path / "mine", arrays())
    chosen = catalog.choose(str(folder), {})
    write(folder, {**arrays(), "t10k-labels": arrays()["t10k-labels"][::-1]})
    with pytest.raises(DataError, match="has changed since it was chosen"):
        catalog.load(chosen, {})


def test_a_plugin_s_data_set_must_keep_its_name_and_its_promises(offered):
    info = offered["theirs"]
    renamed = {"other": dataclasses.replace(info, name="other")}
    with pytest.raises(DataError, match="'other' calls itself 'theirs'"):
        catalog.choose("other", renamed)
    unfit = dataclasses.replace(info.load(None), classes=3)
    with pytest.raises(DataError, match="is unfit"):
        catalog.choose("theirs", {"theirs": DatasetInfo("theirs", lambda _: unfit)})


def test_a_path_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "x\udcff.csv"
    path.write_text("a,b\n" + "".join(f"{n},{n % 3}\n" for n in range(30)))
    with pytest.raises(DataError, match=r"expected a path in UTF-8; rename the file"):
        catalog.choose(str(path), {})
