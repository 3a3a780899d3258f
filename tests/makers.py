"""Made-up records and certificates, for tests of what reads them."""

from __future__ import annotations

import msgspec

from benchbench.certificates import Certificate, Rung, seal
from benchbench.certify.exercise import STARTS, as_certified
from benchbench.machines import Machine
from benchbench.records import Check, EpochRecord, FinalScore, Phases, RunRecord
from benchbench.spec.catalog import MODELS
from benchbench.spec.identity import spec_sha256
from benchbench.spec.protocol import TrainingProtocol

PHASES = Phases(
    import_=1.5,
    data=0.5,
    build=0.1,
    first_epoch=9.0,
    steady_epochs=27.5,
    validation=2.5,
    evaluate=0.5,
    predict=0.25,
    waiting=3.0,
    other=0.15,
    total=45.0,
)

MACHINE = Machine(
    system="Linux",
    processor="Some CPU",
    physical_cores=2,
    usable_cores=2,
    memory_bytes=8_000_000_000,
    python="3.11.7",
)


def make_record(**changes) -> RunRecord:
    """Make a good run of deeper-cnn under torch, changed as told.

    `train_seconds` are those of the epochs; other keywords are fields of RunRecord.
    """
    model = MODELS[changes.get("model", "deeper-cnn")]
    protocol = TrainingProtocol()
    epochs = [
        EpochRecord(
            train_seconds=seconds,
            validation_seconds=0.5,
            train_cpu_seconds=None,
            loss=0.1,
            validation_loss=0.1,
            validation_accuracy=0.97,
        )
        for seconds in changes.pop("train_seconds", (9.0, 6.0, 8.0, 6.5, 7.0))
    ]
    record = RunRecord(
        run_id="20260102T030405-abcdef-000-deeper-cnn-torch-idiomatic",
        session_id="20260102T030405-abcdef",
        block=0,
        status="ok",
        backend="torch",
        division="idiomatic",
        model=model.name,
        dataset="mnist",
        device="cpu",
        threads=2,
        seed=0,
        spec=model,
        protocol=protocol,
        spec_sha256=spec_sha256(model, protocol),
        dataset_sha256="d" * 64,
        train_image_count=48_000,
        validation_image_count=12_000,
        parameter_count=model.parameter_count,
        epochs=tuple(epochs),
        phases=PHASES,
        test=FinalScore(loss=0.05, accuracy=0.984, image_count=10_000),
        checks=(
            Check("parameter count", True, "17,578", "17,578"),
            Check("first image", None, "a 7", "not MNIST"),
        ),
        versions={"torch": "2.13.0"},
        machine=MACHINE,
        peak_memory_bytes=612_000_000,
        started="2026-01-02T03:04:05+00:00",
        finished="2026-01-02T03:04:50+00:00",
    )
    return msgspec.structs.replace(record, **changes)


def make_rung(name: str, *differences: float | None, **changes) -> Rung:
    """Make a rung that holds, of these differences at the first starts, changed as told."""
    rung = Rung(
        name=name,
        measure="m",
        differences=dict(zip(STARTS, differences, strict=False)),
        tolerance=1e-4,
        source="s",
        verdict="holds",
    )
    return msgspec.structs.replace(rung, **changes)


def make_certificate(*rungs: Rung, **changes) -> Certificate:
    """Make the certificate of `make_record`'s run, changed as told, and seal it.

    Its verdict is that of the rungs; without any it has one that holds.
    """
    verdicts = {rung.verdict for rung in rungs}
    certificate = Certificate(
        backend="torch",
        division="idiomatic",
        device="cpu",
        threads=2,
        model="deeper-cnn",
        certified_sha256=spec_sha256(MODELS["deeper-cnn"], as_certified(TrainingProtocol())),
        batch_size=128,
        seed=0,
        reference="numpy-float64",
        sources_sha256="s" * 64,
        versions={"torch": "2.13.0"},
        settings={},
        verdict=next((one for one in ("breaks", "deviates") if one in verdicts), "holds"),
        rungs=rungs or (make_rung("forward", 1e-6),),
        seconds=1.0,
        made="2026-01-02T03:04:00+00:00",
    )
    return seal(msgspec.structs.replace(certificate, **changes))
