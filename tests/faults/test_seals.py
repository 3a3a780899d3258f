"""A seal shows damage; what it does not show is said where it is looked at."""

from __future__ import annotations

from pathlib import Path

import msgspec
from makers import make_certificate, make_record, make_rung
from typer.testing import CliRunner

from benchbench.certificates import seal
from benchbench.cli.main import app
from benchbench.compare.validity import objection
from benchbench.run.store import Store


def verify(folder: Path):
    return CliRunner().invoke(app, ["results", "verify", str(folder)])


def test_an_edited_certificate_is_told_and_one_sealed_again_is_not_claimed_to_be(tmp_path):
    store = Store(tmp_path)
    store.prepare()
    broken = make_certificate(make_rung("forward", 1.0, verdict="breaks"))
    kinder = msgspec.structs.replace(broken, verdict="holds", rungs=(make_rung("forward", 1e-6),))
    edited = make_record(run_id="edited", certificate=kinder)
    store.save(edited)
    assert "edited" in objection(edited)
    told = verify(tmp_path)
    assert told.exit_code == 1
    assert "edited: edited: the hash of its certificate no longer fits" in told.output

    again = make_record(run_id="again", certificate=seal(kinder))
    again_store = Store(tmp_path / "again")
    again_store.prepare()
    again_store.save(again)
    assert objection(again) is None
    told = verify(tmp_path / "again")
    assert told.exit_code == 0
    assert "A seal is a hash, no signature" in told.output


def test_the_page_on_security_says_that_there_is_no_signature():
    page = (Path(__file__).parents[2] / "SECURITY.md").read_text()
    section = page.split("## Records and seals")[1].split("\n## ")[0]
    assert "It is no signature" in section
    assert "signs nothing" in section
