"""Records as one file: packed, read in the folder's place, unpacked; damage is told."""

from __future__ import annotations

import gzip
import json

import msgspec
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from makers import make_certificate, make_record

from benchbench.cli.results import verify
from benchbench.errors import StoreError
from benchbench.run import archive, store
from benchbench.run.archive import file_entry, read_archive, write_archive
from benchbench.run.store import ARCHIVE, Store, read


@pytest.fixture
def results(tmp_path):
    """Save three records, one of them with a log; return the folder."""
    kept = Store(tmp_path / "results")
    kept.prepare()
    for number in range(3):
        kept.save(make_record(run_id=f"run-{number}", started=f"2026-01-0{number + 1}T00:00:00Z"))
    kept.log_path("run-2").write_text("what the worker said, \N{SNOWMAN}\n")
    return tmp_path / "results"


@pytest.fixture
def packed(results, tmp_path):
    path, count = store.pack(results, tmp_path / "moved.jsonl.gz")
    assert count == 3
    return path


def test_an_archive_is_read_in_place_of_its_folder(results, packed):
    assert read(packed) == read(results)


def test_what_is_unpacked_is_what_was_saved_byte_for_byte(results, packed, tmp_path):
    assert store.unpack(packed, tmp_path / "again") == 4
    for path in (results / "runs").iterdir():
        assert (tmp_path / "again" / "runs" / path.name).read_bytes() == path.read_bytes()
    assert store.unpack(packed, tmp_path / "again") == 4, "once more changes nothing"


def test_fields_that_this_version_does_not_know_survive(results, tmp_path):
    path = results / "runs" / "run-0.json"
    content = json.loads(path.read_text()) | {
        "of_a_later_schema": [1.10, 1e-300, 12345678901234567]
    }
    path.write_text(json.dumps(content))
    target, _ = store.pack(results, tmp_path / "moved.jsonl.gz")
    (entry,) = [entry for entry in read_archive(target) if entry.name == "runs/run-0.json"]
    assert json.loads(entry.content) == content


def test_packing_twice_gives_the_same_bytes(results, packed, tmp_path):
    again, _ = store.pack(results, tmp_path / "again.jsonl.gz")
    assert again.read_bytes() == packed.read_bytes()
    assert store.pack(results, packed)[0] == packed, "the same is no overwriting"


def test_another_file_is_not_overwritten(results, packed, tmp_path):
    Store(results).save(make_record(run_id="run-3"))
    before = packed.read_bytes()
    with pytest.raises(StoreError, match="is there already and holds something else"):
        store.pack(results, packed)
    assert packed.read_bytes() == before
    assert not list(tmp_path.glob(".*")), "nothing half-made is left"


def test_a_folder_may_hold_both_and_a_run_counts_once(results):
    store.pack(results)
    assert (results / ARCHIVE).is_file()
    Store(results).save(make_record(run_id="run-3"))
    records, _ = read(results, results / ARCHIVE)
    assert sorted(record.run_id for record in records) == [f"run-{n}" for n in range(4)]


def test_two_records_of_one_run_are_an_error_that_names_both_places(results, packed, tmp_path):
    other = tmp_path / "other"
    Store(other).prepare()
    Store(other).save(make_record(run_id="run-1", seed=99))
    with pytest.raises(StoreError, match=r"moved\.jsonl\.gz.*other.*different records .* run-1"):
        read(packed, other)


def _cut(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


def _lines_cut(content: bytes) -> bytes:
    return gzip.compress(b"".join(gzip.decompress(content).splitlines(keepends=True)[:-1]))


def _altered(content: bytes) -> bytes:
    return gzip.compress(gzip.decompress(content).replace(b'"seed":0', b'"seed":1', 1))


def _later(content: bytes) -> bytes:
    return gzip.compress(gzip.decompress(content).replace(b'"version":1', b'"version":2', 1))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut, "was cut short or is damaged"),
        (_lines_cut, "expected 4 entries, found 3"),
        (_altered, "was altered: the SHA-256 of its entries"),
        (_later, "has version 2 of the format, this benchbench reads version 1"),
        (gzip.decompress, "is not compressed by gzip"),
        (lambda _: gzip.compress(b"{}\n"), "its first line is no header"),
        (lambda _: gzip.compress(b""), "its first line is no header"),
        (lambda _: b"", "its first line is no header"),
        (lambda _: gzip.compress(b"x" * 2000), "has a line of more than"),
    ],
)
def test_damage_is_told_and_nothing_is_unpacked(packed, tmp_path, monkeypatch, damage, message):
    if "more than" in message:
        monkeypatch.setattr(archive, "_LONGEST_LINE_BYTES", 1000)
    packed.write_bytes(damage(packed.read_bytes()))
    with pytest.raises(StoreError, match=message):
        read(packed)
    with pytest.raises(StoreError, match=message):
        store.unpack(packed, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_an_altered_archive_is_told_before_it_is_compared_with_others(results, packed):
    packed.write_bytes(_altered(packed.read_bytes()))
    with pytest.raises(StoreError, match="was altered"):
        read(results, packed)


def test_an_archive_cannot_write_outside_its_folder(tmp_path):
    path = tmp_path / "evil.jsonl.gz"
    write_archive(path, [file_entry("runs/../../evil.json", b"{}")])
    with pytest.raises(StoreError, match=r"expected runs/ID\.json"):
        store.unpack(path, tmp_path / "in" / "here")
    assert not (tmp_path / "evil.json").exists()


def test_a_record_that_is_torn_is_not_packed(results):
    (results / "runs" / "run-1.json").write_text('{"schema": 3, "run')
    with pytest.raises(StoreError, match=r"run-1\.json cannot be read"):
        store.pack(results)
    assert not (results / ARCHIVE).exists()


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.binary()))
def test_texts_of_any_kind_come_back(tmp_path_factory, files):
    path = tmp_path_factory.mktemp("any") / "a.jsonl.gz"
    entries = [file_entry(f"{name}.log", content) for name, content in files.items()]
    write_archive(path, entries)
    read_back = {entry.name: entry.content for entry in read_archive(path)}
    assert read_back == {
        f"{name}.log": content.decode(errors="replace").encode() for name, content in files.items()
    }


def test_the_command(command, tmp_path):
    command.run("null")
    done = command("results", "pack", str(command.results), "-o", str(tmp_path / "a.jsonl.gz"))
    assert done.returncode == 0, done.stderr
    assert "packed 1 records into" in done.stdout
    shown = command("report", "--results", str(tmp_path / "a.jsonl.gz"))
    assert shown.stdout == command("report", "--results", str(command.results)).stdout
    assert shown.returncode == 0, shown.stderr
    verified = command("results", "verify", str(tmp_path / "a.jsonl.gz"))
    assert verified.stdout.startswith("1 records, 0 of them with a certificate")
    nothing = command("results", "verify", str(tmp_path / "nothing"))
    assert nothing.returncode == 2
    assert "there are no records in" in nothing.stderr
    (tmp_path / "a.jsonl.gz").write_bytes(b"no archive")
    broken = command("report", "--results", str(tmp_path / "a.jsonl.gz"))
    assert broken.returncode == 2
    assert "is no archive of results" in broken.stderr


def test_an_edited_certificate_is_found(tmp_path):
    kept = Store(tmp_path)
    kept.prepare()
    certificate = msgspec.structs.replace(make_certificate(), seed=77)
    kept.save(make_record(certificate=certificate))
    with pytest.raises(typer.Exit) as stop:
        verify([tmp_path])
    assert stop.value.exit_code == 1
