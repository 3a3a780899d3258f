"""The process that runs a block on a node, as an engine starts it.

`python -m benchbench.experiments.fleet.node FOLDER SUBMISSION KEY` takes the order from the folder
of its session, saves records in the results folder that holds it, and leaves its answer there.
Without arguments the order comes by the standard input, and the answer, with the records, goes by
the standard output: for an engine whose nodes share no folder with the command.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import NoReturn

import msgspec

from benchbench.errors import BenchbenchError, StoreError
from benchbench.experiments.fleet.messages import Begun, BlockAnswer, Parcel
from benchbench.experiments.fleet.order_book import OrderBook
from benchbench.experiments.fleet.work import Unfit, run_order
from benchbench.experiments.saved_plan import load_plan
from benchbench.files import read_file
from benchbench.interrupts import ignore_interrupts
from benchbench.measure.clock import utc_now
from benchbench.measure.machine import node_name
from benchbench.run import question
from benchbench.run.encoding import to_json
from benchbench.run.reading import read_record
from benchbench.run.store import Store

# What `sysexits.h` calls an input or output error: the answer could not be left.
NO_ANSWER = 74


def _say(text: str) -> None:
    """Write a line into the log of the job."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt(f"the engine ended it ({signal.Signals(number).name})")


def work_in(folder: Path, submission: int, key: int) -> int:
    """Run the order of this key; return the exit code: 0 if its answer was left."""
    store = Store(folder.parent.parent)
    book = OrderBook(store, folder.name)
    try:
        plan = load_plan(store, folder.name)
        order = book.submission(submission)[key]
    except (BenchbenchError, KeyError) as error:
        answer = BlockAnswer(
            node=node_name(),
            ending="unfit",
            trouble=f"the order cannot be read: {error}",
            finished=utc_now(),
        )
    else:

        def begin(begun: Begun) -> None:
            try:
                book.begin(key, begun)
            except FileExistsError:
                raise Unfit(
                    "it was begun before: the executor started it a second time; it was left alone"
                ) from None
            except OSError as error:
                raise Unfit(f"{folder} cannot be written: {error.strerror or error}") from None

        answer = run_order(plan, order, store, copies=[book.data], began=begin, note=_say)
    ignore_interrupts()  # all that is left is to say so
    _say(f"{answer.ending}: {answer.trouble or f'{len(answer.run_ids)} records'}")
    try:
        book.leave(key, answer)
    except OSError as error:
        _say(f"the answer cannot be left in {folder}: {error.strerror or error}")
        return NO_ANSWER
    return 0


def work_with(parcel: Parcel) -> BlockAnswer:
    """Run the order of a parcel; return its answer, with the records and the logs."""
    with tempfile.TemporaryDirectory(prefix="benchbench-", ignore_cleanup_errors=True) as folder:
        store = Store(Path(folder))
        answer = run_order(parcel.plan, parcel.order, store, note=_say)
        ignore_interrupts()
        records, logs, lost = [], {}, []
        for run_id in answer.run_ids:
            try:
                records.append(read_record(store.path(run_id)))
            except StoreError as error:
                lost.append(f"the record of {run_id} was not saved: {error}")
                continue
            if records[-1].log:
                logs[run_id] = read_file(store.log_path(run_id)).decode(errors="replace")
        return msgspec.structs.replace(
            answer, records=tuple(records), logs=logs, remarks=(*answer.remarks, *lost)
        )


def _answered(asked: bytes) -> bytes:
    return to_json(work_with(msgspec.json.decode(asked, type=Parcel)))


def main(arguments: list[str]) -> int:
    """Run one block; the arguments are the folder, the submission and the key, or none."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _end)
    if not arguments:
        question.answer(_answered)
    folder, submission, key = arguments
    return work_in(Path(folder), int(submission), int(key))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
