"""A network of a user's file, written as a spec and certified against it: `benchbench import`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchbench.errors import UsageError
from benchbench.experiments.ports import ports_of, read_shape
from benchbench.files import is_there, make_folder, write_new
from benchbench.plugins.registry import Registry
from benchbench.ports.certify import TIMEOUT_SECONDS, certify_ports
from benchbench.ports.importing import ImportedNetwork, import_network, spec_name
from benchbench.ports.messages import TrainedSpec
from benchbench.ports.report import PortReport
from benchbench.ports.subjects import SpecSubject, find_factory
from benchbench.spec.files import dump
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was written, what was assumed or left out, and whether the spec is the same function.

    `protocol_path` is null where the file gives no protocol that a spec can hold.
    """

    source: str
    path: str
    protocol_path: str | None
    model: ModelSpec
    protocol: TrainingProtocol | None
    notes: tuple[str, ...]
    report: PortReport


def import_file(
    network: str,
    output: Path,
    registry: Registry,
    *,
    shape: str | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> ImportReport:
    """Write the spec of a network, "file.py:name", and certify the network against it.

    Raises UsageError before anything of the file runs; NotExpressed, and then nothing is written.
    """
    factory = find_factory(network)
    samples = read_shape(shape) if shape else None
    paths = _free_paths(output)
    ports = ports_of(registry)
    found = import_network(
        factory,
        ports,
        name=spec_name(output.stem),
        shape=samples,
        timeout_seconds=timeout_seconds,
    )
    _write(paths[0], f"# {factory.label}, by `benchbench import`.\n{dump(found.model)}")
    if found.protocol:
        _write(paths[1], f"# {factory.label}, by `benchbench import`.\n{dump(found.protocol)}")
    report = certify_ports(
        SpecSubject(_trained(found), output.name),
        factory,
        ports,
        shape=found.model.input_shape,
        timeout_seconds=timeout_seconds,
    )
    return ImportReport(
        source=factory.label,
        path=str(paths[0]),
        protocol_path=str(paths[1]) if found.protocol else None,
        model=found.model,
        protocol=found.protocol,
        notes=found.notes,
        report=report,
    )


def _trained(found: ImportedNetwork) -> TrainedSpec:
    """Return what the network is certified against: with the file's loss, if not its optimizer."""
    if found.protocol:
        return TrainedSpec(model=found.model, protocol=found.protocol)
    protocol = TrainingProtocol(loss=found.loss)
    return TrainedSpec(model=found.model, protocol=protocol, own_optimizer=False)


def _free_paths(output: Path) -> tuple[Path, Path]:
    """Return where the model goes and where the protocol. Raises UsageError where something is."""
    if output.suffix != ".toml":
        raise UsageError(f"--output {output}: expected a file that ends in .toml, such as my.toml")
    paths = output, output.with_name(f"{output.stem}-protocol.toml")
    for path in paths:
        if is_there(path):
            raise UsageError(f"{path} is there already: name another --output, or take it away")
    return paths


def _write(path: Path, text: str) -> None:
    try:
        make_folder(path.parent)
        write_new(path, text.encode())
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
