"""Certification: a bad answer costs its cell and no other; a crash is called a crash."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from benchbench_numpy.backend import NumpyBackend
from benchbench_numpy.trainer import NumpyTrainer
from faulty.scoring import ALL_MODELS, sides
from makers import make_certificate, make_record, make_rung

from benchbench.certificates import CRASHED
from benchbench.certify.cache import KeptAnswers
from benchbench.certify.candidate import CandidateMeasures
from benchbench.certify.implementation import Implementation
from benchbench.certify.ladder import Ladder
from benchbench.cli.progress import Lines
from benchbench.compare.validity import objection
from benchbench.data.cache import cache_folder
from benchbench.experiments.certification import certify, exit_code
from benchbench.experiments.certification_messages import Certification, CertificationRequest
from benchbench.plugins.contract import BackendInfo
from benchbench.report import ladder as ladder_report
from benchbench.run.encoding import to_json
from benchbench.run.messages import GaveUp
from benchbench.run.question import Returned
from benchbench.spec.layers import Dense, Flatten
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol

TINY = ModelSpec("tiny", (3, 3, 1), (Flatten(), Dense(2, "softmax")))
INFOS = {"numpy": BackendInfo("numpy", ("numpy",), NumpyBackend)}
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCHBENCH_CACHE", str(tmp_path / "cache"))


def _request(seed):
    return CertificationRequest(
        backend="numpy",
        division="idiomatic",
        model=TINY,
        protocol=TrainingProtocol(),
        device="cpu",
        threads=1,
        seed=seed,
    )


def _certificate(request, *rungs):
    names = ("backend", "division", "threads", "seed")
    fields = {name: getattr(request, name) for name in names}
    return make_certificate(*rungs, model=request.model.name, **fields)


def _answered(request):
    return Certification(request=request, certificate=_certificate(request))


def _of_another(request):
    return _answered(msgspec.structs.replace(request, seed=request.seed + 1))


ANSWERS = {
    "garbage": (lambda _: b"\x00\xff garbage", "cannot be read"),
    "half": (lambda one: to_json([_answered(one)])[:-40], "cannot be read"),
    "null": (lambda _: b"null", "Expected `array`, got `null`"),
    "a number": (lambda _: b"7", "Expected `array`, got `int`"),
    "none": (lambda _: b"[]", "asked for 1 certificates it gave 0"),
    "two": (lambda one: to_json([_answered(one)] * 2), "asked for 1 certificates it gave 2"),
    "a list of null": (lambda _: b"[null]", "Expected `object`, got `null`"),
    "nested": (lambda _: b"[" * 200_000, "cannot be read"),
    "nested in a field": (
        lambda one: to_json([_answered(one)])[:-2] + b',"x":' + b"[" * 200_000,
        "nested too deeply",
    ),
    "megabytes": (lambda _: b"x" * 5_000_000, "4,999,940 bytes more"),
    "of another cell": (lambda one: to_json([_of_another(one)]), "it gave one of"),
    "open": (lambda one: to_json([Certification(request=one)]), "neither a certificate nor"),
    "empty certificate": (
        lambda one: to_json(
            [
                Certification(
                    request=one,
                    certificate=msgspec.structs.replace(_certificate(one), rungs=()),
                )
            ]
        ),
        "has no rungs",
    ),
    "a long value": (
        lambda one: to_json([_answered(one)]).replace(b'"holds"', b'"' + b"x\\n" * 9999 + b'"'),
        "cannot be read",
    ),
    "surrogates": (lambda _: b'["\\ud800"]', "cannot be read"),
}


class Answering:
    """It garbles what is asked together and of seed 1, and certifies all else."""

    def __init__(self, garble):
        self._garble = garble

    def sources_sha256(self, info):
        return "s"

    def versions(self, info):
        return {}

    def ask(self, requests, info, *, timeout_seconds):
        if len(requests) > 1 or requests[0].seed == 1:
            return Returned(self._garble(requests[0]), "", "")
        return Returned(to_json([_answered(one) for one in requests]), "", "")


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_that_cannot_be_used_costs_its_cell_and_no_other(kind):
    garble, trouble = ANSWERS[kind]
    requests = [_request(seed) for seed in (0, 1, 2)]
    done = list(certify(requests, INFOS, timeout_seconds=1, certifier=Answering(garble)))
    assert [bool(one.certificate) for one in done] == [True, False, True]
    gave_up = done[1].gave_up
    assert gave_up.status == "crashed"
    assert trouble in gave_up.reason
    assert len(gave_up.reason.splitlines()) == 1
    assert len(gave_up.reason) < 300
    assert exit_code(done) == 1
    again = list(certify(requests, INFOS, timeout_seconds=1, certifier=Answering(garble)))
    assert [one.from_cache for one in again] == [True, False, True], "others' are kept"


@pytest.mark.parametrize("content", [b"", b"\x00", b"null", b"[" * 200_000, b"\xff\xfe"])
def test_a_damaged_kept_certificate_is_made_again(content):
    certifier = Answering(lambda _: b"")
    next(iter(certify([_request(0)], INFOS, timeout_seconds=1, certifier=certifier)))
    (path,) = cache_folder("certificates").iterdir()
    path.write_bytes(content)
    (done,) = certify([_request(0)], INFOS, timeout_seconds=1, certifier=certifier)
    assert done.certificate
    assert not done.from_cache
    assert str(path) in done.warning


def _npz(**arrays):
    import io

    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


DAMAGED = {
    "empty": lambda _: b"",
    "zeros": lambda whole: bytes(len(whole)),
    "cut short": lambda whole: whole[:100],
    "its end": lambda whole: whole[100:],
    "a bit": lambda whole: whole[:80] + bytes([whole[80] ^ 1]) + whole[81:],
    "no archive": lambda _: b"\x93NUMPY\x01\x00",
    "a pickle": lambda _: b"\x80\x04N.",
    "nothing in it": lambda _: _npz(),
    "other names": lambda _: _npz(row=np.zeros(3, np.float32)),
    "other values": lambda _: _npz(update=np.zeros(3, np.float32), draw=np.zeros((), np.float32)),
    "objects": lambda _: _npz(update=np.array([{}])),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_kept_reference_is_made_again(kind):
    right = {"update": np.arange(3.0), "draw": np.array(2.0)}
    kept = KeptAnswers("a" * 64)
    kept("update", lambda: right)
    (path,) = (cache_folder("reference") / ("a" * 32)).iterdir()
    path.write_bytes(DAMAGED[kind](path.read_bytes()))
    made = []
    for _ in range(2):
        answers = kept("update", lambda: made.append(1) or right)
        assert {name: array.tolist() for name, array in answers.items()} == {
            "update": [0, 1, 2],
            "draw": 2,
        }
    assert made == [1], "made again, once"


def test_a_folder_in_a_kept_reference_s_place_is_done_without(tmp_path):
    (cache_folder("reference") / ("a" * 32) / "update.npz").mkdir(parents=True)
    answers = KeptAnswers("a" * 64)("update", lambda: {"update": np.ones(3)})
    assert answers["update"].tolist() == [1, 1, 1]


class Backend(NumpyBackend):
    """NumPy's, of whose trainer one method raises."""

    def __init__(self, method):
        super().__init__("float32")
        self._method = method

    def trainer(self, model, protocol, *, device, division, threads, seed):
        if self._method == "trainer":
            self._fall()
        made = NumpyTrainer(model, protocol, dtype=self._dtype, threads=threads, seed=seed)
        setattr(made, self._method, self._fall)
        return made

    def _fall(self, *_):
        raise RuntimeError("the sky fell\nand more of it")


