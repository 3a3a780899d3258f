"""How the suite is used: skips, expected failures, mistakes in a subclass."""

from __future__ import annotations

from typing import ClassVar

import pytest

from benchbench import Score
from benchbench.certify.exercise import FRESH, ONE_STEP, Exercise
from benchbench.data.cache import CACHE_VARIABLE
from benchbench.testing import BackendConformance, RecordingObserver, certificate
from benchbench.testing.cases import LONE_DENSE

pytest_plugins = ["pytester"]

SUITE = """
    from benchbench import BackendInfo
    from benchbench.testing import BackendConformance

    class TestSubject(BackendConformance):
        backend = "numpy"
        {body}
"""


def _run(pytester, body, tests):
    pytester.makepyfile(SUITE.format(body=body))
    return pytester.runpytest("-p", "no:cacheprovider", "-rs", "-k", tests)


def test_a_subclass_of_one_line_runs(pytester):
    _run(pytester, "", "versions or single-layer").assert_outcomes(passed=17, skipped=2)


def test_an_expected_failure_that_passes_is_an_error(pytester):
    body = 'expected_failures = {"test_names_the_versions_at_work": "it has none"}'
    result = _run(pytester, body, "versions")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*XPASS(strict)*it has none*"])


def test_an_expected_failure_may_name_the_parameters(pytester):
    body = """expected_failures = {"test_predicts_probabilities[single-layer-fresh]": "a known gap"}

        def trainer(self, *arguments, **options):
            raise AssertionError("no trainer")
    """
    result = _run(pytester, body, "test_predicts_probabilities and single-layer")
    result.assert_outcomes(xfailed=1, failed=1)


def test_an_expected_failure_of_no_test_is_refused():
    with pytest.raises(ValueError, match="names no test: 'test_predicts'"):

        class TestTypo(BackendConformance):
            expected_failures: ClassVar = {"test_predicts": "a slip of the pen"}


def test_a_missing_framework_skips_and_says_how_to_get_it(pytester):
    body = """
        def info(self):
            return BackendInfo("numpy", requires=("abacus-ml",), create=None)
    """
    result = _run(pytester, body, "versions")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*numpy needs abacus-ml: pip install abacus-ml*"])


def test_a_model_that_the_backend_does_not_do_is_skipped(pytester):
    body = """
        def bare_trainer(self, model, protocol, *, seed=0):
            from benchbench import Unsupported
            if model.name != "single-layer":
                raise Unsupported("it has no hidden layers")
            return super().bare_trainer(model, protocol, seed=seed)
    """
    result = _run(pytester, body, "test_predicts_probabilities or of_the_catalog")
    result.assert_outcomes(passed=3, skipped=12)
    result.stdout.fnmatch_lines(["*numpy does not do two-layer: it has no hidden layers*"])


def test_the_observer_keeps_losses_and_scores_apart():
    observer = RecordingObserver()
    observer.epoch_trained(None)
    observer.epoch_validated(Score(0.5, 0.9))
    observer.epoch_trained(0.25)
    assert observer.names == ["epoch_trained", "epoch_validated", "epoch_trained"]
    assert observer.losses == [None, 0.25]
    assert observer.scores == [Score(0.5, 0.9)]


def test_the_reference_s_answers_are_kept_for_the_next_process(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(certificate, "_references", {})
    reference = certificate._reference(Exercise(LONE_DENSE, certificate.SMALL))
    reference.update(FRESH, ONE_STEP)
    assert list((tmp_path / "reference").glob("*/fresh-update-after-1-step-0.npz"))
