"""A git checkout: its state, another revision beside it, and what is imported from it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchbench.errors import CheckoutError, nearest
from benchbench.interrupts import interrupts_wait

# So many branches and tags, or changed files, does a message name.
_NAMED = 8

# In a hook of git's they name the repository and the index of the moment, wherever we are.
_OF_THE_MOMENT = frozenset(
    f"GIT_{name}"
    for name in ("DIR", "WORK_TREE", "INDEX_FILE", "COMMON_DIR", "PREFIX", "OBJECT_DIRECTORY")
)


@dataclass(frozen=True, slots=True)
class Checkout:
    """A folder with a state of a repository: its top, the full hash of HEAD, what was changed.

    `changes` are the paths of files with uncommitted changes, new files among them.
    """

    root: Path
    commit: str
    changes: tuple[str, ...] = ()


def find_checkout(folder: Path, *, aside: Path | None = None) -> Checkout:
    """Return the checkout that the folder lies in; what changed under `aside` does not count.

    Raises CheckoutError.
    """
    try:
        root = Path(_git(folder, "rev-parse", "--show-toplevel").rstrip("\n"))
    except CheckoutError as error:
        raise CheckoutError(
            f"{folder.resolve()} is not in a git checkout ({error}): change to the folder of the "
            f"repository to be compared"
        ) from None
    try:
        commit = _git(root, "rev-parse", "--verify", "HEAD").strip()
    except CheckoutError:
        raise CheckoutError(f"the repository {root} has no commit yet to compare with") from None
    pathspec = ["."]
    if aside and aside.resolve().is_relative_to(root.resolve()):
        pathspec.append(f":(exclude,top){aside.resolve().relative_to(root.resolve())}")
    status = _git(root, "status", "--porcelain", "-z", "--no-renames", "--", *pathspec)
    return Checkout(root, commit, tuple(entry[3:] for entry in status.split("\0") if entry))


def changes_in_words(changes: tuple[str, ...]) -> str:
    """Return the changed files as a phrase, the first few by name."""
    named = ", ".join(changes[:_NAMED])
    more = f" and {len(changes) - _NAMED} more" if len(changes) > _NAMED else ""
    return f"uncommitted changes in {named}{more}"


def find_commit(checkout: Checkout, ref: str) -> str:
    """Return the full hash of the commit that a branch, a tag or a hash names.

    Raises CheckoutError, with the names that come near.
    """
    try:
        return _git(checkout.root, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").strip()
    except CheckoutError:
        listed = _git(
            checkout.root,
            *("for-each-ref", "--format=%(refname:short)"),
            *("refs/heads", "refs/remotes", "refs/tags"),
        ).split()
        more = ", ..." if len(listed) > _NAMED else ""
        raise CheckoutError(
            f"there is no commit '{ref}' in {checkout.root}{nearest(ref, listed)} (branches and "
            f"tags here: {', '.join(listed[:_NAMED]) or 'none'}{more}; what is only on a remote "
            f"has to be fetched first)"
        ) from None


@contextmanager
def beside(checkout: Checkout, commit: str) -> Iterator[Path]:
    """Check a commit out into a temporary folder, and take it away again, whatever happens.

    Raises CheckoutError.
    """
    with tempfile.TemporaryDirectory(prefix="benchbench-", ignore_cleanup_errors=True) as folder:
        place = Path(folder).resolve() / commit[:7]
        try:
            # The user's hooks are for the user's own checkouts.
            _git(
                checkout.root,
                *("-c", f"core.hooksPath={os.devnull}"),
                *("worktree", "add", "--detach", "--force", str(place), commit),
            )
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
            # Twice forced: one that was interrupted half-way is still locked.
            forced = ("--force", "--force")
            _git(checkout.root, "worktree", "remove", *forced, str(place), strict=False)


def is_imported_from(root: Path, module: str) -> bool:
    """Say whether a module would be imported from the checkout, and not from what is installed."""
    return _import_folder(root, module) is not None


def import_folders(root: Path, modules: Iterable[str]) -> tuple[Path, ...]:
    """Return the folders of the checkout that this process imports from, relative to its top.

    They are those of `sys.path`, then those of the modules that a finder of an editable install
    knows without. Raises CheckoutError if there is none.
    """
    listed = [_inside(root, Path(entry or ".")) for entry in sys.path]
    found = [*listed, *(_import_folder(root, module) for module in modules)]
    folders = tuple(dict.fromkeys(folder for folder in found if folder is not None))
    if not folders:
        raise CheckoutError(
            f"nothing is imported from {root}, so another revision would make no difference: "
            f"install the checkout itself with `pip install -e {root}`"
        )
    return folders


def _import_folder(root: Path, module: str) -> Path | None:
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        return None
    place = Path(found.origin)
    return _inside(root, place.parents[1] if found.submodule_search_locations else place.parent)


def _inside(root: Path, folder: Path) -> Path | None:
    """Return the folder relative to the top; None outside, and within a virtual environment."""
    place, top = folder.resolve(), root.resolve()
    installed = [sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib", "scripts")]
    if not place.is_relative_to(top) or any(place.is_relative_to(one) for one in installed):
        return None
    return place.relative_to(top)


def _git(folder: Path, *arguments: str, strict: bool = True) -> str:
    """Return what git says. Raises CheckoutError with its reason, unless `strict` is false."""
    environment = {name: value for name, value in os.environ.items() if name not in _OF_THE_MOMENT}
    try:
        # What git has begun it may finish: half a worktree is harder to take away than a whole one.
        with interrupts_wait():
            done = subprocess.run(
                ["git", *arguments],  # noqa: S607 - the user's git, wherever it is
                cwd=folder,
                env=environment | {"LC_ALL": "C"},
                capture_output=True,
                encoding="utf-8",
                errors="surrogateescape",
                start_new_session=True,
                check=False,
            )
    except FileNotFoundError:
        raise CheckoutError("git is not installed, or not in PATH") from None
    if strict and done.returncode:
        lines = done.stderr.strip().splitlines() or [f"git {arguments[0]} said nothing"]
        raise CheckoutError(lines[-1])
    return done.stdout
