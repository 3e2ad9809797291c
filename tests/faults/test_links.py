"""Links planted in a store lead nobody out of it (promise 14)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults import bodies
from tests.faults.children import Child
from tests.faults.looks import Look, look
from tests.faults.tally import FALSE, HURT, Tally
from tests.store.stores import log_run
from tracksite.errors import TracksiteError
from tracksite.site import build
from tracksite.store import merging, packing, purging
from tracksite.store.local import LocalStore, open_store
from tracksite.store.recovery import recover
from tracksite.store.verifying import verify

SECRET = "nobody-may-read-this"
FOLDERS = ("log", "live", "packs", "manifest", "artifacts", "audit")


@pytest.fixture
def outside(tmp_path, tally) -> Path:
    """Return a store of somebody else: packed, loose, and in the log of a dead writer."""
    return _filled(tally, tmp_path / "outside", SECRET)


@pytest.fixture
def planted(tmp_path, tally, outside) -> LocalStore:
    """Return a store of our own in which links lead to every file of the other, and around."""
    root = _filled(tally, tmp_path / "runs", "ours")
    for folder in FOLDERS:
        (root / folder).mkdir(exist_ok=True)
        for entry in (outside / folder).iterdir():
            (root / folder / entry.name).symlink_to(entry)
        (root / folder / "outside").symlink_to(outside)
        (root / folder / "around").symlink_to(root)
        (root / folder / "nowhere").symlink_to(root / folder / "nowhere")
    for run_folder in (root / "artifacts").iterdir():
        if not run_folder.is_symlink():
            (run_folder / "notes.txt").unlink()
            (run_folder / "notes.txt").symlink_to(next(outside.glob("artifacts/*/notes.txt")))
            (run_folder / "more").symlink_to(outside / "artifacts")
    return open_store(root)


def _filled(tally: Tally, root: Path, text: str) -> Path:
    store = open_store(root, create=True)
    for _ in range(2):
        run_id = log_run(store, points=5, name=text)
        folder = store.artifact_dir(run_id)
        folder.mkdir()
        (folder / "notes.txt").write_text(text)
        row = {"path": "notes.txt", "bytes": len(text), "sha256": "2" * 64}
        store.write_patch(run_id, "run", {"artifacts": [row]})
    packing.pack(root, grace_s=0)
    log_run(store, points=5, name=text)
    child = Child(tally, bodies.train, root, "", 0.0, bodies.NEVER, bodies.NEVER)
    child.wait_for(30)
    child.kill()
    (root / "audit").mkdir()
    (root / "audit" / f"{text}.json").write_text(text)
    return root


def _files(root: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what is really below a folder, links left out."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(root)), path.read_bytes()


def _actions(store: LocalStore, tmp_path: Path) -> dict[str, Callable[[], object]]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    target = open_store(tmp_path / "target", create=True)
    return {
        "verify": lambda: verify(store),
        "build": lambda: build(store.root, tmp_path / "site"),
        "recover": lambda: recover(store.root, now=time.time()),
        "pack": lambda: packing.pack(store.root, grace_s=0, now=time.time() + 10_000),
        "merge": lambda: merging.merge(store, target),
        "merge into": lambda: merging.merge(target, store),
        "purge": lambda: purging.purge(
            store, sorted(look(store.root).states)[:1], at=at, by="a test", why="old"
        ),
        "purge theirs": lambda: purging.purge(
            store, _ids(tmp_path / "outside"), at=at, by="a test", why="old"
        ),
    }


def _ids(root: Path) -> list[str]:
    """Return the runs of the other store that have no log, so that they may be removed."""
    live = {path.name[:32] for path in (root / "live").iterdir()}
    return sorted(set(look(root).states) - live)


def _own(tally: Tally, seen: Look, theirs: Look, where: str) -> None:
    found = set(seen.states) & set(theirs.states) | set(seen.points) & set(theirs.points)
    tally.wrong(FALSE, len(found), f"{where}: runs of the other store")
    tally.wrong(FALSE, SECRET in repr(seen.states), where)


def test_links_out_of_a_store_are_never_followed(planted, outside, tmp_path, tally):
    """Whatever is done, nothing outside is changed, and nothing of it gets into store or site."""
    before, theirs = dict(_files(outside)), look(outside)
    count = len(look(planted.root).states)
    for name, action in _actions(planted, tmp_path).items():
        try:
            action()
        except TracksiteError as error:
            tally.wrong(HURT, 1, f"{name}: {error}")
        changed = before.items() ^ dict(_files(outside)).items()
        tally.wrong(HURT, len(changed), f"{name}: {sorted(path for path, _ in changed)}")
        for place in ("runs", "target"):
            _own(tally, look(tmp_path / place), theirs, f"{place} after {name}")
        tally.tried("acts among links")
    for place in ("runs", "target", "site"):
        for path, content in _files(tmp_path / place):
            tally.wrong(FALSE, SECRET.encode() in content, f"{place}/{path}")
    assert len(look(planted.root).states) == count - 1  # the one that was purged
