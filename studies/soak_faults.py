"""What `soak.py` draws from: faults of workers, of the command, of its folder and its records."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import misfits
import soak_plugin
from makers import make_record
from soaker import Strike, Trial

from benchbench.run.store import Store

# Those of `misfits` that do nothing wrong, or none that shows in a run on this data.
WELL = {"null", "prints", "slow", "slow-too", "slower"}
MISBEHAVING = tuple(name for name in misfits.KINDS if name not in WELL)
PLUGINS = (Path(misfits.__file__), Path(soak_plugin.__file__))
TWICE = ("SIGINT and SIGINT", "SIGTERM and SIGHUP", "SIGINT and SIGINT and SIGINT and SIGTERM")
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL", *TWICE)
REDIRECTIONS = ("<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", ">/dev/full 2>/dev/full")
READERS = (
    ("report", "--results"),
    ("report", "--strict", "--results"),
    ("report", "--format", "markdown", "--results"),
    ("compare", "--results"),
    ("results", "verify"),
)
GUILTY = {
    "exits when imported": "import os; os._exit(0)",
    "dies when imported": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "hangs when imported": "while True: pass",
    "interrupts when imported": "raise KeyboardInterrupt",
    "declares nonsense": (
        "from benchbench import BackendInfo, hookimpl\n"
        "@hookimpl\n"
        "def benchbench_backends():\n"
        "    return [BackendInfo('../../x', (), None, environment={'A\\0': 7})]\n"
    ),
}


def _torn(path: Path) -> None:
    path.write_text('{"schema": 1, "run_id"')


def _nested(path: Path) -> None:
    path.write_text('{"schema":' * 50_000)


def _digits(path: Path) -> None:
    path.write_text(_good(path, "digits").replace('"block": 0', f'"block": {"9" * 400}'))


def _negative(path: Path) -> None:
    path.write_text(_good(path, "negative").replace('"total": 45.0', '"total": -45.0'))


def _copy(path: Path) -> None:
    path.write_text(_good(path, "copied"))
    path.with_name("copied-again.json").write_text(path.read_text())


def _other(path: Path) -> None:
    path.write_text(_good(path, "conflict"))
    path.with_name("conflict-2.json").write_text(_good(path, "conflict").replace("torch", "jax"))


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _good(path: Path, run_id: str) -> str:
    saved = Store(path.parents[1]).save(make_record(run_id=run_id))
    text = saved.read_text()
    saved.unlink()
    return text


PLANTED: dict[str, Callable[[Path], None]] = {
    "a torn record": _torn,
    "a record of 50,000 levels": _nested,
    "a number of 400 digits": _digits,
    "negative seconds": _negative,
    "copies of a record": _copy,
    "two records of one id": _other,
    "an endless device": _endless,
    "a FIFO": os.mkfifo,
    "a folder named x.json": Path.mkdir,
}


def draw(number: int, seed: int) -> Trial:
    """Draw the trial of a number: always the same from one seed."""
    rng = random.Random(f"{seed} {number}")
    # Those that act at a place are many: each group has its share.
    groups = [soak_plugin.PLACED, soak_plugin.PLACED, soak_plugin.UNPLACED, MISBEHAVING]
    count = rng.choice([1, 1, 2, 2, 3])
    backends = list(dict.fromkeys(rng.choice(rng.choice(groups)) for _ in range(count)))
    faults = [f"worker: {name}" for name in backends]
    harmless = {f"{one}-in-{place}" for one in soak_plugin.HARMLESS for place in soak_plugin.PLACES}
    certify = rng.random() < 0.06
    options = ["--epochs", "3", "--certify" if certify else "--no-certify"]
    options += ["--blocks", rng.choice(["1", "1", "1", "2"]), "--timeout", "15"]
    strike, redirections, planted, guilty = None, "", (), None
    if rng.random() < 0.55:
        folder = ["folder gone", *(["read-only"] if _root() else [])]
        what = rng.choice([*SIGNALS, *folder, *folder])
        when = rng.choice(
            ["file", "line", f"{rng.uniform(0.1, 9):.2f}", f"{rng.uniform(2, 12):.2f}"]
        )
        strike = Strike(what, when, rng.choice([0.0, rng.uniform(0, 0.5)]))
        faults.append(f"command: {what}")
    if rng.random() < 0.25:
        redirections = rng.choice(REDIRECTIONS)
        faults.append(f"command: {redirections}")
    mounted = strike is not None and strike.what == "read-only"
    if _root() and not mounted and (strike is None or strike.what != "folder gone"):
        full = rng.random() < 0.15 and "2>" not in redirections
        faults += ["folder: full"] if full else []
    if rng.random() < 0.15:
        faults.append("umask 077")
    if rng.random() < 0.35 and "folder: full" not in faults:
        planted = tuple(rng.sample(sorted(PLANTED), rng.choice([1, 2])))
        faults += [f"records: {name}" for name in planted]
    if rng.random() < 0.12:
        guilty = rng.choice(sorted(GUILTY))
        faults.append(f"plugin: {guilty}")
    return Trial(
        number=number,
        backends=tuple(backends),
        allowed=frozenset(harmless | set(soak_plugin.SETTINGS)),
        options=tuple(options),
        strike=strike,
        redirections=redirections,
        planted=planted,
        guilty=guilty,
        read_with=rng.choice(READERS),
        faults=tuple(faults),
    )


def _root() -> bool:
    return os.geteuid() == 0 and Path("/bin/mount").exists()
