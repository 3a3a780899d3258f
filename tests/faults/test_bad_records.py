"""One bad record blocks neither a folder nor an archive, whichever of its fields is bad."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from makers import MACHINE, make_certificate, make_record
from typer.testing import CliRunner

import benchbench as bb
from benchbench.cli.main import app
from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.errors import StoreError
from benchbench.machines import GpuState, MachineState
from benchbench.records import EpochRecord, RunRecord, Variant
from benchbench.report import comparison, formats, single, tables
from benchbench.report.renderers import terminal
from benchbench.run import plausibility
from benchbench.run.archive import JsonEntry, file_entry, write_archive
from benchbench.run.encoding import to_json
from benchbench.run.reading import decode
from benchbench.run.store import Store, read

EPOCH = EpochRecord(
    train_seconds=5.5,
    validation_seconds=0.5,
    train_cpu_seconds=10.0,
    loss=0.1,
    validation_loss=0.1,
    validation_accuracy=0.97,
    turn=1,
    machine=MachineState(0.07, 1.5, 0.0, 0.5, 3.0, 2400.0),
    waiting_cpu_seconds=0.01,
    foreign_cpu_fraction=0.02,
    gpus=(GpuState(0, 1800, 60, 0.9, ("heat",)),),
)
# A record in which every field is stated.
FULL = make_record(
    epochs=(EPOCH,) * 5,
    certificate=make_certificate(),
    variant=Variant("slowed", 0.1, "c" * 40),
    error="e",
    traceback="t",
    log="l.log",
    order_seed=7,
    parameter_shapes=((784, 10), (10,)),
    settings={"rate": 0.5, "on": True, "n": 7, "name": "x"},
    environment={"OMP_NUM_THREADS": "2"},
    machine=msgspec.structs.replace(MACHINE, accelerators=("a card",)),
    threads_observed=1.5,
    device_peak_memory_bytes=10,
)
CONTENT = json.loads(to_json(FULL))

Path_ = tuple[str | int, ...]


def paths(value: object, path: Path_ = ()) -> Iterator[Path_]:
    """Yield the place of every value in a JSON document, containers too."""
    if path:
        yield path
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield from paths(value[key], (*path, key))


def at(content: object, path: Path_):
    for key in path:
        content = content[key]
    return content


# Of the five equal epochs the first is enough.
PATHS = [path for path in paths(CONTENT) if not (path[0] == "epochs" and path[1:2] > (0,))]
NUMBERS = [
    path
    for path in PATHS
    if isinstance(at(CONTENT, path), int | float) and not isinstance(at(CONTENT, path), bool)
]
DEEP = "[" * 20_000 + "]" * 20_000
# As they would stand in the file: not all of it is JSON that Python writes.
NASTY = [
    *("null", "true", "0", "-1", "-0.5", "1.5", "5e-324", "-5e-324", "1e300", "-1e300", "1e308"),
    *("9223372036854775808", "1e400", "1" * 400, "-" + "1" * 400, "1" * 5000, "NaN", "-Infinity"),
    *('""', '"x"', '"\\u0000"', '"\\ud800"', '"' + "y" * 5000 + '"', "[]", "{}", "[[[]]]", DEEP),
    *('{"a": {"b": []}}', "[1, null]", '["a"]', "1e", "\xff"),
]


def changed(path: Path_, text: str) -> bytes:
    """Return the record's file with this text in place of the value."""
    content = json.loads(json.dumps(CONTENT))
    at(content, path[:-1])[path[-1]] = "@@"
    return json.dumps(content).replace('"@@"', text).encode("latin-1")


def read_by_all(record: RunRecord) -> list[str]:
    """Show a record in every way there is, beside one that is whole; return what is shown."""
    other = msgspec.structs.replace(make_record(backend="numpy", run_id="other"))
    both = [record, other]
    found = compare(both, Question())
    shown = [
        formats.render(found, format, view, wide=True)
        for format in formats.Format
        for view in (tables.build, comparison.build)
    ]
    shown.append(terminal.render(single.build(record)))
    results = bb.Results(tuple(both))
    assert len(results.runs) == 2
    assert len(results.epochs) == sum(len(one.epochs) for one in both)
    results.compare().to_dataframe()
    return shown


def test_the_record_that_is_changed_is_read_as_it_is():
    assert decode(json.dumps(CONTENT).encode()) == FULL
    read_by_all(FULL)


def refusal(content: bytes) -> str | None:
    """Return why these bytes are no record, None if they are one."""
    try:
        decode(content)
    except StoreError as error:
        return str(error)
    return None


@pytest.mark.parametrize("text", NASTY, ids=lambda text: text[:12])
def test_whatever_a_field_holds_reading_it_ends_in_a_record_or_a_reason(text):
    for path in PATHS:
        reason = refusal(changed(path, text))
        assert reason is None or (reason.isprintable() and 0 < len(reason) < 400), path


@settings(max_examples=60)
@given(
    path=st.sampled_from(PATHS),
    text=st.sampled_from(NASTY),
    status=st.sampled_from(["ok", "failed"]),
)
@example(path=("threads",), text="1" * 400, status="failed")
@example(path=("test", "accuracy"), text="1e308", status="failed")
@example(path=("epochs", 0, "train_seconds"), text="5e-324", status="invalid")
@example(path=("phases",), text="null", status="invalid")
@example(path=("epochs",), text="[]", status="crashed")
def test_what_is_read_is_shown_by_every_reader(path, text, status):
    stated = f'"status": "{status}"'.encode()
    content = changed(path, text).replace(b'"status": "ok"', stated)
    if refusal(content) is None:
        *pages, _alone = read_by_all(decode(content))
        assert all("numpy" in page for page in pages), "the whole one is shown too"


