"""Upkeep of a store: recover, verify, merge, purge."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from itertools import pairwise, permutations
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.stores import Seen, assert_same, log_run, pack, seen
from tracksite.errors import StoreError
from tracksite.query.runs import fold
from tracksite.store import merging, parts, purging, reading, recovery, replaced
from tracksite.store.ids import new_run_id
from tracksite.store.local import LocalStore, open_store
from tracksite.store.patches import normalise, to_table
from tracksite.store.shelf import Shelf
from tracksite.store.verifying import state_root, verify

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def killed_run(store: LocalStore) -> str:
    """Log a run in a process that is killed before it ends, and return its id."""
    run_id = new_run_id()
    script = f"""
import os
from tracksite.store.local import open_store
writer = open_store({str(store.root)!r}).open_writer({run_id!r})
writer.patch(status="running", params={{"lr": "1"}})
for step in range(100):
    writer.point("loss", step / 3, step, step)
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", script], check=False)
    return run_id


def test_recovering_a_dead_log_changes_nothing_but_its_place(store):
    """What a killed writer had logged becomes parts; its run still shows as interrupted."""
    run_id = killed_run(store)
    before = seen(store)
    assert recovery.recover(store.root, now=0) == [run_id]
    assert not reading.open_logs(store.root)
    _, folded, points = seen(store)
    assert folded.equals(before[1])
    assert folded["status"].to_list() == ["interrupted"]
    assert points.equals(before[2])
    assert recovery.recover(store.root, now=0) == []


def test_recovering_twice_at_once_gives_one_part(store, tmp_path):
    """Two processes that recover one log write the same files."""
    killed_run(store)
    copy = tmp_path / "copy"
    shutil.copytree(store.root, copy)
    for root in (store.root, copy):
        recovery.recover(root, now=0)
    names = [sorted(path.name for path in (root / "log").iterdir()) for root in (store.root, copy)]
    assert names[0] == names[1]
    assert len(names[0]) == 2


def test_a_living_log_is_not_recovered(store):
    """A log whose writer runs, or may run on another host, is left alone."""
    writer = store.open_writer(new_run_id())
    writer.point("loss", 1, 0, 0)
    assert recovery.recover(store.root, now=1e12) == []
    writer.close()


def test_a_log_that_is_packed_already_is_only_removed(store):
    """A log whose part was packed before its writer could remove it is not saved again."""
    writer = store.open_writer(new_run_id())
    writer.point("loss", 1, 0, 0)
    (log,) = (store.root / "live").iterdir()
    content = log.read_bytes()
    writer.close()
    before = seen(store)
    pack(store, grace_s=0)
    log.write_bytes(content)
    assert_points(store, before)


def assert_points(store: LocalStore, before: Seen) -> None:
    """Assert that a reader sees the same points and metrics, whatever logs lie about."""
    _, folded, points = seen(store)
    assert points.equals(before[2])
    assert folded["metrics"].equals(before[1]["metrics"])


def test_a_sound_store_verifies(store):
    """A store as it was written has no problem, and one digest, loose and packed."""
    run_id = log_run(store)
    artifact = store.artifact_dir(run_id) / "a" / "b.txt"
    artifact.parent.mkdir(parents=True)
    artifact.write_bytes(b"abc")
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    row = {"path": "a/b.txt", "bytes": 3, "sha256": sha256}
    store.write_patch(run_id, "run", {"artifacts": [row]})
    loose = verify(store)
    pack(store, grace_s=0)
    packed = verify(store)
    assert not loose.problems
    assert not packed.problems
    assert loose.digest == packed.digest
    assert (loose.files, packed.files) == (5, 5)
    artifact.write_bytes(b"abd")
    (problem,) = verify(store).problems
    assert (problem.path, problem.run_id) == (f"artifacts/{run_id}/a/b.txt", run_id)
    artifact.unlink()
    assert "not in this store yet" in verify(store).problems[0].message


