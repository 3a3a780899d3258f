"""Cells of several environments and devices: their names, their section, what sets them apart."""

from __future__ import annotations

import msgspec
import pytest
from makers import MACHINE, make_certificate, make_record

from benchbench.compare.baseline import Baseline
from benchbench.compare.comparison import compare
from benchbench.compare.contrast import CellName, Question
from benchbench.compare.estimate import ends, estimate
from benchbench.compare.remarks import remarks
from benchbench.errors import UsageError
from benchbench.records import Variant
from benchbench.report.comparison import build
from benchbench.report.renderers.markdown import render

HERE = CellName("torch", "idiomatic")
OLD = CellName("torch", "idiomatic", "@venvs/old")
TUNED = CellName("torch", "tuned", "@venvs/old on cuda:0")


def test_an_environment_stands_beside_the_backend():
    assert [str(one) for one in (HERE, OLD, TUNED)] == [
        "torch idiomatic",
        "torch@venvs/old idiomatic",
        "torch@venvs/old tuned on cuda:0",
    ]
    assert TUNED.without_division == "torch@venvs/old on cuda:0"
    assert CellName("torch", "tuned", "main@0123456").without_division == "torch main@0123456"


@pytest.mark.parametrize(
    ("wanted", "cell"),
    [
        ("torch", HERE),
        ("torch@venvs/old", OLD),
        ("torch@old", OLD),
        ("torch@/somewhere/venvs/old", OLD),
        ("torch@venvs/old tuned on cuda:0", TUNED),
    ],
)
def test_a_baseline_is_named_with_its_environment(wanted, cell):
    assert Baseline(wanted).among({HERE, OLD, TUNED}) == cell


def test_an_environment_that_did_not_run_is_no_baseline():
    with pytest.raises(UsageError, match=r"did you mean 'torch@venvs/old'\?"):
        Baseline("torch@venvs/odl").among({HERE, OLD})


def _runs(count=3, **changes):
    """Make a run a block of one cell, certified as it ran."""
    fields = {name: changes[name] for name in ("device", "versions") if name in changes}
    certificate = make_certificate(**fields)
    return [
        make_record(
            run_id=f"run-{block}-{changes.get('variant')}",
            block=block,
            order_seed=block,
            certificate=certificate,
            settings=certificate.settings,
            **changes,
        )
        for block in range(count)
    ]


def test_versions_that_differ_stand_beside_the_name():
    records = [
        *_runs(versions={"torch": "2.14.1", "numpy": "2.4"}),
        *_runs(versions={"torch": "2.13.0", "numpy": "2.4"}, variant=Variant("@old")),
    ]
    (section,) = compare(records, Question())
    text = render(build([section]))
    assert "| torch (torch 2.14.1) " in text
    assert "| torch@old (torch 2.13.0) " in text
    assert "numpy 2.4" not in text


def test_devices_that_were_named_together_share_a_section_and_have_a_ratio():
    records = [
        *_runs(device="cpu", variant=Variant("on cpu", device="cpu")),
        *_runs(device="cuda:0", variant=Variant("on cuda:0", device="cuda:0")),
    ]
    (section,) = compare(records, Question())
    assert section.device == "cpu and cuda:0"
    assert len(section.contrasts) == 1
    assert not section.not_comparable


def test_devices_that_nobody_named_together_stay_apart():
    records = [*_runs(device="cpu"), *_runs(device="cuda:0", backend="keras")]
    assert [one.device for one in compare(records, Question())] == ["cpu", "cuda:0"]


def test_another_python_is_told():
    other = msgspec.structs.replace(MACHINE, python="3.12.1")
    records = [*_runs(), *_runs(variant=Variant("@old"), machine=other)]
    (told,) = (one for one in remarks(records) if "Python" in one)
    assert told == (
        "not all ran under the same Python: torch idiomatic 3.11.7, torch@old idiomatic 3.12.1"
    )


def test_a_baseline_that_several_cells_are_called_is_refused_with_their_names():
    new = CellName("torch", "idiomatic", "@venvs/new")
    with pytest.raises(UsageError, match=r"but torch@venvs/new idiomatic, torch@venvs/old idiom"):
        Baseline("torch").among({OLD, new, TUNED})
    assert Baseline("torch").among({OLD, new, HERE}) == HERE
    assert Baseline("torch").among({OLD, TUNED}) == OLD


def test_an_interval_without_end_has_none():
    """Times that scatter over all that a record can hold, and almost every doubt."""
    logs = {0: [-40.0], 1: [40.0]}
    assert ends(estimate(logs), 0.9999) == (None, None)
    assert ends(estimate({0: [0.0], 1: [0.1]}), 0.95)[1] == pytest.approx(1.98, abs=0.01)
    with pytest.raises(UsageError, match=r"from 0.5 to 0.9999, not 0.9999999"):
        Question(confidence=0.9999999)
