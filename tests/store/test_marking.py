"""What a store tells git."""

from __future__ import annotations

import contextlib
import shutil
import subprocess

import pytest

from tracksite.store.ids import new_run_id
from tracksite.store.local import open_store
from tracksite.store.marking import MARKS, mark
from tracksite.store.shelf import Shelf
from tracksite.store.verifying import verify


def _marks(root):
    return {name: (root / name).read_bytes() for name in MARKS if (root / name).exists()}


def test_a_new_store_and_an_older_one_are_marked(store):
    """Whoever makes a store, or logs into one without marks, writes them."""
    assert _marks(store.root) == MARKS
    for name in MARKS:
        (store.root / name).unlink()
    with contextlib.closing(store.open_writer(new_run_id())):
        assert _marks(store.root) == MARKS


def test_what_a_user_wrote_there_is_left_alone(store):
    """A user's own file stays as it is."""
    (store.root / ".gitignore").write_text("*.ckpt\n")
    with contextlib.closing(store.open_writer(new_run_id())):
        assert (store.root / ".gitignore").read_text() == "*.ckpt\n"


def test_a_store_that_cannot_be_written_goes_without(tmp_path):
    """Marks are no reason to fail."""
    (tmp_path / "file").write_text("")
    mark(tmp_path / "file")


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_clone_with_other_line_endings_is_sound(tmp_path):
    """A clone with core.autocrlf has the files that were logged, whatever they are called."""

    def git(*words, at="repo"):
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words],
            cwd=tmp_path / at,
            check=True,
            capture_output=True,
        )

    store = open_store(tmp_path / "repo" / "runs", create=True)
    run_id = new_run_id()
    place = Shelf(store.artifact_dir(run_id), began=True)
    paths = ("notes.txt", "live/x.txt", "tmp-1/y.txt", ".gitignore", ".gitattributes", "a/.git/b")
    rows = [place.put(path, [f"* text\n{path}\n*\n".encode()]) for path in paths]
    store.write_patch(run_id, "run", {"artifacts": rows})
    (store.root / "log" / "tmp-1").write_bytes(b"half")
    (store.root / "live" / "x").write_bytes(b"here")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "all")
    git("-c", "core.autocrlf=true", "clone", "-q", "repo", "clone", at=".")
    clone = open_store(tmp_path / "clone" / "runs")
    found = verify(clone)
    assert (found.problems, found.files) == ((), len(paths) + 1)
    names = {path.name for path in clone.root.rglob("*") if path.is_file()}
    assert not names & {"tmp-1", "x"}
