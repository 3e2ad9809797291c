"""Copies of a store that were packed apart, and stores that gather, lose nothing when they meet."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

from tests.copies.places import copied, laid, merged, names
from tests.store.stores import assert_same, log_run, pack, seen
from tracksite.store import clearing, manifests, packing, purging
from tracksite.store.local import LocalStore, open_store
from tracksite.store.verifying import verify

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WAYS = ["ab", "ba", "merge"]


def together(folder, way: str) -> LocalStore:
    """Bring the copies `a` and `b` together in a folder of their own."""
    for letter in "ab" if way == "merge" else way:
        (merged if way == "merge" else copied)(folder / letter, folder / "all")
    return open_store(folder / "all")


def assert_sound(store: LocalStore) -> None:
    """Assert that nothing is wrong with a store, now and after everything was packed again."""
    for _ in range(2):
        assert not verify(store).problems
        pack(store, grace_s=0)


def test_gc_after_nightly_packs_keeps_the_young(store):
    """What gc keeps is still there, also when its new pack has the bytes of one that was merged."""
    nights = []
    for night in range(packing.SMALL_PACKS + 1):
        nights.append([log_run(store, 3, name=f"{night} {letter}") for letter in "ab"])
        pack(store, grace_s=0)
    old = [run_id for night in nights[:-1] for run_id in night]
    purging.purge(store, old, at=NOW, by="me", why="old")
    assert names(store.root) == [f"{packing.SMALL_PACKS} {letter}" for letter in "ab"]
    assert_sound(store)
    assert len(names(store.root)) == 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("packs", [(1, 1), (2, 1), (1, 2), (0, 1)])
def test_copies_that_packed_apart_meet(tmp_path, way, packs):
    """Neither copy's runs are missing, however often each was packed and whichever came last."""
    log_run(open_store(tmp_path / "a", create=True), 3, name="base")
    copied(tmp_path / "a", tmp_path / "b")
    expected = ["base"]
    for letter, times in zip("ab", packs, strict=True):
        store = open_store(tmp_path / letter)
        for number in range(max(times, 1)):
            log_run(store, 3, name=f"{letter}{number}")
            expected.append(f"{letter}{number}")
            if times:
                pack(store, grace_s=0)
    store = together(tmp_path, way)
    assert names(store.root) == sorted(expected)
    assert_sound(store)
    assert names(store.root) == sorted(expected)


@pytest.mark.parametrize("way", WAYS)
def test_stores_that_have_nothing_in_common_gather_each_night(tmp_path, way):
    """Two stores that are copied into one folder each night are all there, also if it is packed."""
    expected = []
    for night in range(3):
        for letter in "ab":
            store = open_store(tmp_path / letter, create=True)
            log_run(store, 3, name=f"{letter}{night}")
            expected.append(f"{letter}{night}")
            pack(store, grace_s=0)
        gathered = together(tmp_path, way)
        assert names(gathered.root) == sorted(expected)
        log_run(gathered, 3, name=f"here{night}")
        expected.append(f"here{night}")
        pack(gathered, grace_s=0)
        assert names(gathered.root) == sorted(expected)
    assert not verify(gathered).problems


def test_stores_are_marked_with_the_same_bytes(tmp_path):
    """What says that a folder is a store is the same in each, so copies never differ in it."""
    made = [open_store(tmp_path / letter, create=True).root for letter in "ab"]
    for name in ("store.json", ".gitattributes", ".gitignore"):
        assert (made[0] / name).read_bytes() == (made[1] / name).read_bytes()


def test_two_packers_at_once_lose_nothing(store, monkeypatch):
    """A packer that puts its manifest in force while another one is at work is no race."""
    log_run(store, 3, name="one")
    publish, others = manifests.publish, [True]

    def after_another(root, manifest, name=""):
        if others and others.pop():
            log_run(store, 3, name="two")
            pack(store, grace_s=0)
        return publish(root, manifest, name)

    monkeypatch.setattr(manifests, "publish", after_another)
    pack(store, grace_s=0)
    assert names(store.root) == ["one", "two"]
    assert_sound(store)
    assert names(store.root) == ["one", "two"]


def test_a_manifest_that_appears_while_files_are_removed_stays(store, monkeypatch):
    """Removing what is superfluous leaves alone what another packer has just put in force."""
    log_run(store, 3, name="one")
    clear, others = clearing.clear, [True]

    def after_another(root, manifest, **rest):
        if others and others.pop():
            log_run(store, 3, name="two")
            pack(store, grace_s=0)
            log_run(store, 3, name="three")
            pack(store, grace_s=0)
        return clear(root, manifest, **rest)

    monkeypatch.setattr(clearing, "clear", after_another)
    pack(store, grace_s=0)
    assert names(store.root) == ["one", "three", "two"]
    assert not verify(store).problems


def test_with_one_cut_manifest_all_other_damage_is_named(store):
    """Verify goes on past a manifest that was cut, and names it beside what else is damaged."""
    log_run(store, 3)
    pack(store, grace_s=0)
    log_run(store, 3)
    (manifest,) = (store.root / "manifest").iterdir()
    manifest.write_bytes(manifest.read_bytes()[:50])
    part = next((store.root / "log").glob("*.points.parquet"))
    part.write_bytes(part.read_bytes()[:-20])
    named = {problem.path for problem in verify(store).problems}
    assert named == {f"manifest/{manifest.name}", f"log/{part.name}"}


