"""Blocks as tasks of a Dask cluster: orders and records travel with them."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from benchbench.errors import Unavailable, UsageError
from benchbench.experiments.fleet.engine import EngineSilent, JobState
from benchbench.experiments.fleet.messages import Begun, BlockAnswer, Order, Parcel
from benchbench.experiments.fleet.node_data import packed
from benchbench.experiments.fleet.order_book import OrderBook
from benchbench.experiments.saved_plan import SavedPlan
from benchbench.measure.clock import now_ns
from benchbench_dask import task
from benchbench_dask.options import DaskOptions, read_options

_INSTALL = "pip install 'benchbench-harness[dask]'"


class Dask:
    """Submits tasks to a scheduler, which must be there already."""

    def __init__(self) -> None:
        self._options: DaskOptions | None = None
        self._client: Any = None
        self._futures: dict[str, Any] = {}
        self._begun: dict[int, Begun] = {}
        self._book: OrderBook | None = None
        # Names the jobs of this command: a later one on the session has another.
        self._token = secrets.token_hex(4)

    def configure(self, options: str | None) -> str:
        self._options = read_options(options)
        return msgspec.json.encode(self._options).decode()

    def can_detach(self) -> bool:
        """Dask forgets the tasks of a client that has gone."""
        return False

    def close(self) -> None:
        if self._client is not None:
            with suppress(Exception):  # whatever a connection raises that is being closed
                self._client.close()
            self._client = None

    def check(self, plan: SavedPlan, book: OrderBook, blocks: int) -> None:
        del plan, book, blocks  # a scheduler takes whatever comes
        client = self._connected()
        if not self._workers(client):
            try:
                client.wait_for_workers(1, timeout=self._seconds)
            except TimeoutError:
                raise Unavailable(
                    f"the Dask scheduler at {self._address} has no workers (waited for "
                    f"{self._seconds:g} s); start some: dask worker {self._address}"
                ) from None

    def submit(
        self,
        plan: SavedPlan,
        book: OrderBook,
        orders: Sequence[Order],
        *,
        avoid: Collection[str] = (),
    ) -> dict[int, str]:
        client = self._connected()
        self._book = book
        self._bring_data(client, plan)
        options: dict[str, Any] = {}
        if avoid:
            others = [one for one in self._workers(client) if one not in avoid]
            if not others:
                raise UsageError(f"there is no worker but {', '.join(sorted(avoid))}")
            options["workers"] = others
        jobs = {}
        for order in orders:
            job = f"benchbench-{plan.session.session_id}-{self._token}-{order.key}"
            self._futures[job] = client.submit(
                task.run_block,
                task.pack(Parcel(plan=plan, order=order)),
                job,
                self._token,
                key=job,
                pure=False,
                retries=0,
                # The first that is submitted is the first that runs.
                priority=-order.key,
                **options,
            )
            jobs[order.key] = job
        return jobs

    def look(self, jobs: Mapping[int, str]) -> dict[int, JobState]:
        client = self._connected(again=True)
        self._write_down_who_began(jobs)
        own = {key: self._futures[job] for key, job in jobs.items() if job in self._futures}
        states = {key: self._state(key, future) for key, future in own.items()}
        others = {key: job for key, job in jobs.items() if job not in self._futures}
        if others:
            states |= _states_of_others(client, others)
        return states

    def cancel(self, jobs: Mapping[int, str]) -> None:
        tokens = sorted({job.split("-")[-2] for job in jobs.values()})
        if tokens:
            self._connected(again=True).run(task.stop, tokens, on_error="ignore")

    @property
    def _address(self) -> str:
        return self._options.address if self._options else ""

    @property
    def _seconds(self) -> float:
        return self._options.seconds if self._options else 0.0

    def _connected(self, *, again: bool = False) -> Any:
        """Return the client; connect where there is none, or `again` where it was closed.

        Raises Unavailable, or, `again`, EngineSilent.
        """
        if self._client is not None and self._client.status in {"running", "connecting"}:
            if again and self._client.status == "connecting":
                raise EngineSilent(f"the scheduler at {self._address} is away")
            return self._client
        try:
            self._client = self._connect()
        except Unavailable as error:
            if again:
                raise EngineSilent(str(error)) from None
            raise
        self._client.subscribe_topic(task.topic_of(self._token), self._hear)
        return self._client

    def _connect(self) -> Any:
        try:
            from distributed import Client, Security
        except ImportError as error:
            raise Unavailable(
                f"the executor 'dask' needs distributed, which is not installed ({error}); "
                f"install it with: {_INSTALL}"
            ) from None
        assert self._options is not None, "configured first"  # noqa: S101 - for the types
        files = {
            "tls_ca_file": self._options.tls_ca_file,
            "tls_client_cert": self._options.tls_client_cert,
            "tls_client_key": self._options.tls_client_key,
        }
        given = {name: path for name, path in files.items() if path is not None}
        started = now_ns()
        try:
            return Client(
                self._options.address,
                timeout=self._options.seconds,
                name="benchbench",
                set_as_default=False,
                security=Security(**given, require_encryption=True) if given else None,
            )
        # A closed port, a name that is none, a wrong certificate: each raises something else.
        except Exception as error:
            tried = (now_ns() - started) / 1e9
            raise Unavailable(
                f"no Dask scheduler answers at {self._options.address}: tried for {tried:.0f} s "
                f"({type(error).__name__}: {error}); `seconds` in a TOML file of options gives it "
                f"more"
            ) from None

    def _workers(self, client: Any) -> list[str]:
        """Return the addresses of the workers."""
        return list(client.nthreads())

    def _bring_data(self, client: Any, plan: SavedPlan) -> None:
        """Send the data set, once, to the machines that do not have it."""
        choice = plan.session.dataset
        encoded = msgspec.json.encode(choice)
        answers = client.run(task.lacks_data, encoded, on_error="return")
        lacking = [worker for worker, lacks in answers.items() if lacks is True]
        if lacking and (files := packed(choice)):
            client.run(task.take_data, encoded, files, workers=lacking, on_error="ignore")

    def _hear(self, event: Any) -> None:
        """Take in that a task has begun; called in the client's own thread."""
        with suppress(Exception):  # an event of somebody else's
            _, content = event
            self._begun[int(content["key"])] = msgspec.convert(content["begun"], Begun)

    def _write_down_who_began(self, jobs: Mapping[int, str]) -> None:
        for key in [key for key in self._begun if key in jobs]:
            if self._book is not None and self._book.begun(key) is None:
                with suppress(OSError):
                    self._book.begin(key, self._begun[key])

    def _state(self, key: int, future: Any) -> JobState:
        begun = self._begun.get(key)
        node = begun.node if begun else ""
        if future.status == "pending":
            return JobState("running" if begun else "waiting", node)
        if future.status == "finished":
            answer = msgspec.json.decode(future.result(), type=BlockAnswer)
            future.release()
            # Its worker's name, by which Dask knows the node.
            answer = msgspec.structs.replace(answer, node=node or answer.node)
            return JobState("ended", answer.node, answer=answer)
        if future.status == "error":
            error = future.exception()
            told = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            return JobState("ended", node, f"Dask could not run it ({told})", elsewhere=True)
        return JobState(
            "ended",
            node,
            f"Dask dropped it ({future.status}): the scheduler was restarted, or somebody "
            f"cancelled it",
            elsewhere=True,
        )


def _states_of_others(client: Any, jobs: Mapping[int, str]) -> dict[int, JobState]:
    """Return what the scheduler knows of jobs that another command has submitted."""
    at_work = {job: worker for worker, tasks in client.processing().items() for job in tasks}
    gone = JobState(
        "ended",
        reason="the command that submitted it has ended, and Dask dropped it",
        elsewhere=True,
    )
    return {
        key: JobState("running", at_work[job]) if job in at_work else gone
        for key, job in jobs.items()
    }
