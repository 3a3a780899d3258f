"""One trial of `soak.py`: a command with its faults, and what must hold after it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchbench.errors import StoreError
from benchbench.records import RunRecord
from benchbench.run.reading import decode, read_record

INNOCENT = "numpy"
MARK = "SOAK_MARK"
# A command of four runs takes ten seconds; those that hang in it are given up after the time limit.
DEADLINE_SECONDS = 180.0
STRAY_SECONDS = 5.0
_TOLD = re.compile(r"^ *(\w+)  single-layer (\S+) idiomatic \(block (\d+)\)", re.MULTILINE)


@dataclass(frozen=True)
class Strike:
    """Something that is done to the command or its folder at a moment.

    `when` is a number of seconds after the start, or what to wait for: a `file` among the records,
    or the `line` that tells of one; then `delay` seconds pass.
    """

    what: str
    when: str
    delay: float


@dataclass(frozen=True)
class Trial:
    """What was drawn for one command. `allowed` are the faulty backends that may be `ok`."""

    number: int
    backends: tuple[str, ...]
    allowed: frozenset[str]
    options: tuple[str, ...]
    strike: Strike | None
    redirections: str
    planted: tuple[str, ...]
    guilty: str | None
    read_with: tuple[str, ...]
    faults: tuple[str, ...]

    @property
    def blocks(self) -> int:
        return int(self.options[self.options.index("--blocks") + 1])

    @property
    def undisturbed(self) -> bool:
        """Nothing is done to the command: each of its runs comes to its end."""
        return self.strike is None or self.strike.what in {"folder gone", "read-only"}


@dataclass
class Place:
    """The folders of one trial."""

    root: Path
    environment: Mapping[str, str]
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        for folder in (self.runs, self.refuge):
            folder.mkdir(parents=True)

    @property
    def results(self) -> Path:
        return self.root / "results"

    @property
    def runs(self) -> Path:
        return self.results / "runs"

    @property
    def refuge(self) -> Path:
        return self.root / "refuge"

    @property
    def stderr(self) -> Path:
        return self.root / "stderr"

    def told(self) -> str:
        return self.stderr.read_text(errors="replace") if self.stderr.exists() else ""


class Run:
    """A command under its faults."""

    def __init__(self, trial: Trial, place: Place) -> None:
        self.trial, self.place = trial, place
        self.hung = self.struck = False
        words = [sys.executable, "-m", "benchbench", "run", "--model", "single-layer"]
        words += [word for name in (*trial.backends, INNOCENT) for word in ("--backend", name)]
        words += ["--dataset", "digits", "--quick", "--threads", "1", *trial.options]
        self.words = [*words, "--results", str(place.results)]
        self._present = set(os.listdir(place.runs))  # noqa: PTH208 - names
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.place.stderr.open("wb") as stderr:
            return subprocess.Popen(
                ["/bin/sh", "-c", f'exec "$@" {self.trial.redirections}', "sh", *self.words],
                env=self.place.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                cwd=self.place.root,
                umask=0o077 if "umask 077" in self.trial.faults else 0o022,
                start_new_session=True,
            )

    def finish(self) -> int:
        """Wait for its end, strike at the moment; return the exit code."""
        moment = None
        while self._process.poll() is None:
            now = time.monotonic() - self.place.started
            if self.trial.strike and not self.struck:
                if moment is None and self._begun(self.trial.strike.when, now):
                    moment = now + self.trial.strike.delay
                if moment is not None and now >= moment:
                    self._strike(self.trial.strike.what)
            if now > DEADLINE_SECONDS:
                self.hung = True
                os.killpg(self._process.pid, signal.SIGKILL)
            time.sleep(0.01)
        return self._process.returncode

    def _begun(self, when: str, now: float) -> bool:
        if when == "file":
            return bool(set(os.listdir(self.place.runs)) - self._present)  # noqa: PTH208
        if when == "line":
            return bool(_TOLD.search(self.place.told()))
        return now >= float(when)

    def _strike(self, what: str) -> None:
        self.struck = True
        if what == "folder gone":
            self.place.results.rename(self.place.root / "gone")
        elif what == "read-only":
            subprocess.run(["/bin/mount", "-o", "remount,ro", str(self.place.results)], check=False)
        else:
            for name in what.split(" and "):
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.Signals[name])
                time.sleep(0.05)


def violations(run: Run, code: int) -> Iterator[str]:
    """Yield what does not hold after a command."""
    trial, told = run.trial, run.place.told()
    if run.hung:
        yield f"hung for {DEADLINE_SECONDS:.0f} s"
    yield from strays(run.place.environment[MARK])
    yield from wrong_codes(run, code, told)
    heard = "2>" not in trial.redirections
    if code == 130 and heard and "interrupted; what had finished is saved" not in told:
        yield "it does not say that it was interrupted"
    if heard and code >= 0:
        unnamed = [path for path in run.place.refuge.glob("2*.json") if str(path) not in told]
        yield from (f"nothing says that a record lies in {path}" for path in unnamed)
    early = code == -signal.SIGINT and not _TOLD.search(told)
    if not early and "Traceback" in told and re.search(r'File ".*benchbench/(cli/|__main__)', told):
        yield f"a traceback: {told.strip().splitlines()[-1][:200]}"
    try:
        records = list(found(run.place, told))
    except StoreError as error:
        yield f"a record that is not whole: {error}"
        return
    statuses: dict[tuple[str, int], str] = {}
    for record in records:
        statuses[record.backend, record.block] = record.status
        if record.status == "ok" and record.backend not in {INNOCENT, *trial.allowed}:
            yield f"wrong ok: {record.backend}"
    for status, backend, block in _TOLD.findall(told):
        known = statuses.get((backend, int(block)))
        if known != status:
            yield f"told of {backend} (block {block}): {status}; its record: {known}"
    begun = not re.search(r"^error: the results folder .* cannot be written", told, re.MULTILINE)
    if trial.undisturbed and begun:
        # A folder that takes no record ends the command after the group.
        disturbed = trial.strike is not None or "folder: full" in trial.faults
        for block in range(1 if disturbed else trial.blocks):
            innocent = statuses.get((INNOCENT, block))
            if innocent != "ok":
                yield f"the innocent run of block {block}: {innocent}"


def wrong_codes(run: Run, code: int, told: str) -> Iterator[str]:
    """Yield what is wrong with the exit code."""
    trial = run.trial
    sent = trial.strike.what.split(" and ") if run.struck and trial.strike else []
    signals = [signal.Signals[name] for name in sent if name.startswith("SIG")]
    # Before the command is there to hear it, a signal does what it does to any process; and Python
    # ends by SIGINT, which a shell tells as 130 too, where that came while it ran a text (`exec`).
    early = -code in signals and not _TOLD.search(told)
    early = early or (code == -signal.SIGINT and "interrupted; what had finished" in told)
    if code not in {0, 1, 2, 3, 130} and not early and not (-code == signal.SIGKILL in signals):
        yield f"exit code {code}"
    runs = (len(trial.backends) + 1) * trial.blocks
    silent = "2>" in trial.redirections or code == 2
    if signals and code >= 0 and code != 130 and not silent and len(_TOLD.findall(told)) < runs:
        yield f"{trial.strike}: exit code {code} before the last run was over"


def found(place: Place, told: str) -> Iterator[RunRecord]:
    """Yield the records of the command, wherever they are: in its folder, its refuge, its words."""
    places = [place.runs, place.root / "gone" / "runs", place.refuge]
    for path in (path for folder in places for path in folder.glob("2*.json")):
        record = read_record(path)
        if record.started > place.environment["SOAK_BEGAN"]:
            yield record
    for text in re.findall(r"it follows:\n(\{\n.*?\n\})", told, re.DOTALL):
        yield decode(text.encode())


def strays(mark: str) -> Iterator[str]:
    """Yield what of the command lives on after a while, and end it."""
    deadline = time.monotonic() + STRAY_SECONDS
    while (left := _marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.2)
    for process in left:
        with suppress(psutil.Error):
            yield f"lives on: {' '.join(process.cmdline())[:120]}"
            process.kill()


def _marked(mark: str) -> list[psutil.Process]:
    marked = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                marked.append(process)
    return marked


def reading_violations(run: Run) -> Iterator[str]:
    """Yield what does not hold of a command that reads what is in the folder now."""
    words = [sys.executable, "-m", "benchbench", *run.trial.read_with]
    try:
        done = subprocess.run(
            [*words, str(run.place.results)],
            env=run.place.environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=DEADLINE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        yield f"{run.trial.read_with[0]} hung"
        return
    if done.returncode not in {0, 1, 2} or "Traceback" in done.stderr:
        last = done.stderr.strip().splitlines()[-1:]
        yield f"{' '.join(run.trial.read_with)}: exit code {done.returncode}, {last}"


def clear(place: Place) -> None:
    """Remove the folders of a trial, and what is mounted there."""
    for folder in (place.results, place.root / "gone"):
        if folder.is_mount():
            subprocess.run(["/bin/umount", "-l", str(folder)], check=False)
    shutil.rmtree(place.root, ignore_errors=True)