METHODS = {
    "trainer": "architecture",
    "set_variables": "architecture",
    "variables": "architecture",
    "predict": "forward",
    "evaluate": "loss",
    "fit": "update after 1 step",
}


@pytest.mark.parametrize("method", METHODS)
def test_a_crash_is_called_so_with_what_was_raised_and_where(method):
    exercise, reference = sides(ALL_MODELS["odd-sizes"])
    candidate = Implementation(Backend(method))
    rungs = Ladder(CandidateMeasures(candidate, reference, exercise)).climb()
    broken = next(rung for rung in rungs if rung.verdict == "breaks")
    assert broken.name == METHODS[method]
    told = f"`{method}` raised RuntimeError: the sky fell (test_certification.py, line "
    assert broken.crash.startswith(told)
    assert broken.crash.endswith(", in _fall)")
    assert broken.summary == f"{broken.name}: {CRASHED}{broken.crash}"


def _crashed(**fields):
    crash = f"from fresh weights: {CRASHED}`fit` raised RuntimeError: the sky fell (x.py, line 1)"
    rung = make_rung("update after 1 step", None, verdict="breaks", explanation=crash)
    return make_certificate(make_rung("forward", 1e-6), rung, verdict="breaks", **fields)


def test_a_record_of_what_crashed_is_told_so_not_as_of_another_run():
    certificate = _crashed(settings={"settings": "unknown: RuntimeError: the sky fell"})
    told = objection(make_record(certificate=certificate))
    assert told == (
        "update after 1 step: crashed: `fit` raised RuntimeError: the sky fell (x.py, line 1)"
    )
    elsewhere = objection(make_record(certificate=_crashed(backend="keras")))
    assert elsewhere.startswith("its certificate is not for this run: backend keras")


