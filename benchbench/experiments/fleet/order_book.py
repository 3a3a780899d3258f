"""What a session has handed out to an engine, in a folder of its own: orders, jobs, answers.

`sessions/SESSION/` lies in the results folder, where nodes and every command on the session see it.
Each file is written once, by one writer.
"""

from __future__ import annotations

import fcntl
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from benchbench.errors import StoreError, UsageError
from benchbench.experiments.fleet.messages import ORDER_SCHEMA, Begun, BlockAnswer, Order
from benchbench.files import make_folder, read_file, write_new
from benchbench.run.encoding import to_json
from benchbench.run.store import Store

# An answer with its records takes some ten thousand bytes a run.
_LARGEST_BYTES = 256 << 20
_LAST_LINES = 3
_LAST_LENGTH = 300

Kind = TypeVar("Kind", bound=msgspec.Struct)


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """A block that did not come to its end: why, and, where it is known, on which node.

    `redone` is the key of the order that does it again.
    """

    reason: str
    node: str = ""
    redone: int | None = None


class OrderBook:
    """The folder of one session. What cannot be read there is taken for not there yet."""

    def __init__(self, store: Store, session_id: str) -> None:
        self.folder = (store.plans / session_id).absolute()
        self.data = self.folder / "data"

    @property
    def place(self) -> str:
        """The results folder, as a command on the session is told it."""
        return f"--results {shlex.quote(str(self.folder.parent.parent))}"

    def prepare(self) -> None:
        """Make the folder. Raises StoreError."""
        try:
            make_folder(self.folder)
        except OSError as error:
            raise StoreError(
                f"the folder {self.folder} cannot be made: {error.strerror or error}"
            ) from None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the one command that looks after the session. Raises UsageError where another is."""
        self.prepare()
        with (self.folder / "command.lock").open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    f"another command looks after the session {self.folder.name}: wait for it, or "
                    f"look with: benchbench status {self.folder.name} {self.place}"
                ) from None
            except OSError:  # a file system without locks
                pass
            yield

    def hand_out(self, orders: Sequence[Order]) -> int:
        """Write orders down as one submission; return its number. Raises StoreError."""
        submission = orders[0].key
        self._write(self._orders_path(submission), to_json(list(orders)))
        return submission

    def take_back(self, submission: int) -> None:
        """Forget orders that could not be submitted."""
        with suppress(OSError):
            self._orders_path(submission).unlink()

    def note_jobs(self, jobs: Mapping[int, str]) -> None:
        """Write down under which names the engine has the orders of one submission."""
        if jobs:
            self._write(self.folder / f"{min(jobs):06d}.jobs.json", msgspec.json.encode(jobs))

    def submission(self, number: int) -> dict[int, Order]:
        """Return the orders of one submission by their keys. Raises StoreError."""
        path = self._orders_path(number)
        try:
            orders = msgspec.json.decode(read_file(path, limit=_LARGEST_BYTES), type=list[Order])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StoreError(f"{path} is no list of orders: {error}") from None
        if other := {order.schema for order in orders} - {ORDER_SCHEMA}:
            raise StoreError(f"{path} has orders of version {other}, not {ORDER_SCHEMA}")
        return {order.key: order for order in orders}

    def orders(self) -> dict[int, Order]:
        """Return every order that was handed out, by its key. Raises StoreError."""
        found: dict[int, Order] = {}
        for key, kind in sorted(self._files()):
            if kind == "orders":
                found |= self.submission(key)
        return found

    def jobs(self) -> dict[int, str]:
        """Return the engine's name of every order that it took, by key."""
        found: dict[int, str] = {}
        for path in sorted(self.folder.glob("*.jobs.json")):
            with suppress(OSError, msgspec.MsgspecError):
                found |= msgspec.json.decode(read_file(path), type=dict[int, str])
        return found

    def begin(self, key: int, begun: Begun) -> None:
        """Say that a node has begun. Raises FileExistsError where one has before, and OSError."""
        write_new(self._path(key, "begun"), to_json(begun))

    def leave(self, key: int, answer: BlockAnswer) -> None:
        """Leave the answer to an order; of two the first stays. Raises OSError."""
        with suppress(FileExistsError):
            write_new(self._path(key, "answer"), to_json(answer))

    def lose(self, key: int, lost: Lost) -> None:
        """Write down that a block is lost. Raises StoreError."""
        with suppress(FileExistsError):
            self._write(self._path(key, "lost"), msgspec.json.encode(lost))

    def begun(self, key: int) -> Begun | None:
        """Return who began with an order, None where nobody has said so."""
        return self._read(key, "begun", Begun)

    def answer(self, key: int) -> BlockAnswer | None:
        """Return the answer to an order, None where there is none."""
        return self._read(key, "answer", BlockAnswer)

    def lost(self, key: int) -> Lost | None:
        """Return why an order is lost, None where it is not."""
        return self._read(key, "lost", Lost)

    def settled(self) -> set[int]:
        """Return the keys of the orders that are answered or lost, by one look at the folder."""
        return {key for key, kind in self._files() if kind in {"answer", "lost"}}

    def last_words(self, job: str) -> str:
        """Return the last lines of a job's log, an empty string where there is none."""
        with suppress(OSError):
            lines = self.log_path(job).read_text(errors="replace").strip().splitlines()
            return " / ".join(lines[-_LAST_LINES:])[-_LAST_LENGTH:]
        return ""

    def log_path(self, job: str) -> Path:
        """Return where the log of a job stands."""
        return self.folder / f"job-{job}.log"

    def _files(self) -> Iterator[tuple[int, str]]:
        try:
            paths = list(self.folder.iterdir())
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(
                f"cannot read the folder {self.folder}: {error.strerror or error}"
            ) from None
        for path in paths:
            key, _, rest = path.name.partition(".")
            if key.isdecimal():
                yield int(key), rest.removesuffix(".json")

    def _orders_path(self, submission: int) -> Path:
        return self.folder / f"{submission:06d}.orders.json"

    def _path(self, key: int, kind: str) -> Path:
        return self.folder / f"{key:06d}.{kind}.json"

    def _write(self, path: Path, content: bytes) -> None:
        try:
            write_new(path, content)
        except FileExistsError:
            raise
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror or error}") from None

    def _read(self, key: int, kind: str, type_: type[Kind]) -> Kind | None:
        try:
            content = read_file(self._path(key, kind), limit=_LARGEST_BYTES)
            return msgspec.json.decode(content, type=type_)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, ArithmeticError):
            return None
