"""Copies of a store as folders, and the ways in which their files come together."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.store.stores import seen
from tracksite.store import merging
from tracksite.store.local import LocalStore, open_store


def copied(source: Path, target: Path) -> LocalStore:
    """Copy all files of a store over another one, or into a new folder."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    return open_store(target)


def files_of(root: Path) -> list[str]:
    """Return the files of a store, relative to it."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def laid(source: Path, target: Path, files: Iterable[str]) -> None:
    """Copy some files of a store, as `cp -p` and rsync do, over what is there.

    No file is overwritten by another content. A live log that is longer where it goes stays: to
    put an older one over it is what the documents say never to do.
    """
    for file in files:
        read, write = source / file, target / file
        if file.endswith(".wal"):
            if write.exists() and used(write) >= used(read):
                continue
        elif write.exists():
            assert write.read_bytes() == read.read_bytes(), f"{file} would be overwritten"
        write.parent.mkdir(parents=True, exist_ok=True)
        write.unlink(missing_ok=True)
        shutil.copy2(read, write)


def used(log: Path) -> int:
    """Return how much of a live log is in use."""
    return len(log.read_bytes().rstrip(b"\0"))


def laid_in_halves(source: Path, target: Path, draw: random.Random, between) -> None:
    """Copy any half of the files of a store, do something, and copy the others."""
    files = files_of(source)
    draw.shuffle(files)
    first = draw.sample(files, draw.randint(0, len(files)))
    laid(source, target, first)
    (target / "store.json").exists() or laid(source, target, ["store.json"])
    between(open_store(target))
    laid(source, target, [file for file in files if file not in set(first)])


def merged(source: Path, target: Path) -> LocalStore:
    """Merge a store into another one."""
    into = open_store(target, create=True)
    merging.merge(open_store(source), into)
    return into


def git(at: Path, *words: str) -> None:
    """Run git; it has to succeed."""
    names = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *names, *words], cwd=at, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"git {words}: {done.stdout}{done.stderr}"


def committed(at: Path, message: str) -> None:
    """Commit all that is in a folder."""
    git(at, "add", "-A")
    git(at, "commit", "-q", "--allow-empty", "-m", message)


def names(root: Path) -> list[str]:
    """Return the names of the runs of a store that has no problems, each with all its points."""
    store = open_store(root)
    snapshot, folded, points = seen(store)
    assert not snapshot.problems, snapshot.problems
    counts = dict(points.group_by("run_id").len().iter_rows())
    for run_id, metrics in folded.select("run_id", "metrics").iter_rows():
        assert counts.get(run_id, 0) == sum(one["count"] for one in metrics or ())
    return sorted(folded.filter(kind="run", deleted=False)["name"])
