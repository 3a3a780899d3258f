"""Two releases of one framework, side by side: `python studies/two_releases.py --into DIR ...`

Makes an environment for each version: a virtual environment that holds the package in that version,
and for all else imports what this Python imports. Then it runs the backend of both, interleaved,
and prints the comparison; a single version is run beside this environment's. `--same TIMES`
compares one version with itself, so often, in two environments: every verdict must be SAME or
UNDECIDED. Where a version cannot be installed it says why and ends with 0: skipped.

    python studies/two_releases.py --into /tmp/releases --package keras --versions 3.14.1 3.15.1 \\
        --backend keras --results results/releases
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path

from benchbench.compare.comparison import compare
from benchbench.compare.contrast import Question
from benchbench.run.store import read

# What a build of a GPU takes; less is refused before it is downloaded.
_ROOM_BYTES = 12 << 30


def main() -> None:
    options = parse()
    folders = []
    for place, version in enumerate(options.versions):
        folder = options.into / f"{options.package}-{version}{f'-{place}' if options.same else ''}"
        trouble = make(folder, options.package, version, with_needs=options.with_needs)
        if trouble:
            print(f"skipped: {options.package} {version} cannot be installed here: {trouble}")
            return
        folders.append(folder)
    sessions = [run(options, folders) for _ in range(options.same or 1)]
    if options.same:
        verdicts = Counter(verdict for session in sessions for verdict in session)
        print(f"{options.same} sessions of one version in two environments: {dict(verdicts)}")
        sys.exit(0 if set(verdicts) <= {"SAME", "UNDECIDED"} else 1)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, required=True, help="where environments are made")
    parser.add_argument("--package", default="torch")
    parser.add_argument("--versions", nargs="+", default=["2.13.0", "2.14.1"])
    parser.add_argument("--with-needs", action="store_true", help="install what it needs too")
    parser.add_argument("--same", type=int, default=0, help="one version, so many sessions")
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--model", default="single-layer")
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=11)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--results", type=Path, required=True)
    options = parser.parse_args()
    if options.same:
        options.versions = [options.versions[0]] * 2
    return options


def make(folder: Path, package: str, version: str, *, with_needs: bool) -> str | None:
    """Make an environment with this version of a package; return why it cannot be, if so."""
    if (folder / "ready").exists():
        return None
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if with_needs and free < _ROOM_BYTES:
        return f"{free >> 30} GiB are free, {_ROOM_BYTES >> 30} are needed"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    site = next(folder.glob("lib/python*/site-packages"))
    outer = sysconfig.get_path("purelib")
    (site / "outer.pth").write_text(f"import site; site.addsitedir({outer!r})\n")
    needs = () if with_needs else ("--no-deps",)
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    done = subprocess.run(
        [*pip, "install", "--quiet", *needs, "--ignore-installed", f"{package}=={version}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
    (folder / "ready").touch()
    return None


def run(options: argparse.Namespace, folders: list[Path]) -> list[str]:
    """Hold a session, print what it says, and return the verdicts."""
    names = [f"{options.backend}@{folder}" for folder in folders]
    if len(names) == 1:
        names.insert(0, options.backend)
    backends = [word for name in names for word in ("--backend", name)]
    words = [
        *("run", *backends, "--model", options.model, "--dataset", options.dataset),
        *("--blocks", str(options.blocks), "--epochs", str(options.epochs)),
        *("--threads", str(options.threads), "--results", str(options.results)),
    ]
    before = (
        {record.run_id for record in read(options.results)[0]}
        if options.results.exists()
        else set()
    )
    subprocess.run([sys.executable, "-m", "benchbench", *words], check=True)
    records = [one for one in read(options.results)[0] if one.run_id not in before]
    return [row.verdict for section in compare(records, Question()) for row in section.contrasts]


if __name__ == "__main__":
    main()