def test_verify_holds_an_artifact_against_what_was_said_last(store):
    """A log that began before another writer's patch, and said later, has the last word on it."""
    run_id = new_run_id()
    path = store.artifact_dir(run_id) / "a"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"abc")
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    later = [{"field": "artifacts", "key": "a", "seq": 300}]
    for seq, digest, edits in ((100, sha256, later), (200, "2" * 64, None)):
        row = {"artifacts": [{"path": "a", "bytes": 3, "sha256": digest}]}
        identity = {"run_id": run_id, "writer": "a" * 12, "seq": seq, "timestamp": 0}
        table = to_table({"kind": "run", **normalise(row)}, **identity, edits=edits)
        parts.write_part(store.root / "log", (run_id, "a" * 12, seq), "runs", table)
    assert not verify(store).problems


@pytest.mark.parametrize("pattern", ["log/*.points.*", "packs/*.points.parquet", "packs/*.blocks"])
def test_verify_names_the_damaged_file(store, pattern):
    """One flipped byte in any file is named with its path."""
    log_run(store)
    if pattern.startswith("packs"):
        pack(store, grace_s=0)
    path = next(store.root.glob(pattern))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert str(path.relative_to(store.root)) in {one.path for one in verify(store).problems}


def test_an_artifact_never_leads_out_of_the_store(store, tmp_path):
    """A link among the artifacts, or a path with `..`, is named and not followed."""
    run_id = log_run(store)
    (tmp_path / "secret").write_text("x")
    store.artifact_dir(run_id).mkdir(parents=True)
    (store.artifact_dir(run_id) / "link").symlink_to(tmp_path / "secret")
    for path in ("link", "../../../secret"):
        row = {"path": path, "bytes": 1, "sha256": "2" * 64}
        store.write_patch(run_id, "run", {"artifacts": [row]})
    problems = verify(store).problems
    assert len(problems) == 2
    assert all("cannot be read" in one.message for one in problems)


def test_the_state_root_is_that_of_rfc_6962():
    """The digest of nothing, of one and of three entries is the Merkle root of the RFC."""

    def leaf(text: bytes) -> bytes:
        return hashlib.sha256(b"\0" + text).digest()

    def node(left: bytes, right: bytes) -> bytes:
        return hashlib.sha256(b"\1" + left + right).digest()

    a, b, c = leaf(b"a:1"), leaf(b"b:2"), leaf(b"c:3")
    assert state_root([]) == hashlib.sha256().hexdigest()
    assert state_root([("a", "1")]) == a.hex()
    assert state_root([("c", "3"), ("a", "1"), ("b", "2")]) == node(node(a, b), c).hex()


@settings(max_examples=8)
@given(st.lists(st.lists(st.booleans(), max_size=3), min_size=2, max_size=3))
def test_merging_is_commutative_associative_and_idempotent(stores):
    """Whichever way stores are merged, packed or loose, the result holds the same."""
    with tempfile.TemporaryDirectory() as folder:
        made = []
        for number, runs in enumerate(stores):
            one = open_store(Path(folder) / f"store{number}", create=True)
            for packed in runs:
                log_run(one, points=2)
                if packed:
                    pack(one, grace_s=0)
            made.append(one)
        results = []
        for number, order in enumerate(permutations(made)):
            target = open_store(Path(folder) / f"target{number}", create=True)
            for source in (*order, order[0]):
                merging.merge(source, target)
            results.append(seen(target))
        chained = open_store(Path(folder) / "chained", create=True)
        for left, right in pairwise(made):
            merging.merge(left, right)
        merging.merge(made[-1], chained)
        for result in results:
            assert_same(chained, result)
        assert set(results[0][0].stamps) == {
            run_id for one in made for run_id in one.snapshot().stamps
        }


def test_merging_again_copies_nothing(store, tmp_path):
    """A second merge finds everything there."""
    log_run(store)
    target = open_store(tmp_path / "target", create=True)
    assert merging.merge(store, target) == merging.Merged(3, 0)
    assert merging.merge(store, target) == merging.Merged(0, 3)