def test_no_number_of_a_good_run_may_be_what_it_cannot_be():
    for path in NUMBERS:
        # A spec has ranges of its own; what a backend sets is what it likes, within 64 bits.
        own = path[0] in {"spec", "protocol", "parameter_shapes"} or "settings" in path
        for text in ("9" * 400,) if own else ("-1e300", "9" * 400, "-700"):
            assert refusal(changed(path, text)), (path, text)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        *[
            (("epochs", 0, "train_seconds"), text)
            for text in ("0", "-1", "5e-324", "1e12", "1e300")
        ],
        *[(("epochs", 0, "validation_seconds"), text) for text in ("-1e-9", "1e-320")],
        *[(("epochs", 0, "train_cpu_seconds"), text) for text in ("-1", "5e-324", "1e200")],
        *[(("epochs", 0, "validation_accuracy"), text) for text in ("1.0001", "-0.1", "97")],
        *[(("test", "accuracy"), text) for text in ("1.0001", "-0.1", "98.4")],
        *[(("phases", "waiting"), text) for text in ("46", "-3", "1e300")],
        *[(("phases", "total"), text) for text in ("0", "2", "-45")],
        *[(("phases", "evaluate"), text) for text in ("0", "-0.5")],
        *[(("schema",), text) for text in ("0", "-5", "99", "1e2", "true", "null", '"3"')],
        *[(("certificate", "schema"), text) for text in ("0", "-5", "99")],
        *[((name,), '"yesterday"') for name in ("started", "finished")],
        *[((name,), "null") for name in ("phases", "test")],
        (("epochs",), "[]"),
        (("epochs", 0, "foreign_cpu_fraction"), "1.5"),
    ],
)
def test_what_cannot_be_true_is_refused_by_its_reason(path, text):
    assert path[-1] in (refusal(changed(path, text)) or "")


def test_a_failed_run_is_read_whatever_it_measured():
    # An accuracy over 1 may be why it is invalid: the table of failures must show it.
    text = changed(("test", "accuracy"), "1.7").replace(b'"status": "ok"', b'"status": "invalid"')
    assert decode(text).test.accuracy == 1.7


def test_every_number_of_a_record_has_its_range():
    bare = [
        f"{kind.__name__}.{field.name}"
        for kind, ranges in plausibility._RANGES.items()
        for field in msgspec.structs.fields(kind)
        if re.search(r"\b(int|float)\b", str(field.type)) and field.name not in ranges
    ]
    assert bare == ["RunRecord.parameter_shapes", "RunRecord.settings", "Certificate.settings"]


BAD = {
    "deep.json": DEEP.encode(),
    "deep-inside.json": changed(("settings",), DEEP),
    "digits.json": changed(("threads",), "1" * 400),
    "negative.json": changed(("epochs", 0, "train_seconds"), "-1"),
    "accuracy.json": changed(("test", "accuracy"), "1.5"),
    "schema.json": changed(("schema",), "-5"),
    "spec.json": changed(("spec", "input_shape"), "[1, 1, 1]"),
    "nan.json": changed(("test", "loss"), "NaN"),
    "empty.json": b"",
    "text.json": b"\xff\xfe",
    "bell\x07\x1b[2J.json": b"[]",
}


@pytest.fixture
def folder(tmp_path):
    """Save two good records and, beside them, the bad ones."""
    store = Store(tmp_path / "results")
    store.prepare()
    for backend in ("torch", "numpy"):
        store.save(make_record(backend=backend, run_id=backend))
    for name, content in BAD.items():
        (store.folder / name).write_bytes(content)
    return tmp_path / "results"


def test_a_folder_is_read_without_them_and_they_are_named(folder):
    records, unreadable = read(folder)
    assert [record.backend for record in records] == ["numpy", "torch"]
    assert {one.path.name for one in unreadable} == set(BAD)
    results = bb.load_results(folder)
    assert len(results) == 2
    assert len(results.unreadable) == len(BAD)


@pytest.mark.parametrize("verb", ["report", "compare"])
def test_the_verbs_skip_them_by_name_and_strict_fails(folder, verb):
    for strict, code in (((), 0), (("--strict",), 1)):
        result = CliRunner().invoke(app, [verb, "--results", str(folder), *strict])
        assert result.exit_code == code, result.output
        assert f"{len(BAD)} of {len(BAD) + 2} skipped" in result.stderr
        for name in BAD:
            assert name.split("\x07")[0] in result.stderr
        assert "\x07" not in result.stderr
        assert "\x1b" not in result.stderr


def test_results_verify_names_them_and_fails(folder):
    result = CliRunner().invoke(app, ["results", "verify", str(folder)])
    assert result.exit_code == 1
    assert f"2 records, 0 of them with a certificate; {len(BAD)} unreadable" in result.output
    assert "\x1b" not in result.output


def test_where_all_are_bad_the_verbs_say_so_and_fail(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "x.json").write_text("[]")
    result = CliRunner().invoke(app, ["report", "--results", str(tmp_path)])
    assert result.exit_code == 1
    assert "none of the records" in str(result.exception)


def test_an_archive_is_read_without_them(tmp_path):
    entries = [file_entry("runs/good.json", to_json(make_record()))]
    for name, content in BAD.items():
        if name not in {"empty.json", "text.json", "nan.json"}:  # which are no JSON
            entries.append(JsonEntry(f"runs/{name}", msgspec.Raw(content)))
    write_archive(tmp_path / "a.jsonl.gz", entries)
    records, unreadable = read(tmp_path / "a.jsonl.gz")
    assert len(records) == 1
    assert len(unreadable) == len(entries) - 1
    assert all("too deeply" in one.reason for one in unreadable if "entry-" in one.path.name)
