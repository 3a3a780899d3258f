"""A git repository that a test writes and commits to."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Repository:
    """A git repository with one branch, main; a call is a git command in it."""

    root: Path

    def __call__(self, *arguments: str) -> str:
        author = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
        command = ["git", *author, *arguments]
        return subprocess.run(
            command, cwd=self.root, capture_output=True, text=True, check=True
        ).stdout

    def write(self, path: str, text: str) -> None:
        """Write a file and leave it uncommitted."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def commit(self, path: str, text: str) -> str:
        """Write a file, commit it, and return the hash."""
        self.write(path, text)
        self("add", path)
        self("commit", "--quiet", "--message", f"change {path}")
        return self("rev-parse", "HEAD").strip()

    def worktrees(self) -> list[str]:
        """Return the folders that git takes for worktrees, the first of them the root."""
        listed = self("worktree", "list", "--porcelain").splitlines()
        return [line.removeprefix("worktree ") for line in listed if line.startswith("worktree ")]
