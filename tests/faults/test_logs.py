"""A log of any length: its beginning and its end are kept."""

from __future__ import annotations

import pytest
from fake_launcher import Step
from scripted import FOREVER, READY
from stage import Stage, make_session

from benchbench.run.excerpt import excerpt
from benchbench.run.messages import GaveUp

MIB = 1 << 20


def test_a_long_log_is_kept_with_its_beginning_and_its_end(launch):
    fill = f"head -c {190 * MIB} /dev/zero | tr '\\0' x"
    worker = launch("echo beginning", fill, "echo; echo the end", READY, FOREVER)
    worker.next_event()
    log = worker.log()
    assert log.startswith("beginning\nxxx")
    assert log.endswith("xxx\nthe end\n")
    assert len(log) < MIB
    assert "bytes left out ...]" in log


def test_a_short_log_is_kept_whole(launch):
    worker = launch(r"printf 'a\nb\377\n'", READY, FOREVER)
    worker.next_event()
    assert worker.log() == "a\nb\N{REPLACEMENT CHARACTER}\n"


@pytest.mark.parametrize("length", [0, 9, 10, 11, 1000])
def test_an_excerpt_leaves_out_the_middle_and_says_how_much(length):
    text = "".join(chr(ord("a") + number % 26) for number in range(length))
    kept = excerpt(text, head=4, tail=6)
    if length <= 10:
        assert kept == text
    else:
        assert kept.startswith(text[:4] + "\n[... ")
        assert kept.endswith(f"{length - 10:,} characters left out ...]\n{text[-6:]}")


def test_a_log_that_no_encoding_can_write_is_kept(tmp_path, monkeypatch):
    play = Stage(tmp_path / "results", {"one": [Step(GaveUp("failed", "the sky fell"))]})
    said = "日本 \ud800"
    monkeypatch.setattr("fake_launcher.FakeWorker.log", lambda _: said)
    record = play.conduct(make_session("one").block(0))["one"]
    assert (play.results / "runs" / record.log).read_bytes().decode() == "日本 ?"
