"""What a Dask worker does: one block, in a process of its own, begun once and never again.

Dask starts the task of a worker that died again on another one. A block must not run twice unseen,
so a task first looks whether another has said that it began.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import zlib
from contextlib import suppress
from typing import Any

import msgspec

from benchbench.children import AnswerTooLong, Child, ending
from benchbench.data.cache import cache_folder
from benchbench.experiments.fleet.messages import Begun, BlockAnswer, Parcel
from benchbench.experiments.fleet.node_data import is_here, unpack_here
from benchbench.measure.clock import utc_now
from benchbench.measure.machine import machine, physical_cores
from benchbench.quantities import LONGEST_SECONDS
from benchbench.records import DatasetChoice

_LAST_LINE = 200

# What runs in this worker, by the token of the command that submitted it, and what it has stopped.
_running: dict[str, set[int]] = {}
_stopped: set[str] = set()
_lock = threading.Lock()


def pack(parcel: Parcel) -> bytes:
    """Return an order as it travels."""
    return zlib.compress(msgspec.json.encode(parcel))


def topic_of(token: str) -> str:
    """Return the topic under which tasks say that they begin."""
    return f"benchbench-{token}"


def run_block(packed: bytes, ticket: str, token: str) -> bytes:
    """Run a block in a process, and return its answer as JSON, whatever becomes of it."""
    from distributed import get_client, get_worker

    worker: Any = get_worker()
    before = get_client().get_events(ticket)
    if before:
        node = str(before[0][1]["node"])
        return _answer(
            node,
            "unfit",
            f"the worker {node} had begun with it and was lost; Dask started it again, and there "
            f"it was left alone",
        )
    if token in _stopped:
        return _answer(worker.address, "ended", "it was cancelled")
    question = zlib.decompress(packed)
    parcel = msgspec.json.decode(question, type=Parcel)
    session = parcel.plan.session
    begun = Begun(
        node=worker.address,
        machine=machine(include_host=session.include_host),
        threads=session.threads or physical_cores(),
        started=utc_now(),
    )
    worker.log_event(ticket, {"node": worker.address})
    worker.log_event(
        topic_of(token), {"key": parcel.order.key, "begun": msgspec.to_builtins(begun)}
    )
    return _in_a_process(question, worker.address, token)


def stop(tokens: list[str]) -> int:
    """End the blocks of these commands in this worker; return how many ran."""
    with _lock:
        _stopped.update(tokens)
        pids = [pid for token in tokens for pid in _running.get(token, ())]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    return len(pids)


def lacks_data(choice: bytes) -> bool:
    """Say whether this worker's machine has no such data set at its place, nor a copy."""
    return not is_here(msgspec.json.decode(choice, type=DatasetChoice))


def take_data(choice: bytes, files: dict[str, bytes]) -> str:
    """Keep a data set on this worker's machine; return the cache's folder."""
    unpack_here(msgspec.json.decode(choice, type=DatasetChoice), files)
    return str(cache_folder(""))


def _in_a_process(question: bytes, node: str, token: str) -> bytes:
    command = [sys.executable, "-m", "benchbench.experiments.fleet.node"]
    with Child(command, question, environment=os.environ) as child:
        pid = child.pid
        with _lock:
            _running.setdefault(token, set()).add(pid)
        try:
            answer = child.read_answer(LONGEST_SECONDS)
        except AnswerTooLong:
            return _answer(node, "failed", "its answer is too long to be one")
        finally:
            with _lock:
                _running[token].discard(pid)
        log, code = child.log, child.code
    if answer:
        return answer
    if token in _stopped:  # before it heard of signals
        return _answer(node, "ended", "it was cancelled")
    last = (log.strip().splitlines() or ["it said nothing"])[-1][:_LAST_LINE]
    how = "did not end" if code is None else ending(code)
    return _answer(node, "unfit", f"its process {how}: {last}")


def _answer(node: str, how: Any, trouble: str) -> bytes:
    return msgspec.json.encode(
        BlockAnswer(node=node, ending=how, trouble=trouble, finished=utc_now())
    )