def test_a_sound_file_mends_a_damaged_one_when_stores_are_merged(store, tmp_path):
    """Damage is not copied over what is sound, and is named; the other way round it is mended."""
    log_run(store)
    target = open_store(tmp_path / "target", create=True)
    merging.merge(store, target)
    path = next((target.root / "log").iterdir())
    whole = path.read_bytes()
    path.write_bytes(b"x" + whole[1:])
    (problem,) = merging.merge(target, store).problems
    assert problem.path == f"log/{path.name}"
    assert (store.root / "log" / path.name).read_bytes() == whole
    assert merging.merge(store, target).problems == ()
    assert path.read_bytes() == whole


@pytest.mark.parametrize("packed", [False, True])
def test_a_purged_run_is_gone_and_noted(store, tmp_path, packed):
    """Purging removes a run's patches, points and artifacts, and nothing else."""
    kept, gone = log_run(store), log_run(store)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    store.artifact_dir(gone).mkdir(parents=True)
    (store.artifact_dir(gone) / "model.bin").write_bytes(bytes(1000))
    (store.artifact_dir(gone) / "link").symlink_to(outside)
    if packed:
        pack(store, grace_s=0)
    before = fold(store.snapshot([kept]))
    planned = purging.plan(store, [gone])
    assert planned.bytes > 1000
    done = purging.purge(store, [gone], at=NOW, by="me", why="older than 90d", grace_s=0)
    assert done.run_ids == (gone,)
    assert done.bytes >= planned.bytes - 10_000  # less the tombstone
    snapshot, folded, points = seen(store)
    assert not snapshot.problems
    assert folded.equals(before)
    assert points["run_id"].unique().to_list() == [kept]
    assert not store.artifact_dir(gone).exists()
    assert (outside / "precious").read_text() == "x"
    left = [path for path in store.root.rglob("*.parquet") if gone.encode() in path.read_bytes()]
    (tombstone,) = left
    assert pl.read_parquet(tombstone)["purged"].is_not_null().all()
    (entry,) = (json.loads(path.read_text()) for path in (store.root / "audit").iterdir())
    assert (entry["run_ids"], entry["by"], entry["why"]) == ([gone], "me", "older than 90d")
    assert not verify(store).problems


def test_a_run_in_progress_is_not_purged(store):
    """A run that is being logged to cannot be purged, and nothing else is then."""
    ended = log_run(store)
    writer = store.open_writer(new_run_id())
    with pytest.raises(StoreError, match="being logged to"):
        purging.purge(store, [ended, writer.run_id], at=NOW, by="me", why="")
    writer.close()
    assert ended in store.snapshot().stamps


def test_a_log_that_cannot_be_opened_yet_is_named_by_a_merge(store, tmp_path, monkeypatch):
    """Where a mount lists a log that is open elsewhere but does not show it, the merge says so."""
    log_run(store, 5)
    store.open_writer(new_run_id())
    (log,) = store.root.glob("live/*.wal")
    real = Path.open

    def hidden(path: Path, *words, **named):
        if path == log:
            raise FileNotFoundError(2, "No such file or directory")
        return real(path, *words, **named)

    monkeypatch.setattr(Path, "open", hidden)
    target = open_store(tmp_path / "all", create=True)
    done = merging.merge(store, target)
    assert [it.path for it in done.problems] == [f"live/{log.name}"]
    assert len(target.snapshot().stamps) == 1


def test_a_purge_outlives_a_merge_of_the_same_packs(store, tmp_path):
    """Packs that a purge has replaced stay replaced when an old copy brings them back."""
    kept, gone = log_run(store), log_run(store)
    pack(store, grace_s=0)
    old = tmp_path / "old"
    shutil.copytree(store.root, old)
    purging.purge(store, [gone], at=NOW, by="me", why="")
    merging.merge(open_store(old), store)
    assert set(store.snapshot().stamps) == {kept}


