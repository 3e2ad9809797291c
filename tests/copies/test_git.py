"""A store in git: branches that went their own ways, and clones that convert line endings."""

from __future__ import annotations

import pytest

from tests.copies.places import committed, git, names
from tests.store.stores import log_run, pack
from tracksite.store.local import open_store
from tracksite.store.verifying import verify


@pytest.fixture
def repository(tmp_path):
    """Return a repository with one empty commit."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    committed(folder, "empty")
    return folder


@pytest.mark.parametrize("began", ["apart", "together"])
@pytest.mark.parametrize("packed", [False, True])
def test_branches_that_logged_apart_merge_without_a_conflict(repository, began, packed):
    """Two branches, each with runs and packs of its own, are one store when they are merged."""
    expected = ["one", "two"]
    if began == "together":
        log_run(open_store(repository / "runs", create=True), 3, name="base")
        pack(open_store(repository / "runs"), grace_s=0)
        committed(repository, "base")
        expected = ["base", *expected]
    for branch in ("one", "two"):
        git(repository, "checkout", "-q", "-b", branch, "main")
        store = open_store(repository / "runs", create=True)
        log_run(store, 3, name=branch)
        if packed:
            pack(store, grace_s=0)
        committed(repository, branch)
    git(repository, "merge", "-q", "one", "-m", "both")
    store = open_store(repository / "runs")
    assert names(store.root) == expected
    assert not verify(store).problems
    pack(store, grace_s=0)
    assert names(store.root) == expected


def test_a_clone_that_converts_line_endings_is_sound(repository, tmp_path):
    """`core.autocrlf=true`, the default on Windows, changes no byte of a store."""
    store = open_store(repository / "runs", create=True)
    run_id = log_run(store, 3, name="one")
    pack(store, grace_s=86_400)
    (store.artifact_dir(run_id)).mkdir(parents=True)
    (store.artifact_dir(run_id) / "notes.txt").write_bytes(b"a\nb\n")
    committed(repository, "one")
    git(tmp_path, "-c", "core.autocrlf=true", "clone", "-q", str(repository), "clone")
    clone = tmp_path / "clone" / "runs"
    for path in store.root.rglob("*"):
        if path.is_file():
            assert (clone / path.relative_to(store.root)).read_bytes() == path.read_bytes()
    assert names(clone) == ["one"]
    assert not verify(open_store(clone)).problems


def test_live_logs_and_half_written_files_stay_out_of_git(repository):
    """What is being written is not committed."""
    store = open_store(repository / "runs", create=True)
    writer = store.open_writer("0" * 31 + "1")
    writer.patch(name="runs")
    (store.root / "log" / "tmp-1-0a").write_bytes(b"half")
    committed(repository, "while it runs")
    writer.close()
    git(repository, "checkout", "-q", "-f", "main")
    tracked = git_files(repository)
    assert "runs/store.json" in tracked
    assert not [it for it in tracked if "/live/" in it or "tmp-" in it]


def git_files(at) -> list[str]:
    """Return the files that git tracks."""
    import subprocess

    done = subprocess.run(["git", "ls-files"], cwd=at, capture_output=True, text=True, check=True)
    return done.stdout.split()
