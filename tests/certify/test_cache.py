"""The cache of certificates and of the reference's answers."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from makers import make_certificate

from benchbench.certify.cache import CertificateKey, KeptAnswers, keep, kept
from benchbench.data.cache import CACHE_VARIABLE, cache_folder

KEY = CertificateKey(
    backend="torch",
    division="tuned",
    device="auto",
    threads=2,
    certified_sha256="1" * 64,
    seed=0,
    sources_sha256="2" * 64,
    versions={"torch": "2.13.0"},
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))


@pytest.fixture
def certificate():
    names = ("backend", "division", "threads", "certified_sha256", "sources_sha256", "versions")
    return make_certificate(**{name: getattr(KEY, name) for name in names})


def _path():
    return cache_folder("certificates") / KEY.file_name


def test_what_was_kept_comes_back(certificate):
    assert kept(KEY) == (None, None)
    keep(KEY, certificate)
    assert kept(KEY) == (certificate, None)


@pytest.mark.parametrize(
    "change",
    [
        {"backend": "keras"},
        {"division": "idiomatic"},
        {"device": "cpu"},
        {"threads": 1},
        {"certified_sha256": "9" * 64},
        {"seed": 1},
        {"sources_sha256": "9" * 64},
        {"versions": {"torch": "2.14.0"}},
        {"processor": "another"},
    ],
)
def test_any_other_cell_has_another_place(certificate, change):
    keep(KEY, certificate)
    assert kept(msgspec.structs.replace(KEY, **change)) == (None, None)


def test_an_edited_file_is_ignored_and_said_so(certificate):
    keep(KEY, certificate)
    path = _path()
    path.write_text(path.read_text().replace('"holds"', '"breaks"'))
    found, warning = kept(KEY)
    assert found is None
    assert "was edited" in warning
    assert str(path) in warning


def test_a_file_of_garbage_is_ignored_and_said_so(certificate):
    keep(KEY, certificate)
    _path().write_bytes(b"\x00garbage")
    found, warning = kept(KEY)
    assert found is None
    assert "cannot be read" in warning


def test_answers_are_worked_out_once_and_are_the_same_the_second_time():
    asked = []

    def work_out():
        asked.append(1)
        return {"row": np.array([1 / 3, 2.0]), "draw": np.array(7)}

    first = KeptAnswers("a" * 64)("update", work_out)
    second = KeptAnswers("a" * 64)("update", work_out)
    assert len(asked) == 1
    assert first["row"].dtype == second["row"].dtype == np.float64
    np.testing.assert_array_equal(first["row"], second["row"])
    assert first["draw"] == second["draw"] == 7


def test_a_pickle_in_the_cache_is_not_read():
    path = cache_folder("reference") / ("b" * 32) / "update.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, row=np.array([{"a": 1}], dtype=object))
    answers = KeptAnswers("b" * 64)("update", lambda: {"row": np.array([1.0])})
    np.testing.assert_array_equal(answers["row"], [1.0])


def test_answers_cut_short_are_worked_out_again():
    path = cache_folder("reference") / ("c" * 32) / "update.npz"
    KeptAnswers("c" * 64)("update", lambda: {"row": np.zeros(100)})
    for length in (0, 10, len(path.read_bytes()) - 30):
        path.write_bytes(path.read_bytes()[:length])
        answers = KeptAnswers("c" * 64)("update", lambda: {"row": np.ones(100)})
        np.testing.assert_array_equal(answers["row"], np.ones(100))
