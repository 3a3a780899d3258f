"""What both networks did: A in float64 and float32, B in float32, by A's names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np

from benchbench.plugins.ports import PortOptimizer, PortOutputs, PortTargets
from benchbench.ports import inputs
from benchbench.ports.meanings import sums_to_one, to_probabilities
from benchbench.ports.messages import WEIGHT, Action, NamedArrays, PortAnswer
from benchbench.ports.network import AnyArray, Network
from benchbench.ports.pairing import VariablePairing, shapes_of
from benchbench.ports.process import PortFailure
from benchbench.ports.repeats import must_repeat
from benchbench.ports.triple import Triple

SNAPSHOTS = (1, 2, 10)
_Dropout: TypeAlias = tuple[float, str]
# What the last layer is multiplied by where small or large gradients are wanted.
_SCALES = {"small gradients": 1e-3, "large gradients": 4.0}
# A gradient that is zero by construction is smaller than this fraction of the others.
_ZERO = {"float64": 1e-12, "float32": 1e-7}


@dataclass
class PortEvidence:
    """Both networks with the same variables, and what they answered so far."""

    a: Network
    b: Network
    pairing: VariablePairing
    shape: tuple[int, ...]
    # How many there are where a sample is a row of tokens.
    tokens: int | None
    targets: PortTargets
    weights: NamedArrays
    output_shape: tuple[int, ...]
    notes: list[str] = field(default_factory=list)
    # One side keeps the biased variance and the other the unbiased: found by the rung "statistics".
    variances_differ: bool = False
    # What A is compared with: itself in float32, where it does not run in float64.
    exact_precision: str = "float64"
    _scaled: dict[str, dict[str, Triple]] = field(default_factory=dict)

    @property
    def optimizers(self) -> tuple[PortOptimizer | None, PortOptimizer | None]:
        """What both files train by."""
        return self.a.description.optimizer, self.b.description.optimizer

    @property
    def own_optimizer(self) -> bool:
        return None not in self.optimizers

    @cached_property
    def batches(self) -> list[tuple[AnyArray, AnyArray]]:
        """Ten batches, the last of them short: a backend is given them as one epoch."""
        made = []
        for number in range(SNAPSHOTS[-1]):
            last = number == SNAPSHOTS[-1] - 1
            count = inputs.SHORT if last else inputs.BATCH
            made.append(
                (
                    inputs.draw(self.shape, self.tokens, count, seed=number),
                    inputs.draw_targets(self.targets, (count, *self.output_shape), seed=number),
                )
            )
        return made

    @cached_property
    def traces(self) -> tuple[NamedArrays, NamedArrays, NamedArrays]:
        """Traces of a batch, itself again, a short one, one sample, and a large-valued one."""
        return self._three(
            "trace", lambda side: {f"x{i}": side.sample(self.given(str(i))) for i in range(5)}
        )

    def given(self, trace: str) -> AnyArray:
        """Return the batch that is the input of a trace, "0" to "4"."""
        x = self.batches[0][0]
        large = x if np.issubdtype(x.dtype, np.integer) else x * np.float32(inputs.LARGE)
        return (x, x, x[: inputs.SHORT], x[:1], large)[int(trace)]

    def trace(self, name: str) -> Triple:
        return Triple(*(one[name] for one in self.traces))

    @cached_property
    def losses(self) -> tuple[Triple, ...]:
        """The loss of a batch and of a short one."""
        batches = [self.batches[0], self.batches[-1]]
        found = [answer.values for answer, _ in self._asked_of_all("loss", batches)]
        values = [[np.array([one[str(place)]], float) for one in found] for place in range(2)]
        return tuple(Triple(*three) for three in values)

    @cached_property
    def gradients(self) -> dict[str, Triple]:
        """The gradients of the first batch."""
        return self._triples([made for made, _ in self._passes])

    @cached_property
    def silent(self) -> set[str]:
        """Variables whose gradient is zero by construction, and rounding alone what moves them.

        The bias of attention's keys is one, and a bias before BatchNorm.
        """
        norms = {name: np.linalg.norm(one.exact) for name, one in self.gradients.items()}
        least = _ZERO[self.exact_precision] * max(norms.values(), default=0.0)
        moving = {name for name, one in self.gradients.items() if np.any(one.own)}
        found = {name for name in moving if norms[name] <= least}
        if found:
            self.notes.append(
                f"the gradient of {', '.join(sorted(found))} is zero by construction, rounding "
                f"alone moves it: its updates are not compared"
            )
        return found

    @property
    def dropouts(self) -> tuple[list[_Dropout], list[_Dropout]]:
        """The rate of each dropout of A and of B, and what it drops."""
        return sorted(self._passes[0][1]), sorted(self._passes[-1][1])

    @cached_property
    def _passes(self) -> list[tuple[NamedArrays, list[_Dropout]]]:
        """Gradients and dropout rates of a training pass, of each run.

        Each makes it twice. Raises PortFailure for one that trains otherwise the second time.
        """
        made = []
        answers = self._asked_of_all("gradients", [self.batches[0]] * 2)
        for (side, _), (answer, found) in zip(self._runs(), answers, strict=True):
            first, second = (
                {n.removeprefix(start): v for n, v in found.items() if n.startswith(start)}
                for start in ("g0:", "g1:")
            )
            must_repeat(side.label, first, second)
            dropouts = zip(answer.dropout_rates, answer.dropout_kinds, strict=True)
            made.append((first, list(dropouts)))
        return made

    @cached_property
    def training(self) -> tuple[NamedArrays, NamedArrays, NamedArrays]:
        return self._three("train", None, snapshots=SNAPSHOTS)

    def update(self, steps: int) -> dict[str, Triple]:
        """How far each variable went in so many steps."""
        return self._moved(self.training, f"{steps}:", self.weights)

    @cached_property
    def trained_outputs(self) -> Triple:
        return Triple(*(one["output"] for one in self.training))

    def moved(self, rung: str) -> dict[str, Triple]:
        """How far each variable went in a rung of updates."""
        if rung not in _SCALES:
            return self.update(next(int(word) for word in rung.split() if word.isdigit()))
        if rung not in self._scaled:
            last = next((b.name for b in reversed(self.a.blocks) if "kernel" in b.variables), "")
            kernel, scale = f"{last}.kernel", np.float32(_SCALES[rung])
            weights = {n: v * scale if n == kernel else v for n, v in self.weights.items()}
            made = self._three("train", None, snapshots=(1,), weights=weights, steps=1)
            self._scaled[rung] = self._moved(made, "1:", weights)
        return self._scaled[rung]

    def fixed(self) -> set[str]:
        """Return the variables, by A's names, that neither side trains: statistics, frozen ones."""
        own, other = (
            {f"{one.name}.{role}" for one in side.blocks for role in one.fixed}
            for side in (self.a, self.b)
        )
        return own & {self.pairing.variables[name] for name in other}

    def meaning(self, side: Network, output: AnyArray) -> PortOutputs:
        """Return what a side takes its outputs for: by its loss, else by their values."""
        known = side.description.loss.outputs if side.description.loss else "unknown"
        if known == "unknown":
            known = side.description.outputs
        if known != "unknown":
            return known
        if self.targets == "values":
            return "values"
        return "probabilities" if sums_to_one(output) else "logits"

    def probabilities(self, triple: Triple) -> Triple:
        """Return outputs as what both sides can be compared in: probabilities, or values.

        A side may have an axis of one more, as (samples, 1) beside (samples,).
        """
        meanings = (self.a, self.a, self.b)
        other = triple.other
        if np.squeeze(other).shape == np.squeeze(triple.exact).shape:
            other = other.reshape(triple.exact.shape)
        arrays = (triple.exact, triple.own, other)
        made = [
            to_probabilities(one, self.meaning(side, one), self.targets)
            for side, one in zip(meanings, arrays, strict=True)
        ]
        return Triple(*made)

    def _runs(self) -> tuple[tuple[Network, str], ...]:
        return (self.a, self.exact_precision), (self.a, "float32"), (self.b, "float32")

    def _asked(
        self,
        side: Network,
        batches: Sequence[tuple[AnyArray, AnyArray]],
        weights: NamedArrays | None = None,
    ) -> NamedArrays:
        made: NamedArrays = dict(self._weights(side, self.weights if weights is None else weights))
        for place, (x, y) in enumerate(batches):
            made[f"x{place}"] = side.sample(x)
            made[f"y{place}"] = y
        return made

    def _weights(self, side: Network, weights: NamedArrays) -> NamedArrays:
        if side is self.b:
            weights = self.pairing.to_b(weights, shapes_of(self.b.blocks))
        return {f"{WEIGHT}{name}": value for name, value in weights.items()}

    def _three(
        self,
        action: Action,
        samples: Callable[[Network], NamedArrays] | None,
        *,
        snapshots: tuple[int, ...] = (),
        weights: NamedArrays | None = None,
        steps: int | None = None,
    ) -> tuple[NamedArrays, NamedArrays, NamedArrays]:
        """Have both do it, A in both precisions: on samples, or on the first `steps` batches."""
        found: list[NamedArrays] = []
        for side, precision in self._runs():
            if samples is not None:
                arrays = self._weights(side, self.weights) | samples(side)
            else:
                arrays = self._asked(side, self.batches[:steps], weights)
            try:
                _, answered = side.process.ask(
                    action,
                    arrays,
                    precision=precision,
                    own_optimizer=self.own_optimizer,
                    snapshots=snapshots,
                )
            except PortFailure as error:
                if precision == "float32":
                    raise
                self._no_reference(str(error))
                return self._three(
                    action, samples, snapshots=snapshots, weights=weights, steps=steps
                )
            found.append(answered)
        return found[0], found[1], found[2]

    def _asked_of_all(
        self, action: Action, batches: Sequence[tuple[AnyArray, AnyArray]]
    ) -> list[tuple[PortAnswer, NamedArrays]]:
        """Have both do it with these batches, A in both precisions, where it runs in both."""
        found = []
        for side, precision in self._runs():
            try:
                asked = self._asked(side, batches)
                found.append(side.process.ask(action, asked, precision=precision))
            except PortFailure as error:
                if precision == "float32":
                    raise
                self._no_reference(str(error))
                return self._asked_of_all(action, batches)
        return found

    def _no_reference(self, reason: str) -> None:
        note = f"{self.a.label} does not run in float64 ({reason}): B is compared with its float32"
        self.notes.append(note)
        self.exact_precision = "float32"

    def _moved(
        self, three: Sequence[NamedArrays], start: str, weights: NamedArrays
    ) -> dict[str, Triple]:
        after = [
            {n.removeprefix(start): v for n, v in one.items() if n.startswith(start)}
            for one in three
        ]
        triples = self._triples(after)
        return {
            name: Triple(
                *(
                    value.astype(np.float64) - weights[name].astype(np.float64)
                    for value in (one.exact, one.own, one.other)
                )
            )
            for name, one in triples.items()
        }

    def _triples(self, made: Sequence[NamedArrays]) -> dict[str, Triple]:
        other = self.pairing.to_a(made[2], shapes_of(self.a.blocks))
        return {name: Triple(made[0][name], made[1][name], other[name]) for name in other}
