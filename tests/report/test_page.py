"""The page: one file that loads nothing, honest about what is missing, and not too large."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from html.parser import HTMLParser

import msgspec
import pytest
from interleaved import hostile, make_session
from makers import make_certificate, make_record, make_rung

from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.errors import NotMeasured
from benchbench.report.html import page

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
SESSION = make_session()


def rendered(records):
    runs = list(records)
    return page.render(runs, compare(runs, Question()))


class Outline(HTMLParser):
    """The tags of a page, its ids, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.text, self.attributes = [], [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def text():
    return rendered(SESSION[:4])


def test_from_the_answer_to_the_hashes(text):
    names = ["answer", "ratios", "tables", "epochs", "curves", "phases", "memory", "certificates"]
    names += ["not-comparable", "failures", "environments", "provenance"]
    assert re.findall(r'<section id="([^"]+)"', text) == names
    told = Outline(text).text
    assert "torch trains an epoch 1.50 times faster than keras" in told
    assert (
        "All cells of a model train the same function: given the same weights and samples, " in told
    )
    assert "No run failed." in told


@pytest.fixture
def plain(monkeypatch):
    """Leave out the figures, which take long to draw."""

    def draw(_):
        raise NotMeasured("not drawn here")

    monkeypatch.setattr(page, "FIGURES", dict.fromkeys(page.FIGURES, draw))


def test_it_is_one_file_that_loads_nothing_and_runs_its_own_script_alone(text):
    outline = Outline(text)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}'")
    assert not {"link", "img", "iframe", "base", "object"} & set(outline.tags)
    assert not [name for name, _ in outline.attributes if name.startswith("on") or name == "src"]
    links = [value for name, value in outline.attributes if name.endswith("href")]
    assert all(link.startswith("#") for link in links)
    assert len(outline.ids) == len(set(outline.ids))
    assert {link[1:] for link in links} <= set(outline.ids)


@pytest.mark.usefixtures("plain")
def test_the_same_records_make_the_same_page():
    assert rendered(SESSION) == rendered(reversed(SESSION))


def unsure(record):
    broken = make_certificate(make_rung("forward", 0.5, verdict="breaks", explanation="too far"))
    return msgspec.structs.replace(record, certificate=broken)


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([], "there is no answer"),
        (SESSION[:1], "nothing else here may be compared with it"),
        ([make_record(status="failed", error="no room")], "no room"),
        ([make_record(), make_record(run_id="2", backend="keras")], "it was not certified"),
        ([unsure(make_record()), *SESSION], "BREAKS at forward"),
        (make_session(blocks=1), "it is not known which is faster"),
        (
            [run for name in "abc" for run in make_session(session=name, dataset=f"set-{name}")],
            "set-c on cpu",
        ),
        (make_session(["torch"]), "nothing else here may be compared with it"),
    ],
)
@pytest.mark.usefixtures("plain")
def test_honest_where_something_is_missing(records, told):
    assert told in Outline(rendered(records)).text


@pytest.mark.usefixtures("plain")
def test_two_machines_are_two_sections():
    other = msgspec.structs.replace(SESSION[0].machine, processor="Another CPU")
    away = make_session(session="away", machine=other)
    text = Outline(rendered([*SESSION, *away])).text
    assert text.count("torch trains an epoch 1.50 times faster") == 2
    assert "Another CPU" in text


@pytest.mark.usefixtures("plain")
def test_what_is_not_comparable_and_what_failed_is_said_of_each_section():
    parts = []
    for name in ("a-set", "b-set"):
        runs = make_session(session=name, dataset=name, certificate=None)
        lost = msgspec.structs.replace(runs[0], run_id=name, status="failed", error="no room")
        parts += [*runs, lost]
    for part in ("not-comparable", "failures"):
        section = re.search(rf'<section id="{part}">.*?</section>', rendered(parts), re.DOTALL)[0]
        titles = re.findall(r"<h3>(.-set) on cpu", section)
        assert titles == ["a-set", "b-set"]
    assert section.count("no room") == 2


@pytest.mark.usefixtures("plain")
def test_of_one_session_a_reason_and_a_remark_are_listed_once():
    text = rendered(make_session(certificate=None, remarks=("are the labels sorted?",)))
    assert text.count("Not comparable:") == 1
    assert text.count("are the labels sorted?") == 1


def test_hostile_names_stay_text():
    nasty = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>]]>\u202e\x1b[31m"
    outline = Outline(rendered([hostile(run, nasty) for run in SESSION[:2]]))
    assert outline.tags.count("script") == 1
    assert "img" not in outline.tags
    assert not [name for name, _ in outline.attributes if name.startswith("on")]
    assert not {"\u202e", "\x1b"} & set(outline.text)


@pytest.mark.exhaustive
def test_ten_thousand_certified_records_make_a_page_of_five_megabytes_in_twenty_seconds():
    runs = [
        run
        for number in range(100)
        for run in make_session([f"backend-{n}" for n in range(10)], 10, f"session-{number}")
    ]
    begun = time.process_time()
    text = rendered(runs)
    assert time.process_time() - begun < 20
    assert len(text.encode()) < 5_000_000


@pytest.mark.usefixtures("plain")
def test_of_many_cells_the_answer_names_the_shortest_epochs_and_what_is_open():
    cells = [("torch", "tuned", 0.5), ("torch", "idiomatic", 1.3), ("keras", "tuned", 0.51)]
    runs = make_session(["keras"])
    for backend, division, pace in cells:
        for turn, run in enumerate(make_session(["keras"])):
            scatter = (1.0, 1.9, 0.6)[turn] if pace > 1 else 1 + 0.02 * turn
            epochs = [
                msgspec.structs.replace(one, train_seconds=one.train_seconds * pace * scatter)
                for one in run.epochs
            ]
            named = {"backend": backend, "division": division, "epochs": tuple(epochs)}
            named["certificate"] = make_certificate(backend=backend, division=division)
            runs.append(
                msgspec.structs.replace(run, run_id=f"{backend}{division}{run.block}", **named)
            )
    told = Outline(rendered(runs)).text
    assert "torch tuned has the shortest epochs, 1.96 times faster than keras idiomatic" in told
    assert "not told apart from keras tuned, 1.92 times faster than the baseline" in told
    assert "The idiomatic cells alone, against keras: torch takes 1.36 times as long" in told
    assert "UNDECIDED: " in told, "with its reason"


@pytest.mark.usefixtures("plain")
def test_without_a_certificate_nothing_is_said_to_train_the_same():
    told = Outline(rendered(make_session(certificate=None))).text
    assert "It is not known whether they train the same function" in told
    assert "0 of 2" not in told
