"""Certify one network of a user's file against another: load both, pair them, climb the rungs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchbench.errors import UsageError
from benchbench.plugins.ports import PortBlock, PortDescription, PortTargets
from benchbench.ports import inputs
from benchbench.ports.climb import broken, climb
from benchbench.ports.evidence import PortEvidence
from benchbench.ports.layouts import squeezed
from benchbench.ports.map_file import read_map, write_map
from benchbench.ports.messages import WEIGHT, NamedArrays
from benchbench.ports.network import Network
from benchbench.ports.pairing import VariablePairing, first_weights, pair, pair_by
from benchbench.ports.process import PortFailure, PortProcess
from benchbench.ports.report import Break, PortReport, Trap
from benchbench.ports.settle import agree, settle
from benchbench.ports.sizes import Unpaired
from benchbench.ports.subjects import PortSubject

TIMEOUT_SECONDS = 600.0


def certify_ports(
    a: PortSubject,
    b: PortSubject,
    ports: Mapping[str, str],
    *,
    shape: tuple[int, ...] | None = None,
    map_path: Path | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> PortReport:
    """Compare two networks, backends or specs, each in a process of its own.

    `ports` has the place of a `Port` for each framework. `shape` is that of a sample, channels
    last, where neither network says it. Raises PortFailure for a network that cannot be run, and
    UsageError for a map that must be filled in.
    """
    with ExitStack() as stack:
        sides = [
            stack.enter_context(PortProcess(ports, timeout_seconds=timeout_seconds, subject=one))
            for one in (a, b)
        ]
        return compare(sides[0], sides[1], a, b, shape=shape, map_path=map_path)


def compare(
    process_a: PortProcess,
    process_b: PortProcess,
    a: PortSubject,
    b: PortSubject,
    *,
    shape: tuple[int, ...] | None = None,
    map_path: Path | None = None,
) -> PortReport:
    """Compare two networks in these processes, which may serve others before and after."""
    network_a, network_b = _load(process_a, a), _load(process_b, b)
    _must_be_untrained(network_a)
    _must_be_untrained(network_b)
    try:
        settled, tokens, output = _settle(network_a, network_b, (a, b), shape)
        targets = _targets(network_a.description, network_b.description, output)
        pairing = _pairing(network_a, network_b, map_path)
        _must_keep_alike(network_a, network_b, pairing)
    except Unpaired as error:
        trap = Trap(error.trap, "") if error.trap else None
        layer = " / ".join(name or "-" for name in error.layers) if any(error.layers) else ""
        stop = Break("architecture", layer=layer, trap=trap, words=str(error))
        return broken(network_a.label, network_b.label, [], stop)
    evidence = PortEvidence(
        a=network_a,
        b=network_b,
        pairing=pairing,
        shape=settled,
        tokens=tokens,
        targets=targets,
        weights=first_weights(network_a.first, network_a.blocks),
        output_shape=output,
    )
    evidence.notes += _notes(evidence)
    settle(evidence)
    _must_be_sure(evidence)
    return climb(evidence)


def _notes(evidence: PortEvidence) -> list[str]:
    notes = []
    for side in (evidence.a, evidence.b):
        if side.flat:
            notes.append(f"{side.label} takes its inputs flat")
        if side.uncalled and not set(side.uncalled) & {one.name for one in side.blocks}:
            names = ", ".join(side.uncalled)
            notes.append(f"{side.label} never calls {names}: left out of the comparison")
    if not evidence.own_optimizer:
        notes.append("one of the files has no optimizer: both were trained by Adam of the protocol")
    return notes


def _load(process: PortProcess, subject: PortSubject, sample: NamedArrays | None = None) -> Network:
    description, first = process.load(subject, sample or {})
    return Network(subject.label, process, description, first)


def _must_be_untrained(side: Network) -> None:
    optimizer, sign = side.description.optimizer, ""
    if optimizer and optimizer.steps_done:
        sign = f"its {optimizer.name} has done {optimizer.steps_done} steps"
    elif side.description.trained:
        sign = "its variables have gradients or a history"
    if sign:
        raise PortFailure(
            f"{side.label} returns a network that was trained: {sign}. Return it before training: "
            f"the weights of the first network are copied into the second"
        )


def _settle(
    a: Network, b: Network, subjects: Sequence[PortSubject], given: tuple[int, ...] | None
) -> tuple[tuple[int, ...], int | None, tuple[int, ...]]:
    """Find inputs that both take; return the shape of a sample, its tokens, and an output's shape.

    Builds what builds itself when called, and puts blocks in the order of their calls. Raises
    Unpaired where outputs are of different sizes.
    """
    failure: PortFailure | None = None
    known = given or a.description.input_shape or b.description.input_shape
    described = a.description, b.description
    shapes = [known] if known else list(inputs.candidates(*described))
    guesses = ((one, n) for one in shapes for n in inputs.vocabularies(one, *described))
    for shape, tokens in guesses:
        sample = inputs.draw(shape, tokens, 3, seed=0)
        try:
            found = [_try(side, of, sample) for side, of in zip((a, b), subjects, strict=True)]
        except PortFailure as error:
            failure = failure or error
            continue
        for side in (a, b):
            if not side.blocks:
                raise PortFailure(f"{side.label} has no variables: there is nothing to train")
        if squeezed(found[0]) != squeezed(found[1]):
            pair(a.blocks, b.blocks)  # where sizes differ, a table of both says more
            raise Unpaired(
                f"{a.label} answers {found[0]} a sample, {b.label} {found[1]}: expected one shape",
                "output shape",
            )
        return shape, tokens, found[0]
    raise PortFailure(
        f"no inputs were found that both take (tried {', '.join(map(str, shapes)) or 'none'}; "
        f"--input HEIGHT,WIDTH,CHANNELS says what they are): {failure}",
        failure.traceback if failure else "",
    )


def _try(side: Network, subject: PortSubject, sample: np.ndarray) -> tuple[int, ...]:
    if not side.description.blocks:
        built = _load(side.process, subject, {"x0": sample})
        side.description, side.first = built.description, built.first
    try:
        answer, arrays = side.process.ask("trace", {"x0": sample})
    except PortFailure:
        if sample.ndim < 3 or np.issubdtype(sample.dtype, np.integer):
            raise
        side.flat = True
        try:
            answer, arrays = side.process.ask("trace", {"x0": side.sample(sample)})
        except PortFailure:
            side.flat = False
            answer, arrays = side.process.ask("trace", {"x0": sample})
    named = {block.name: block for block in side.description.blocks}
    called = [named[name] for name in answer.called]
    ordered = (*called, *(one for one in side.description.blocks if one not in called))
    side.blocks = tuple(one for one in ordered if set(one.constants) != set(one.variables))
    if called:
        side.uncalled = tuple(one.name for one in side.blocks if one not in called)
    if arrays["output0"].ndim == 0 or len(arrays["output0"]) != len(sample):
        raise PortFailure(
            f"{side.label} answers {arrays['output0'].shape} for {len(sample)} samples"
        )
    return tuple(arrays["output0"].shape[1:])


def _targets(a: PortDescription, b: PortDescription, output: tuple[int, ...]) -> PortTargets:
    """Return what both losses take. Raises Unpaired where they are of different kinds."""
    kinds: list[PortTargets] = []
    for one in (a.loss, b.loss):
        if one and one.targets != "unknown":
            kinds.append("classes" if one.targets == "one_hot" else one.targets)
    if len(set(kinds)) > 1:
        raise Unpaired(
            f"the losses take different targets: {a.loss.name if a.loss else ''} takes {kinds[0]}, "
            f"{b.loss.name if b.loss else ''} {kinds[1]}",
            "another loss",
        )
    if kinds:
        return kinds[0]
    return "classes" if output and output[-1] > 1 else "values"


def _pairing(a: Network, b: Network, map_path: Path | None) -> VariablePairing:
    """Return what is what: by the map that the user edited, else by themselves.

    Raises UsageError where a map was written to be filled in, Unpaired where sizes differ.
    """
    if map_path and map_path.exists():
        return pair_by(read_map(map_path), a.blocks, b.blocks)
    try:
        pairing = pair(a.blocks, b.blocks)
    except Unpaired:
        called = _pair_called(a, b)
        if called is not None:
            return called
        if map_path is None or _total(a.blocks) != _total(b.blocks):
            raise
        pairing = VariablePairing()
    if map_path:
        asked = write_map(map_path, pairing, a.blocks, b.blocks)
        if asked:
            raise UsageError(
                f"wrote {map_path}: say there what {', '.join(asked)} of {b.label} are, and run "
                f"this again"
            )
    return pairing


def _must_keep_alike(a: Network, b: Network, pairing: VariablePairing) -> None:
    """Raise Unpaired where arrays that nothing trains are paired, and begin with other values.

    They are copied with the rest, as a hand-written norm's statistics must be; so a table of places
    that is wrong would be mended. In whatever order the values lie.
    """
    kept = []
    for side in (a, b):
        constants = {f"{one.name}.{role}" for one in side.blocks for role in one.constants}
        first = {name.removeprefix(WEIGHT): value for name, value in side.first.items()}
        kept.append({name: value for name, value in first.items() if name in constants})
    for theirs, ours in pairing.variables.items():
        if ours in kept[0] and theirs in kept[1]:
            own, other = (np.sort(one, axis=None) for one in (kept[0][ours], kept[1][theirs]))
            if not np.allclose(own, other, rtol=1e-4, atol=1e-6):
                raise Unpaired(
                    f"{ours} of {a.label} and {theirs} of {b.label} are not trained, and hold "
                    f"other values: expected the same",
                    "another constant",
                    (ours.rpartition(".")[0], theirs.rpartition(".")[0]),
                )


def _pair_called(a: Network, b: Network) -> VariablePairing | None:
    """Pair without the layers that a forward pass never calls; None where that does not help."""
    if not a.uncalled and not b.uncalled:
        return None
    kept = [tuple(one for one in side.blocks if one.name not in side.uncalled) for side in (a, b)]
    try:
        pairing = pair(*kept)
    except Unpaired:
        return None
    a.blocks, b.blocks = kept
    return pairing


def _must_be_sure(evidence: PortEvidence) -> None:
    """Raise UsageError where variables of one shape were told apart by their order in vain."""
    unsure = evidence.pairing.unsure
    if not unsure or agree(evidence):
        return
    asked_for = "; ".join(f"{name} may be {' or '.join(those)}" for name, those in unsure.items())
    raise UsageError(
        f"which variable is which cannot be told: {asked_for}. With --map map.toml a map is "
        f"written for you to edit"
    )


def _total(blocks: Sequence[PortBlock]) -> int:
    return sum(int(np.prod(shape)) for one in blocks for shape in one.variables.values())
