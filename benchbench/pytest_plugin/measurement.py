"""What `epoch_benchmark` says of one benchmark: its `extra_info` in pytest-benchmark's files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from benchbench.records import Setting

MARK = "measured_by"

Work: TypeAlias = dict[str, str | int]


class EpochMeasurement(msgspec.Struct, frozen=True, kw_only=True, tag_field=MARK, tag="benchbench"):
    """What was trained, how, how fast, and how fast the machine was meanwhile.

    A round is one epoch of `steps` batches of synthetic images; the rounds themselves are in
    pytest-benchmark's `stats`. `spec_sha256` is that of model and protocol as in the record of a
    run (the protocol's own number of epochs, not that of the rounds). `calibration_seconds` are the
    times of the calibration kernel before every round and after the last; `ratio_to_calibration`
    is the median round over their median.
    """

    benchbench_version: str
    backend: str
    division: str
    device: str
    model: str
    spec_sha256: str
    batch_size: int
    steps: int
    threads: int
    seed: int
    samples_per_second: float
    calibration_seconds: tuple[float, ...]
    ratio_to_calibration: float
    settings: dict[str, Setting | None]
    versions: dict[str, str]
    environment: dict[str, str]

    @property
    def work(self) -> Work:
        """What must be the same for two times to be of the same work."""
        return {
            "backend": self.backend,
            "division": self.division,
            "device": self.device,
            "spec_sha256": self.spec_sha256,
            "batch_size": self.batch_size,
            "steps": self.steps,
            "threads": self.threads,
        }

    def to_extra_info(self) -> dict[str, Any]:
        """Return it as JSON has it. What a plugin stated in a type of its own goes as text."""
        content: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self, enc_hook=str))
        return content


def measurement_of(extra_info: Mapping[str, Any]) -> EpochMeasurement | None:
    """Return what `epoch_benchmark` said, None for a benchmark that is not its own.

    Raises msgspec.ValidationError for one that is, in a form that this version does not read.
    """
    if MARK not in extra_info:
        return None
    return msgspec.convert(extra_info, EpochMeasurement)


class EpochTimer:
    """pytest-benchmark's timer of one test: its time passes by epochs that the clock has timed."""

    __name__ = "EpochTimer"

    def __init__(self) -> None:
        self.epochs: Iterator[float] = iter(())
        self._now = 0.0

    def __call__(self) -> float:
        """Return the seconds of all epochs up to now."""
        return self._now

    def pass_epoch(self) -> None:
        """Let the next epoch pass."""
        self._now += next(self.epochs)