@pytest.mark.parametrize("device", [None, "cpu"])
@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("failed", "failed"),
        ("crashed", "crashed"),
        ("timeout", "took too long"),
        ("oom", "ran out of memory"),
        ("interrupted", "was interrupted"),
    ],
)
def test_a_run_that_came_to_no_end_is_told_so_not_as_of_another_run(status, told, device):
    ended = {"status": status, "error": "RuntimeError: the sky fell", "device": device}
    record = make_record(certificate=make_certificate(), versions={}, settings={}, **ended)
    assert objection(record) == f"the run {told}: RuntimeError: the sky fell"
    crashed = make_record(certificate=_crashed(), versions={}, settings={}, **ended)
    assert objection(crashed).startswith("update after 1 step: crashed: `fit` raised")


def test_a_finished_run_that_names_no_device_or_versions_is_of_no_certificate():
    record = make_record(certificate=make_certificate(), device=None)
    assert "device cpu was certified, None ran" in objection(record)
    record = make_record(certificate=make_certificate(), versions={}, settings={})
    assert "torch 2.13.0 was certified, None ran" in objection(record)


def test_a_difference_that_is_no_number_is_no_crash():
    rung = make_rung("loss", None, verdict="breaks", explanation="from fresh weights: it is NaN")
    assert rung.crash is None
    assert "differs by no finite number" in rung.summary


def test_run_repeats_the_diagnosis_and_names_the_page_with_the_cure(capsys):
    rung = make_rung("loss", 1e-1, verdict="breaks", explanation="from saturated weights: clamped?")
    request = _request(0)
    broken = Certification(request=request, certificate=_certificate(request, rung))
    Lines().certified(broken)
    told = capsys.readouterr().err
    assert "breaks, loss: differs by 1.0e-01" in told
    assert "from saturated weights: clamped?" in told
    assert "docs/when-a-certificate-breaks.md" in told
    assert (DOCS / "when-a-certificate-breaks.md").exists()
    assert told.count("\n") == 3
    assert "docs/when-a-certificate-breaks.md" in ladder_report.verdict(broken.certificate)


def test_what_holds_or_has_no_certificate_says_no_more(capsys):
    request = _request(0)
    Lines().certified(_answered(request))
    Lines().certified(Certification(request=request, gave_up=GaveUp("crashed", "it died")))
    assert capsys.readouterr().err.count("\n") == 2
