"""A purge is a fact: a run does not come back, nor in part; what others still use stays whole."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.copies.places import copied, laid_in_halves, merged, names
from tests.store.stores import assert_same, log_run, pack, seen
from tracksite.query.runs import fold
from tracksite.store import merging, purging
from tracksite.store.ids import new_run_id
from tracksite.store.local import LocalStore
from tracksite.store.verifying import verify

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def purge(store: LocalStore, *run_ids: str) -> None:
    """Remove runs for good."""
    purging.purge(store, run_ids, at=NOW, by="me", why="old", grace_s=0)


def gone_on(store: LocalStore, run_id: str) -> None:
    """Resume a run and end it again."""
    writer = store.open_writer(run_id, resume=True)
    writer.patch(tags={"gone": "on"})
    writer.point("loss", 0.5, 100, 100)
    writer.patch(status="finished")
    writer.close()


def registered(store: LocalStore, run_id: str) -> str:
    """Register a model of a run; return the version's identity."""
    version = new_run_id()
    fields = {"name": "M", "version": 1, "source_run_id": run_id, "source_path": "m"}
    store.write_patch(version, "model_version", fields)
    return version


@pytest.fixture
def copies(store, tmp_path) -> tuple[LocalStore, LocalStore, str]:
    """Return two copies of a store with two runs, and the id of the one named `old`."""
    log_run(store, 5, name="kept")
    run_id = log_run(store, 5, name="old")
    return store, copied(store.root, tmp_path / "other"), run_id


PACKED = pytest.mark.parametrize("packed", [(), ("a",), ("b",), ("a", "b")])


def packed_ones(packed, one: LocalStore, other: LocalStore) -> None:
    """Pack those of two copies that are called for."""
    for letter, store in (("a", one), ("b", other)):
        if letter in packed:
            pack(store, grace_s=0)


@PACKED
def test_a_purge_outlives_a_backup(copies, packed):
    """A backup that is merged or copied back brings no purged run back, packed or not."""
    store, backup, run_id = copies
    packed_ones(packed, store, backup)
    purge(store, run_id)
    before = seen(store)
    done = merging.merge(backup, store)
    assert done.purged == (run_id,)
    assert_same(store, before)
    copied(backup.root, store.root)
    assert_same(store, before)
    assert list(store.snapshot().purged) == [run_id]
    pack(store, grace_s=0)
    assert_same(store, before)
    assert not verify(store).problems


def test_packing_what_a_backup_brought_back_comes_to_an_end(copies):
    """Packing a store with a purged run that came back leaves no manifest for each try."""
    store, backup, run_id = copies
    purge(store, run_id)
    counts = set()
    for _ in range(4):
        merged(backup.root, store.root)
        pack(store, grace_s=0)
        counts.add(len(list((store.root / "manifest").iterdir())))
    assert len(counts) == 1
    assert names(store.root) == ["kept"]


@PACKED
@pytest.mark.parametrize("way", ["copy", "merge"])
def test_a_run_that_the_other_copy_went_on_with_stays_whole(copies, packed, way):
    """A run that was purged in one copy and resumed in the other is all there when they meet."""
    store, other, run_id = copies
    packed_ones(packed, store, other)
    gone_on(other, run_id)
    whole = seen(other)
    purge(store, run_id)
    assert names(store.root) == ["kept"]
    (copied if way == "copy" else merged)(other.root, store.root)
    assert names(store.root) == ["kept", "old"]
    _, folded, points = seen(store)
    assert folded.equals(whole[1])
    assert points.equals(whole[2])
    pack(store, grace_s=0)
    assert seen(store)[2].equals(whole[2])
    assert not verify(store).problems


@PACKED
def test_a_run_that_the_other_copy_registered_stays_whole(copies, packed):
    """A run that was purged in one copy and registered in the other is there when they meet."""
    store, other, run_id = copies
    packed_ones(packed, store, other)
    version = registered(other, run_id)
    purge(store, run_id)
    copied(other.root, store.root)
    assert fold(store.snapshot())["name"].sort().to_list() == ["M", "kept", "old"]
    assert not store.snapshot().purged
    other.write_patch(version, "model_version", {"deleted": True})
    copied(other.root, store.root)
    assert list(store.snapshot().purged) == [run_id]


def test_a_purged_run_that_was_used_elsewhere_is_named_until_all_of_it_is_here(copies, tmp_path):
    """The mere end of a purged run is not shown; what is missing of it is named."""
    store, other, run_id = copies
    purge(store, run_id)
    gone_on(other, run_id)
    part_of = [it for it in (other.root / "log").iterdir() if it.name.startswith(run_id)]
    newest = max(part_of, key=lambda path: int(path.name.split(".")[2].split("-")[0]))
    seq = newest.name.split("-")[0]
    for path in part_of:
        if path.name.startswith(seq):
            (store.root / "log" / path.name).write_bytes(path.read_bytes())
    assert run_id not in fold(store.snapshot())["run_id"]
    (problem,) = store.snapshot().problems
    assert (problem.run_id, "used in another copy" in problem.message) == (run_id, True)
    copied(other.root, store.root)
    assert names(store.root) == ["kept", "old"]


def test_a_run_that_was_purged_in_both_copies_is_gone(copies):
    """Two purges of one run are as one, whatever of it the other copy had added."""
    store, other, run_id = copies
    gone_on(other, run_id)
    for one in (store, other):
        purge(one, run_id)
    copied(other.root, store.root)
    assert names(store.root) == ["kept"]
    pack(store, grace_s=0)
    assert names(store.root) == ["kept"]
    assert not verify(store).problems


def test_a_purge_that_arrives_in_halves_serves_no_part_of_the_run(copies, tmp_path):
    """While a purge and the packs that it wrote are on their way, a run is there as a whole."""
    import random

    store, other, run_id = copies
    pack(store, grace_s=0)
    copied(store.root, other.root)
    expected = seen(other)
    purge(store, run_id)

    def between(half: LocalStore) -> None:
        _, folded, points = seen(half)
        for name, found in (("kept", folded), ("old", folded)):
            rows = found.filter(name=name)
            if rows.height and not half.snapshot().problems:
                mine = points.filter(run_id=rows["run_id"][0])
                assert mine.equals(expected[2].filter(run_id=rows["run_id"][0]))

    for seed in range(6):
        target = tmp_path / f"target{seed}"
        copied(other.root, target)
        laid_in_halves(store.root, target, random.Random(seed), between)
        assert names(target) == ["kept"]


def test_a_run_that_is_resumed_while_it_is_removed_stays_whole(copies, monkeypatch):
    """Who goes on with a run between its tombstone and its removal keeps all of it."""
    store, _, run_id = copies
    look, looks = purging.look_again, []

    def goes_on(root) -> None:
        looks.append(root)
        if len(looks) == 2:
            gone_on(store, run_id)
        look(root)

    monkeypatch.setattr(purging, "look_again", goes_on)
    purge(store, run_id)
    assert names(store.root) == ["kept", "old"]
    assert not store.snapshot().purged
