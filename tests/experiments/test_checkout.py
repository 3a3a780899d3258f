"""Checkouts, in real repositories: found, checked out beside, taken away; and what is imported."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import pytest
from waiting import PATIENCE_SECONDS, wait_until

from benchbench.errors import CheckoutError
from benchbench.experiments.gate.checkout import (
    Checkout,
    beside,
    changes_in_words,
    find_checkout,
    find_commit,
    import_folders,
    is_imported_from,
)


def test_a_checkout_is_found_from_any_folder_in_it(repository):
    (repository.root / "deep" / "down").mkdir(parents=True)
    found = find_checkout(repository.root / "deep" / "down")
    assert found == Checkout(repository.root.resolve(), repository("rev-parse", "HEAD").strip())


def test_what_is_not_committed_is_told_but_for_the_folder_set_aside(repository):
    (repository.root / "src" / "plugin.py").write_text("changed = True\n")
    (repository.root / "new file.py").write_text("new = True\n")
    (repository.root / "results").mkdir()
    (repository.root / "results" / "record.json").write_text("{}")
    found = find_checkout(repository.root, aside=repository.root / "results")
    assert sorted(found.changes) == ["new file.py", "src/plugin.py"]
    assert changes_in_words(found.changes) == "uncommitted changes in src/plugin.py, new file.py"
    assert "results/" in find_checkout(repository.root).changes


def test_a_folder_without_a_repository_is_refused(tmp_path):
    with pytest.raises(CheckoutError, match="is not in a git checkout"):
        find_checkout(tmp_path)


def test_a_repository_without_a_commit_is_refused(repository, tmp_path):
    repository("init", "--quiet", str(tmp_path / "new"))
    with pytest.raises(CheckoutError, match="has no commit yet"):
        find_checkout(tmp_path / "new")


def test_a_machine_without_git_is_told_so(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CheckoutError, match="git is not installed"):
        find_checkout(repository.root)


@pytest.mark.parametrize("ref", ["main", "v1", "HEAD", "HEAD~0"])
def test_a_ref_is_a_commit(repository, ref):
    repository("tag", "--annotate", "--message", "one", "v1")
    head = repository("rev-parse", "HEAD").strip()
    assert find_commit(find_checkout(repository.root), ref) == head
    assert find_commit(find_checkout(repository.root), head[:7]) == head


@pytest.mark.parametrize("ref", ["mian", "--help", "", "HEAD:src/plugin.py", "-x", "a b"])
def test_an_unknown_ref_is_refused_with_the_names_there_are(repository, ref):
    repository("tag", "v1")
    with pytest.raises(CheckoutError, match=r"branches and tags here: main, v1\b") as refused:
        find_commit(find_checkout(repository.root), ref)
    assert f"there is no commit '{ref}'" in str(refused.value)
    assert ("did you mean 'main'?" in str(refused.value)) == (ref == "mian")


def test_another_state_stands_beside_and_is_gone_afterwards(repository):
    first = repository.commit("src/plugin.py", "state = 1\n")
    repository.commit("src/plugin.py", "state = 2\n")
    (repository.root / "src" / "plugin.py").write_text("state = 3\n")
    checkout = find_checkout(repository.root)
    with beside(checkout, first) as place:
        assert (place / "src" / "plugin.py").read_text() == "state = 1\n"
        assert (repository.root / "src" / "plugin.py").read_text() == "state = 3\n"
        (place / "left behind.pyc").write_text("")
        assert len(repository.worktrees()) == 2
    assert not place.parent.exists()
    assert len(repository.worktrees()) == 1
    assert repository("worktree", "prune", "--dry-run", "--verbose") == ""


def test_it_is_gone_after_an_error_too(repository):
    checkout = find_checkout(repository.root)
    with pytest.raises(KeyboardInterrupt), beside(checkout, checkout.commit) as place:
        raise KeyboardInterrupt
    assert not place.parent.exists()
    assert len(repository.worktrees()) == 1


def test_a_worktree_that_git_left_half_made_is_taken_away(repository):
    # As a git that was killed leaves it: locked, and without the file that leads back.
    checkout = find_checkout(repository.root)
    with beside(checkout, checkout.commit) as place:
        metadata = repository.root / ".git" / "worktrees" / place.name
        (metadata / "locked").write_text("initializing")
        (place / ".git").unlink()
    assert not metadata.exists()


def test_hooks_and_their_variables_do_not_disturb(repository, tmp_path, monkeypatch):
    hook = repository.root / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hook-ran\n")
    hook.chmod(0o755)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    checkout = find_checkout(repository.root)
    assert checkout.root == repository.root.resolve()
    with beside(checkout, find_commit(checkout, "main")) as place:
        assert (place / "src" / "plugin.py").exists()
    assert not (tmp_path / "hook-ran").exists()


def test_ctrl_c_while_git_is_at_work_leaves_nothing(repository, tmp_path):
    # A git that takes its time, in front of the real one, and leaves the work to a child.
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    real = shutil.which("git")
    slow.write_text(
        f"""#!/bin/sh
trap 'touch {tmp_path}/interrupted' INT
case "$*" in
*"worktree add"*)
    touch {tmp_path}/adding
    (sleep 1; {real} "$@" 2> /dev/null; touch {tmp_path}/added)
    ;;
*) {real} "$@" ;;
esac
"""
    )
    slow.chmod(0o755)
    code = """
        from pathlib import Path
        from benchbench.experiments.gate.checkout import beside, find_checkout
        checkout = find_checkout(Path("."))
        with beside(checkout, checkout.commit):
            print("entered")
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=repository.root,
        env=os.environ | {"PATH": f"{slow.parent}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until((tmp_path / "adding").exists)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert "KeyboardInterrupt" in stderr
    assert stdout == ""
    wait_until((tmp_path / "added").exists)
    assert not (tmp_path / "interrupted").exists(), "git is left to finish"
    assert len(repository.worktrees()) == 1
    assert not list(tmp_path.glob("benchbench-*"))


def test_the_folders_of_a_checkout_are_those_that_are_imported_from(repository, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(repository.root / "src"), "/elsewhere", *sys.path])
    assert import_folders(repository.root, ["plugin"]) == (Path("src"),)
    assert is_imported_from(repository.root, "plugin")
    assert not is_imported_from(repository.root, "msgspec")
    assert not is_imported_from(repository.root, "there_is_no_such_module")


def test_a_module_that_a_finder_knows_counts_though_no_path_leads_there(repository, monkeypatch):
    # As setuptools installs a flat layout with `pip install -e`.
    package = repository.root / "flat" / "found_by_finder"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")

    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name != "found_by_finder":
                return None
            from importlib.util import spec_from_file_location

            folder = [str(package)]
            init = package / "__init__.py"
            return spec_from_file_location(name, init, submodule_search_locations=folder)

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    assert import_folders(repository.root, ["found_by_finder"]) == (Path("flat"),)


def test_a_virtual_environment_in_the_checkout_is_not_of_the_checkout(repository, monkeypatch):
    installed = repository.root / ".venv" / "site-packages"
    installed.mkdir(parents=True)
    (installed / "installed_there.py").write_text("")
    monkeypatch.setattr(sys, "path", [str(installed), *sys.path])
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(installed))
    assert not is_imported_from(repository.root, "installed_there")
    with pytest.raises(CheckoutError, match="pip install -e"):
        import_folders(repository.root, ["installed_there"])