def logged_over(store: LocalStore, run_id: str, content: bytes) -> None:
    """Log an artifact as format 1 did: over the one of its name."""
    place = store.artifact_dir(run_id) / "notes.txt"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    row = {"path": "notes.txt", "bytes": len(content), "sha256": sha256, "file": None}
    store.write_patch(run_id, "run", {"artifacts": [row]})


@pytest.mark.parametrize("into", ["older", "newer"])
def test_of_two_artifacts_of_one_name_the_one_that_is_meant_stays(store, tmp_path, into):
    """Merging copies in which format 1 wrote over an artifact keeps the last content, and both."""
    run_id = log_run(store)
    logged_over(store, run_id, b"one")
    shutil.copytree(store.root, tmp_path / "copy")
    copy = open_store(tmp_path / "copy")
    logged_over(store, run_id, b"two")
    source, target = (store, copy) if into == "older" else (copy, store)
    assert not merging.merge(source, target).problems
    assert (target.artifact_dir(run_id) / "notes.txt").read_bytes() == b"two"
    assert not verify(target).problems
    kept = {path.read_bytes() for path in target.artifact_dir(run_id).iterdir()}
    assert kept == ({b"one", b"two"} if into == "older" else {b"two"})


def test_what_a_resumed_run_logged_again_goes_after_the_grace(store):
    """Of an artifact that was logged again the older file goes in time, and the newer one stays."""
    run_id = log_run(store)
    for content in (b"one", b"two"):
        writer = store.open_writer(run_id, resume=True)
        shelf = Shelf(store.artifact_dir(run_id), began=False)
        writer.patch(artifacts=[shelf.put("notes.txt", [content])])
        assert replaced.clear(store, grace_s=0) == 0  # somebody is logging to it
        writer.close()
    assert replaced.clear(store, grace_s=3600) == 0
    assert replaced.clear(store, grace_s=-1) == 3
    (left,) = store.artifact_dir(run_id).iterdir()
    assert left.read_bytes() == b"two"
    assert not verify(store).problems


def test_what_came_back_of_a_purged_run_goes_with_the_next_purge(store, tmp_path):
    """Files of a removed run that an old copy brings back are not seen, and are removed again."""
    gone, other = log_run(store), log_run(store)
    pack(store, grace_s=0)
    shutil.copytree(store.root, tmp_path / "old")
    purging.purge(store, [gone], at=NOW, by="me", why="", grace_s=0)
    shutil.copytree(tmp_path / "old", store.root, dirs_exist_ok=True)
    assert set(store.snapshot().stamps) == {other}
    purging.purge(store, [other], at=NOW, by="me", why="", grace_s=0)
    left = [path for path in store.root.rglob("*.parquet") if gone.encode() in path.read_bytes()]
    assert all(pl.read_parquet(path)["purged"].is_not_null().any() for path in left)
    assert not store.snapshot().stamps


@pytest.mark.parametrize("packed", [False, True])
def test_a_purge_leaves_what_was_logged_elsewhere_to_a_run_that_it_does_not_know(
    store, tmp_path, packed
):
    """Of a removed run that goes on in a copy the end may come first: no purge takes it away."""
    run_id, other = log_run(store), log_run(store)
    shutil.copytree(store.root, tmp_path / "copy")
    copy = open_store(tmp_path / "copy")
    copy.write_patch(run_id, "run", {"tags": {"used": "yes"}})
    purging.purge(store, [run_id], at=NOW, by="me", why="", grace_s=0)
    names = (path.name for path in (copy.root / "log").glob(f"{run_id}.*"))
    latest = max(names, key=lambda name: int(name[46:].partition("-")[0]))
    (copy.root / "log" / latest).rename(store.root / "log" / latest)
    assert run_id not in store.snapshot().stamps  # its beginning is not here
    if packed:
        pack(store, grace_s=0)
    purging.purge(store, [other], at=NOW, by="me", why="", grace_s=0)
    shutil.copytree(copy.root, store.root, dirs_exist_ok=True)
    (state,) = fold(store.snapshot([run_id])).to_dicts()
    assert {"key": "used", "text": "yes"} in state["tags"]
