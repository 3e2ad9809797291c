"""Half a copy: nothing wrong is served, what is missing is named, and the rest makes it whole."""

from __future__ import annotations

import random
import shutil

import pytest

from tests.copies.places import copied, files_of, laid, names
from tests.store.stores import assert_same, log_run, pack, seen
from tracksite.site import build
from tracksite.store import packing
from tracksite.store.local import LocalStore, open_store
from tracksite.store.verifying import verify


def half(source: LocalStore, target, *endings: str) -> LocalStore:
    """Copy a store but for the files that begin or end so."""
    files = [it for it in files_of(source.root) if not it.endswith(endings)]
    laid(source.root, target, [it for it in files if not it.startswith(endings)])
    return open_store(target)


def named(store: LocalStore) -> set[str]:
    """Return what is said of all that is missing."""
    return {problem.message for problem in verify(store).problems}


@pytest.mark.parametrize("times", [1, 2])
def test_points_that_come_after_their_run_was_packed(store, tmp_path, times):
    """A pack between the arrival of a run and that of its points hides none of them."""
    run_id = log_run(store, 50, name="late")
    log_run(store, 5, name="whole")
    target = tmp_path / "target"
    laid(
        store.root,
        target,
        [
            it
            for it in files_of(store.root)
            if run_id not in it or not it.endswith("points.parquet")
        ],
    )
    for _ in range(times):
        other = open_store(target)
        pack(other, grace_s=0)
        assert any("not in this store yet" in one and run_id in one for one in named(other))
        assert seen(other)[2]["run_id"].n_unique() == 1
    copied(store.root, target)
    assert_same(other, seen(store))
    pack(other, grace_s=0)
    assert_same(other, seen(store))
    assert names(target) == ["late", "whole"]


def test_a_run_packed_by_format_1_without_its_points_gets_them(store, tmp_path):
    """A packed row that lacks its points part, as format 1 could write, finds it in `log/`."""
    from tracksite.store import decoding, listing, manifests, pack_files

    log_run(store, 50, name="late")
    with_points = {
        it.seq for it in listing.list_parts(store.root / "log", None) if "points" in it.file
    }
    (part,) = (
        it
        for it in listing.list_parts(store.root / "log", None)
        if it.table == "runs" and it.seq in with_points
    )
    content = (part, decoding.checked(store.root / "log", part))
    row = decoding.decode_patches([content], bool)
    manifests.publish(store.root, manifests.Manifest((pack_files.write_runs(store.root, row),)))
    (store.root / "log" / part.file).unlink()
    before = seen(store)
    assert names(store.root) == ["late"]
    pack(store, grace_s=0)
    assert_same(store, before)


def test_a_run_that_comes_after_its_points(store, tmp_path):
    """Points without a run are not shown, not removed by a pack, and there once the run comes."""
    log_run(store, 50)
    other = half(store, tmp_path / "other", ".runs.parquet")
    assert not seen(other)[1].height
    pack(other, grace_s=0)
    copied(store.root, other.root)
    assert_same(other, seen(store))


@pytest.mark.parametrize(
    "late",
    [
        ("runs.parquet",),
        ("points.parquet",),
        (".parquet",),
        (".blocks",),
        (".parquet", ".blocks"),
        ("manifest/",),
        ("points.parquet", ".blocks"),
    ],
)
def test_packs_in_halves(store, tmp_path, late):
    """Packs whose files come in any order: the missing are named, then all is there, unnamed."""
    log_run(store, 50, name="one")
    pack(store, grace_s=0)
    log_run(store, 50, name="two")
    pack(store, grace_s=0)
    for between in (False, True):
        other = half(store, tmp_path / f"other{between}", *late)
        if late not in {(".blocks",), ("manifest/",)}:
            assert any("not in this store yet" in one for one in named(other))
        if between:
            log_run(other, 5, name="between")
            pack(other, grace_s=0)
        state = other.state()
        copied(store.root, other.root)
        assert other.state() != state
        assert names(other.root) == sorted(["one", "two", *["between"] * between])
        pack(other, grace_s=0)
        assert names(other.root) == sorted(["one", "two", *["between"] * between])
        assert not verify(other).problems


def test_a_pack_of_points_comes_late_beside_the_loose_parts(store, tmp_path):
    """Loose parts stay while the points of the pack that stands for them are not here."""
    log_run(store, 50, name="one")
    loose = copied(store.root, tmp_path / "loose")
    pack(store, grace_s=0)
    laid(store.root, loose.root, [it for it in files_of(store.root) if "points" not in it])
    pack(loose, grace_s=0)
    points = seen(loose)[2]
    assert points.equals(seen(store)[2])
    copied(store.root, loose.root)
    assert_same(loose, seen(store))


@pytest.mark.parametrize("late", [("points.parquet",), (".parquet", ".blocks")])
def test_a_build_between_the_halves_keeps_no_hole(store, tmp_path, late):
    """A site that was built of half a copy is, after the rest came, that of the whole one."""
    log_run(store, 50, name="one")
    pack(store, grace_s=0)
    log_run(store, 50, name="two")
    other = half(store, tmp_path / "other", *late)
    build(str(other.root), tmp_path / "site")
    copied(store.root, other.root)
    build(str(other.root), tmp_path / "site")
    build(str(other.root), tmp_path / "fresh")
    assert pages(tmp_path / "site") == pages(tmp_path / "fresh")


def pages(site) -> dict[str, bytes]:
    """Return the bytes of every file of a site, but for what its last build noted for itself."""
    found = {path.relative_to(site).as_posix(): path for path in site.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name != "build.json"}


def test_an_older_copy_laid_over_a_store_takes_nothing_away(store, tmp_path):
    """Copying back what a store was before it was packed and logged to changes no answer."""
    log_run(store, 5, name="one")
    old = copied(store.root, tmp_path / "old")
    log_run(store, 5, name="two")
    pack(store, grace_s=0)
    before = seen(store)
    copied(old.root, store.root)
    assert_same(store, before)
    pack(store, grace_s=0)
    assert_same(store, before)
    shutil.rmtree(old.root)


@pytest.mark.parametrize("first", ["manifest/", "packs/", "shuffled"])
def test_what_was_merged_into_packs_that_are_not_here_is_read_where_it_was(
    store, tmp_path, monkeypatch, first
):
    """While a copy brings manifests before the packs that they name, no run goes from view."""
    expected = []
    for number in range(4):
        log_run(store, 5, name=f"run {number}")
        expected.append(f"run {number}")
        pack(store, grace_s=0)
    target = copied(store.root, tmp_path / "target")
    monkeypatch.setattr(packing, "SMALL_PACKS", 2)
    log_run(store, 5, name="new")
    pack(store, grace_s=0)
    before = seen(target)[2].fill_nan(None)
    files = files_of(store.root)
    if first == "shuffled":
        random.Random(5).shuffle(files)
    else:
        files.sort(key=lambda file: not file.startswith(first))
    for file in files:
        laid(store.root, target.root, [file])
        _, folded, points = seen(target)
        assert set(expected) <= set(folded["name"])
        assert set(before.rows()) <= set(points.fill_nan(None).rows())
        assert points.is_unique().all()
    assert names(target.root) == sorted([*expected, "new"])
    pack(target, grace_s=0)
    assert names(target.root) == sorted([*expected, "new"])
    assert not verify(target).problems
