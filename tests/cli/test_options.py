"""An option means the same in every verb: the same kind of value, the same words."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest
import reference

OPTIONS = [
    (verb, option)
    for verb, command in reference.verbs()
    for option in command.params
    if option.param_type_name == "option"
]


def meaning(words: str) -> str:
    """Return what the help says before its first colon or semicolon, and after "With ...: "."""
    return re.split("[:;]", re.sub("^With [^:]*: ", "", words))[0].rstrip(".").casefold()


def by_name():
    found = defaultdict(dict)
    for verb, option in OPTIONS:
        for name in (*option.opts, *option.secondary_opts):
            found[name][verb] = option
    return {name: verbs for name, verbs in found.items() if len(verbs) > 1}


def test_an_option_has_one_help_text_in_all_verbs():
    shared = by_name()
    assert {"--epochs", "--division", "--margin", "--budget", "--strict", "-o"} <= shared.keys()
    for name, verbs in shared.items():
        words = {meaning(option.help) for option in verbs.values()}
        assert len(words) == 1, (name, words, list(verbs))


def test_an_option_takes_one_kind_of_value_in_all_verbs():
    """How often it may be given is the verb's own: `run` takes several devices."""
    for name, verbs in by_name().items():
        kinds = {(type(one.type).__name__, one.is_flag, one.nargs) for one in verbs.values()}
        assert len(kinds) == 1, (name, kinds, list(verbs))


def test_a_short_option_is_the_same_long_one_everywhere():
    for name, verbs in by_name().items():
        assert len({tuple(option.opts) for option in verbs.values()}) == 1, (name, list(verbs))


def test_every_option_has_a_help_text():
    assert not [(verb, option.opts) for verb, option in OPTIONS if not option.help]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "--format", "htlm"], "there is no format 'htlm', did you mean 'html'?"),
        (["report", "--format", "pdf"], "(known: text, markdown, latex, csv, json, html)"),
        (["gate", "--against", "x", "--format", "html"], "(known: text, markdown)"),
        (["export", "--to", "pyperv", "-o", "x"], "did you mean 'pyperf'? (known: "),
        (["plot", "ratio", "-o", "x.svg"], "there is no figure 'ratio', did you mean 'ratios'?"),
        (["compare", "-o", "."], "cannot write .: it is a folder; name another file"),
        (
            ["plot", "ratios", "-o", "no/such.svg"],
            "cannot write no/such.svg: there is no folder",
        ),
        (["report", "-o", "x" * 400], "File name too long"),
    ],
)
def test_what_cannot_be_is_refused_before_any_record_is_read(
    benchbench, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    answer = benchbench(*arguments)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert "no records" not in answer.stderr


def test_a_budget_that_limits_nothing_is_refused(benchbench):
    answer = benchbench("run", "-b", "numpy", "-m", "single-layer", "--budget", "5m")
    assert answer.exit_code == 2
    assert "--budget limits the blocks that --until adds" in answer.stderr
