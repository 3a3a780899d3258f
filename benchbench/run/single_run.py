"""What one run does, and when: prepare, train, judge; a phase of the ledger for each part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchbench.errors import Unsupported
from benchbench.measure.clock import EpochClock, Ledger
from benchbench.plugins.devices import resolve_device
from benchbench.records import Check, EpochRecord, FinalScore
from benchbench.run.encoding import plain_count, plain_settings, plain_versions
from benchbench.run.further_epochs import ProtocolsEnd, trained_protocol
from benchbench.run.messages import Built, EpochDone, Event, Ready, RunRequest, WorkerReport
from benchbench.spec.task import task_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from benchbench.audits import Audit
    from benchbench.certify.rows import Arrays
    from benchbench.data.dataset import Dataset
    from benchbench.measure.residue import Residue, Watch
    from benchbench.plugins.contract import Backend, Score, Trainer
    from benchbench.spec.task import Task


class SingleRun:
    """The course of one run: prepare, train, judge. The ledger is open from the spawn on.

    `hand_over` gives an event to the conductor and blocks until it is this worker's turn again.
    `clock` returns nanoseconds. `watched_seconds` is how long the core looked on before the first
    epoch and after the last.
    """

    def __init__(
        self,
        request: RunRequest,
        hand_over: Callable[[Event], None],
        clock: Callable[[], int],
    ) -> None:
        self._request = request
        self._hand_over = hand_over
        self._read_clock = clock
        self._ledger = Ledger(request.spawned_ns, clock)
        self.watched_seconds = 0.0
        self._epochs: list[EpochRecord] = []
        self._watches: list[Watch] = []
        self._epoch_reads: list[float] = []
        self._last_weights = b""
        self._end = ProtocolsEnd(request)
        self._clock: EpochClock
        self._dataset: Dataset
        self._backend: Backend
        self._trainer: Trainer
        self._device = request.device
        self._task: Task

    def prepare(self) -> None:
        """Import the framework, load the data, build the model, set the first weights."""
        self._ledger.enter("waiting")
        self._hand_over(Ready())
        request = self._request

        self._ledger.enter("import")
        from benchbench.plugins.registry import load_registry

        registry = load_registry(retry=False)
        self._backend = registry.backend(request.backend).create()

        self._ledger.enter("data")
        from benchbench.data import catalog

        offered = {name: offer.item for name, offer in registry.datasets.items()}
        self._dataset = catalog.load(request.dataset, offered, request.model)

        self._ledger.enter("build")
        from benchbench.run.audit import Auditor
        from benchbench.spec.initial import initial_variables

        self._task = task_of(request.model, request.protocol)
        self._dataset = _fitted(request, self._task, self._dataset)
        self._device = resolve_device(request.device, self._backend.devices(), request.backend)
        self._trainer = self._new_trainer()
        self._initial = initial_variables(request.model, request.seed)
        self._auditor = Auditor(registry, request, self._dataset, self._initial, self._trainer)
        self._trainer.set_variables([array.copy() for array in self._initial])
        self._trainer.synchronize()

        self._ledger.enter("waiting")
        self._auditor.prepare()
        self.watched_seconds += self._ledger.elapsed()
        self._hand_over(Built(self._device))
        self._ledger.enter("other")

    def _new_trainer(self) -> Trainer:
        request = self._request
        return self._backend.trainer(
            request.model,
            trained_protocol(request),
            device=self._device,
            division=request.division,
            threads=request.threads,
            seed=request.seed,
        )

    def train(self) -> None:
        """Call `fit` once; the epoch clock hands the baton over after every epoch."""
        self._clock = EpochClock(
            ledger=self._ledger,
            epochs=trained_protocol(self._request).epochs,
            further=self._request.further_epochs,
            synchronize=self._trainer.synchronize,
            hand_over=self._epoch_done,
            after_training=self._watch,
            after_epoch=self._keep,
            slowdown=self._request.variant.slowdown if self._request.variant else 0.0,
            metric=None if self._made_up else self._task.metric,
        )
        self._clock.start()
        self._trainer.fit(self._dataset.train, self._dataset.validation, self._clock)
        self._clock.finish()

    @property
    def waiting_cpu_seconds(self) -> tuple[float, ...]:
        """The CPU time that this process used after each epoch, while another had the baton."""
        return tuple(self._clock.waiting_cpu_seconds)

    def judge(self) -> WorkerReport:
        """Evaluate and predict the test images, check what must hold, say what ran."""
        from benchbench.measure.memory import peak_memory_bytes
        from benchbench.measure.residue import Residue, read_twice

        # Before `evaluate`, which would wait for what is left over.
        parameters, reads = read_twice(self._trainer.variables, self._last_weights)
        if self._request.further_epochs:
            self._ledger.enter("further")
        parameters = self._end.variables(parameters)
        trainer = self._end.trainer(self._trainer, self._new_trainer, self._dataset.validation)
        self._ledger.enter("evaluate")
        score = trainer.evaluate(self._dataset.test)
        trainer.synchronize()
        evaluate_seconds = self._ledger.enter("predict")
        predictions = trainer.predict(self._dataset.test.inputs)
        trainer.synchronize()
        self._ledger.enter("other")
        peak = peak_memory_bytes()
        device_peak = plain_count(self._trainer.device_peak_memory_bytes())
        residue = Residue(
            tuple(self._watches), self.waiting_cpu_seconds, reads, tuple(self._epoch_reads)
        )
        checks, audit = self._checked(
            trainer, parameters, score, predictions, residue, evaluate_seconds=evaluate_seconds
        )
        return WorkerReport(
            audit=audit,
            device=self._device,
            parameter_count=sum(array.size for array in parameters),
            parameter_shapes=tuple(array.shape for array in parameters),
            train_image_count=len(self._dataset.train),
            validation_image_count=len(self._dataset.validation),
            standardization=self._dataset.standardization,
            characters=self._dataset.characters,
            test=self._final_score(score),
            checks=checks,
            settings=plain_settings(self._trainer.settings()),
            versions=plain_versions(self._backend.versions()),
            phases=self._ledger.close(),
            threads_observed=self._threads_observed,
            peak_memory_bytes=peak,
            device_peak_memory_bytes=device_peak,
        )

    def _checked(
        self,
        trainer: Trainer,
        parameters: Arrays,
        score: Score,
        predictions: npt.NDArray[Any],
        residue: Residue,
        *,
        evaluate_seconds: float,
    ) -> tuple[tuple[Check, ...], Audit | None]:
        """Check what must hold, and audit the run."""
        from benchbench.run.checks import check_run
        from benchbench.run.loss_checks import check_losses

        checks = check_run(
            request=self._request,
            dataset=self._dataset,
            initial=self._initial,
            parameters=parameters,
            not_finite=self._clock.not_finite,
            score=score,
            predictions=predictions,
            threads_observed=self._threads_observed,
            residue=residue,
            epochs=self._epochs,
            evaluate_seconds=evaluate_seconds,
        )
        # From here on the core looks on: that is no part of what the run took.
        self._ledger.enter("waiting")
        checks += check_losses(
            request=self._request,
            dataset=self._dataset,
            epochs=self._epochs,
            score=score,
            predictions=predictions,
            predict=trainer.predict,
        )
        audit = self._auditor.audit(parameters)
        self.watched_seconds += self._ledger.enter("other")
        return checks, audit

    @property
    def _threads_observed(self) -> float | None:
        wall = sum(epoch.train_seconds for epoch in self._epochs)
        cpu = sum(epoch.train_cpu_seconds or 0 for epoch in self._epochs)
        return cpu / wall if wall else None

    @property
    def _made_up(self) -> bool:
        """Whether the samples are drawn: their metric says nothing."""
        return self._request.dataset.name.removesuffix("-quick") == "synthetic"

    def _final_score(self, score: Score) -> FinalScore:
        is_fraction = self._task.metric.is_fraction
        metric = None if self._made_up else float(score.metric)
        return FinalScore(
            float(score.loss),
            metric if is_fraction else None,
            len(self._dataset.test),
            mean_absolute_error=None if is_fraction else metric,
        )

    def _watch(self, number: int) -> None:
        """Look for work left over by the first epoch and by the last; the others cost nothing."""
        from benchbench.measure.residue import watch

        if number in {1, trained_protocol(self._request).epochs}:
            self._watches.append(watch(number))

    def _keep(self, number: int, epoch: EpochRecord) -> None:
        """Keep what the checks and the audit will ask for of an epoch."""
        from benchbench.measure.residue import fingerprint

        self._epochs.append(epoch)
        for_end, for_audit = self._end.wants(number), self._auditor.wants(number)
        is_last = number == trained_protocol(self._request).epochs
        if not (for_end or for_audit or is_last):
            return
        # The first read, which work left over would make wait.
        started = self._read_clock()
        arrays = self._trainer.variables()
        self._epoch_reads.append((self._read_clock() - started) / 1e9)
        if for_end:
            self._end.keep(arrays, epoch)
        if for_audit:
            self._auditor.keep(arrays)
        if is_last:
            self._last_weights = fingerprint(arrays)

    def _epoch_done(self, number: int, epoch: EpochRecord) -> None:
        self._ledger.enter("waiting")
        self._hand_over(EpochDone(number, epoch, self._clock.watched_seconds))


def _fitted(request: RunRequest, task: Task, dataset: Dataset) -> Dataset:
    """Return the data set in the form that the task takes. Raises Unsupported for a misfit."""
    from benchbench.data.targets import adapted, kind_of, misfit

    input_shape = dataset.train.inputs.shape[1:]
    kind = kind_of(dataset)
    told = misfit(request.model, task, input_shape, kind, dataset.name, tokens=dataset.tokens)
    if told:
        raise Unsupported(told)
    return adapted(dataset, task)