def test_nothing_is_removed_while_a_manifest_is_damaged(store):
    """A pack that only a damaged manifest names stays, so that a copy of that mends all."""
    log_run(store, 3, name="one")
    pack(store, grace_s=0)
    (manifest,) = (store.root / "manifest").iterdir()
    content = manifest.read_bytes()
    manifest.write_bytes(content[:50])
    log_run(store, 3, name="two")
    packing.pack(store.root, grace_s=0, now=4e9)
    manifest.write_bytes(content)
    assert names(store.root) == ["one", "two"]
    assert_sound(store)


def test_packing_again_writes_nothing(store, tmp_path):
    """A store in which all is packed stays as it is, also one whose copies were packed apart."""
    log_run(store, 3)
    other = copied(store.root, tmp_path / "other")
    for one in (store, other):
        log_run(one, 3)
        pack(one, grace_s=0)
    copied(other.root, store.root)
    pack(store, grace_s=0)
    before = sorted(path for path in store.root.rglob("*") if path.is_file())
    pack(store, grace_s=0)
    assert sorted(path for path in store.root.rglob("*") if path.is_file()) == before


def test_a_packed_backup_brings_back_what_was_lost(store, tmp_path):
    """Packs that are gone come back from a copy, though that was packed in another way."""
    log_run(store, 3, name="one")
    backup = copied(store.root, tmp_path / "backup")
    pack(backup, grace_s=0)
    pack(store, grace_s=0)
    before = seen(store)
    for path in (store.root / "packs").iterdir():
        path.unlink()
    assert verify(store).problems
    merged(backup.root, store.root)
    pack(store, grace_s=0)
    snapshot, folded, points = seen(store)
    assert folded.equals(before[1])
    assert points.equals(before[2])
    assert snapshot.problems  # the packs that were lost are still named


def test_a_merge_says_the_same_as_copying(tmp_path):
    """Merging and copying give the same answers and the same digest."""
    for letter in "ab":
        store = open_store(tmp_path / letter, create=True)
        for number in range(2):
            log_run(store, 3, name=f"{letter}{number}")
            pack(store, grace_s=number * 86_400)
    copied(tmp_path / "a", tmp_path / "copied")
    by_copying = copied(tmp_path / "b", tmp_path / "copied")
    merged(tmp_path / "a", tmp_path / "merged")
    by_merging = merged(tmp_path / "b", tmp_path / "merged")
    assert_same(by_merging, seen(by_copying))
    assert verify(by_merging).digest == verify(by_copying).digest


def test_a_run_that_ends_while_it_is_merged_is_there(store, tmp_path):
    """What moves from `live/` to `log/` while a merge is under way is not missing afterwards."""
    writer = store.open_writer("0" * 31 + "1")
    writer.patch(name="ends", status="running")
    writer.point("loss", 1.0, 0, 0)
    target = open_store(tmp_path / "target", create=True)

    def ends(path: str) -> None:
        if path.startswith("live/"):
            writer.patch(status="finished")
            writer.close()

    from tracksite.store import merging

    log_run(store, 3, name="other")
    merging.merge(store, target, ends)
    assert_same(target, seen(store))
    assert names(target.root) == ["ends", "other"]


def test_a_manifest_of_format_1_is_said_anew_once(store, tmp_path):
    """Manifests of format 1 with one name are laid beside each other, not over each other."""
    stores = []
    for letter in "ab":
        one = open_store(tmp_path / letter, create=True)
        log_run(one, 3, name=letter)
        pack(one, grace_s=0)
        stores.append(one)
        (path,) = (one.root / "manifest").iterdir()
        said = json.loads(path.read_text().splitlines()[0])
        content = {"format": 1, **{key: said[key] for key in ("runs", "points", "replaced")}}
        path.unlink()
        numbered = one.root / "manifest" / f"{'0' * 32}.00000001.json"
        numbered.write_text(json.dumps(content))
    for _ in range(2):
        for one in stores:
            merged(one.root, store.root)
    assert names(store.root) == ["a", "b"]
    assert len(list((store.root / "manifest").iterdir())) == 2


def test_a_pack_on_its_way_is_not_removed(store, tmp_path):
    """A pack that was copied before its manifest is there when that comes, whatever was packed."""
    log_run(store, 3, name="one")
    other = copied(store.root, tmp_path / "other")
    log_run(other, 3, name="two")
    pack(other, grace_s=0)
    laid(other.root, store.root, [f"packs/{it.name}" for it in (other.root / "packs").iterdir()])
    pack(store, grace_s=0)
    assert names(store.root) == ["one"]
    copied(other.root, store.root)
    assert names(store.root) == ["one", "two"]
    assert_sound(store)


def test_a_clock_that_is_ahead_shortens_no_grace(store, monkeypatch):
    """How long something was replaced is told by the clock of the file system, not by ours."""
    log_run(store, 3, name="one")
    before = len(list((store.root / "log").iterdir()))
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 365 * 86_400)
    for _ in range(2):
        pack(store, grace_s=3600)
    assert len(list((store.root / "log").iterdir())) == before
