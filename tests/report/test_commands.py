"""The page's commands: what made a session, worked out from its records."""

from __future__ import annotations

import msgspec
import pytest
from interleaved import hostile, make_session
from makers import make_record

from benchbench.records import Stopping, Variant
from benchbench.report.html.commands import build, command_of
from benchbench.spec.protocol import TrainingProtocol

COMMON = "--division idiomatic --model deeper-cnn --dataset mnist"


def changed(runs, **fields):
    return [msgspec.structs.replace(run, **fields) for run in runs]


def test_a_session_of_run_is_the_command_that_made_it():
    assert command_of(make_session(blocks=3)) == (
        f"benchbench run --backend keras --backend torch {COMMON} --device cpu "
        f"--threads 2 --blocks 3"
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"stopping": Stopping("verdict")}, "--until verdict"),
        ({"stopping": Stopping("width", 5)}, "--until WIDTH"),
        ({"dataset": "mnist-quick"}, "--quick --dataset mnist "),
        ({"uncertified": "--no-certify was given"}, "--no-certify"),
        ({"protocol": TrainingProtocol(batch_size=32)}, "--protocol protocol.toml"),
        ({"variant": Variant("main@abc1234", commit="abc1234")}, "gate --against main "),
        ({"variant": Variant("5 % slower", slowdown=0.05)}, "selftest --slowdown 5% "),
        ({"backend": "my backend"}, "--backend 'my backend'"),
    ],
)
def test_what_records_tell_is_in_the_command(fields, words):
    assert words in f"{command_of(changed(make_session(['torch']), **fields))} "


def test_a_model_of_one_s_own_stands_as_a_file():
    run = make_record()
    spec = msgspec.structs.replace(run.spec, name="mine")
    assert "--model mine.toml" in command_of([msgspec.structs.replace(run, spec=spec)])


def test_sessions_of_one_command_share_a_line_and_a_screenful_is_told():
    runs = [run for name in "abc" for run in make_session(["torch"], session=name)]
    assert build(runs)[1].text.endswith("# 3 sessions")
    many = [
        run
        for n in range(30)
        for run in changed(make_session(["torch"], session=f"{n}"), threads=n)
    ]
    assert build(many)[1].text.splitlines()[-1] == "# and 10 more"
    assert build([]) == ()


def test_hostile_names_are_one_word_of_one_line():
    text = command_of([hostile(run, "x\n$(rm)\u202e;'") for run in make_session(["torch"])])
    assert "\n" not in text
    assert "\u202e" not in text
