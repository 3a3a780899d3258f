"""The table after one run."""

import msgspec
from makers import make_record

from benchbench.machines import MachineState
from benchbench.records import Check
from benchbench.report import single
from benchbench.report.renderers import terminal
from benchbench.report.text import UNKNOWN


def _render(record):
    return terminal.render(single.build(record))


def test_every_figure_has_its_line():
    lines = dict(
        line.split("  ", 1) for line in _render(make_record()).split("\n\n")[0].splitlines()
    )
    said = {name: value.strip() for name, value in lines.items()}
    assert said == {
        "model": "deeper-cnn",
        "parameters": "17,578",
        "backend": "torch",
        "division": "idiomatic",
        "device": "cpu, threads 2, seed 0",
        "data set": "mnist",
        "status": "ok",
        "certificate": "none; not comparable: it was not certified",
        "test accuracy": "0.9840",
        "first epoch": "9.00 s",
        "steady epoch": "6.75 s (median of 4, range 6.00 to 8.00)",
        "noise": UNKNOWN,
        "training": "7,116 images/s",
        "evaluation": "20,000 images/s",
        "prediction": "40,000 images/s",
        "cold total": "42.0 s",
        "peak memory": "612 MB",
    }


def test_noisy_epochs_are_counted_with_the_reasons_of_the_first():
    record = make_record()
    states = [MachineState(0.1, cpu_pressure=pressure) for pressure in (5, 99, 7, 80, 2)]
    states[1] = msgspec.structs.replace(states[1], steal_fraction=0.2)

    def said(*states):
        epochs = [
            msgspec.structs.replace(epoch, machine=state)
            for epoch, state in zip(record.epochs, states, strict=False)
        ]
        shown = _render(msgspec.structs.replace(record, epochs=tuple(epochs)))
        (line,) = [line for line in shown.splitlines() if line.startswith("noise")]
        return line.removeprefix("noise").strip()

    assert said(*states) == (
        "2 of 5 epochs are noisy; epoch 2: 20 % of the CPU was stolen, CPU pressure was 99 %"
    )
    assert said(states[0], states[2]) == "none of 2 epochs is marked"


def test_every_check_shows_its_outcome():
    text = _render(
        make_record(
            status="invalid",
            checks=(
                Check("parameter count", True, "17,578", "17,578"),
                Check("loss finite", False, "a number", "nan in epoch 2"),
                Check("accuracy band", None, "a band", "none is known"),
            ),
        )
    )
    checks = text.split("\n\n")[1].splitlines()[2:]
    marks = [(line[0], line.split("  ")[1].strip()) for line in checks]
    assert marks == [
        ("✓", "parameter count"),
        ("✗", "loss finite"),
        (UNKNOWN, "accuracy band"),
    ]
    assert "nan in epoch 2" in text


def test_a_run_that_failed_early_says_what_it_can():
    text = _render(
        make_record(
            status="crashed",
            error="the worker was killed\nby signal 9",
            device=None,
            train_seconds=(),
            test=None,
            phases=None,
            checks=(),
            parameter_count=None,
            peak_memory_bytes=None,
            train_image_count=None,
        )
    )
    assert "the worker was killed by signal 9" in text
    assert " 0" not in text.replace("seed 0", "")
    # What it does not have takes no line; the reason is told once.
    assert [line.split("  ")[0] for line in text.splitlines()] == [
        *("model", "backend", "division", "device", "data set", "status", "certificate", "reason")
    ]


def test_the_reason_of_a_run_that_was_not_certified_is_told_once():
    reason = "the backend 'torch' has no device 'gpu' here; it has cpu"
    text = _render(make_record(status="skipped", error=reason, uncertified=reason))
    assert text.count("has no device") == 1
