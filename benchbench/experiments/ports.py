"""Certify any two things that train against each other: `benchbench certify A B`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from benchbench.errors import UsageError, nearest
from benchbench.experiments.environments.backends import BackendElsewhere
from benchbench.experiments.environments.names import split_environment
from benchbench.experiments.names import ALL_DIVISIONS, find_divisions, find_model
from benchbench.experiments.selection import find_backends, find_models
from benchbench.plugins.plugin_files import is_plugin_file
from benchbench.plugins.registry import Registry
from benchbench.ports.certify import TIMEOUT_SECONDS, certify_ports
from benchbench.ports.messages import TrainedSpec
from benchbench.ports.report import PortReport
from benchbench.ports.subjects import PortSubject, SpecSubject, find_factory
from benchbench.run.plan import HERE
from benchbench.spec.files import load_protocol
from benchbench.spec.model import ModelSpec
from benchbench.spec.protocol import TrainingProtocol
from benchbench.spec.task import task_of


def certify_two(
    networks: Sequence[str],
    registry: Registry,
    *,
    models: Sequence[str] = (),
    division: str = ALL_DIVISIONS,
    protocol_path: Path | None = None,
    shape: str | None = None,
    map_path: Path | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> PortReport:
    """Compare two networks: "file.py:name", a backend, a spec's file or name.

    A backend trains the model that is named, else that of the other side's spec, by the protocol,
    as a spec does. `shape` is "28,28,1", of one sample. Raises UsageError, before any code
    runs, for names that are none; PortFailure for a network that cannot be run.
    """
    samples = read_shape(shape) if shape else None
    protocol = load_protocol(protocol_path) if protocol_path else TrainingProtocol()
    # `all`, the default of other certifications, is none of one network.
    chosen = "idiomatic" if division == ALL_DIVISIONS else division
    a, b = find_subjects(networks, registry, models, chosen, protocol)
    specs = [one for one in (a, b) if isinstance(one, SpecSubject)]
    backends = [one for one in specs if one.info]
    if protocol_path and not specs:
        raise UsageError("--protocol is for backends and specs, but both sides are files")
    if division != ALL_DIVISIONS and not backends:
        raise UsageError("--division is for backends, but neither side is one")
    certify = functools.partial(
        certify_ports,
        ports=ports_of(registry),
        shape=samples,
        map_path=map_path,
        timeout_seconds=timeout_seconds,
    )
    if not backends:
        return certify(a, b)
    return _by_the_spec(a, b, backends[0], certify)


def _by_the_spec(
    a: PortSubject,
    b: PortSubject,
    backend: SpecSubject,
    certify: Callable[[PortSubject, PortSubject], PortReport],
) -> PortReport:
    """Compare both with the spec that the backend trains, in float64, which no backend runs in.

    Two that are its function are one function; the first that is not is the answer.
    """
    trained = backend.trained
    label = f"the spec '{trained.model.name}'"
    spec = SpecSubject(TrainedSpec(model=trained.model, protocol=trained.protocol), label)
    reports = []
    for one in (a, b):
        if isinstance(one, SpecSubject) and not one.info and one.trained == spec.trained:
            continue
        report = certify(spec, one)
        if not report.same:
            return report
        reports.append(report)
    rungs = tuple(
        max(rung, key=lambda one: one.difference or 0.0)
        for rung in zip(*(report.rungs for report in reports), strict=True)
    )
    told = f"each was compared with {spec.label}, in float64"
    notes = dict.fromkeys([told, *(note for report in reports for note in report.notes)])
    last = reports[-1]
    return msgspec.structs.replace(last, a=a.label, b=b.label, rungs=rungs, notes=tuple(notes))


def find_subjects(
    words: Sequence[str],
    registry: Registry,
    models: Sequence[str],
    division: str,
    protocol: TrainingProtocol,
) -> list[PortSubject]:
    """Return what each word means. Raises UsageError, Unavailable."""
    specs = {word: find_model(word, registry) for word in words if _is_spec(word, registry)}
    named = find_models(list(models), registry)
    if len(named) > 1:
        raise UsageError(
            f"two networks are certified with one model, but --model names {len(named)}: "
            f"{', '.join(one.name for one in named)}"
        )
    known = named or list(dict.fromkeys(specs.values()))
    found: list[PortSubject] = []
    for word in words:
        if word in specs:
            found.append(_spec(word, specs[word], protocol))
        elif _is_backend(word, registry):
            if len(known) != 1:
                raise UsageError(
                    f"'{word}' is a backend, which trains a model of the spec: name it with "
                    f"--model, such as --model my.toml or --model deeper-cnn"
                )
            found.append(_backend(word, known[0], registry, division, protocol))
        else:
            found.append(find_factory(word))
    if named and not any(isinstance(one, SpecSubject) and one.info for one in found):
        raise UsageError("--model names what a backend trains, but neither side is a backend")
    return found


def _is_spec(word: str, registry: Registry) -> bool:
    return word.endswith(".toml") or word in registry.models


def _is_backend(word: str, registry: Registry) -> bool:
    """Say whether a word means a backend. Raises UsageError for one that means nothing."""
    if ":" in word.replace("://", ""):
        return False
    name, environment = split_environment(word)
    if environment is not None or name in registry.backends or is_plugin_file(name):
        return True
    registry.must_not_be_quarantined(name)
    known = (*registry.backends, *registry.models)
    raise UsageError(
        f"'{word}': expected a network of a file (my_port.py:net), a spec (my.toml, or a model of "
        f"`benchbench list`), or a backend (torch, torch@ENV){nearest(word, known)}"
    )


def _spec(word: str, model: ModelSpec, protocol: TrainingProtocol) -> SpecSubject:
    task_of(model, protocol)
    return SpecSubject(TrainedSpec(model=model, protocol=protocol), word)


def _backend(
    word: str, model: ModelSpec, registry: Registry, division: str, protocol: TrainingProtocol
) -> SpecSubject:
    infos = find_backends([word], registry)
    if len(infos) != 1:
        raise UsageError(f"'{word}' are {len(infos)} backends: name one")
    (info,) = infos
    chosen, *others = find_divisions(info, division)
    if others:
        raise UsageError(f"--division {division} are {1 + len(others)} of '{word}': name one")
    task_of(model, protocol)
    place = info.place if isinstance(info, BackendElsewhere) else HERE
    trained = TrainedSpec(model=model, protocol=protocol, backend=info.name, division=chosen)
    return SpecSubject(trained, word, info, place)


def ports_of(registry: Registry) -> Mapping[str, str]:
    """Return the place of the port of each framework that an installed plugin has one for."""
    return {
        framework: place
        for offer in registry.backends.values()
        for framework, place in offer.item.ports
    }


def read_shape(text: str) -> tuple[int, ...]:
    """Read "28,28,1". Raises UsageError."""
    parts = text.replace("x", ",").split(",")
    if not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise UsageError(
            f"--input '{text}': expected the shape of one sample, whole numbers above 0 with "
            f"commas between them, such as 28,28,1 (channels last) or 784"
        )
    return tuple(map(int, parts))
