"""Remembered rows: they spare decoding, and never change what a snapshot says."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.store.stores import forget_logs
from tracksite.store import decoding, purging, remembered
from tracksite.store.ids import new_run_id
from tracksite.store.local import LocalStore, open_store


def log_run(store: LocalStore, text: str = "1") -> str:
    """Log one finished run with a param, and return its id."""
    run_id = new_run_id()
    writer = store.open_writer(run_id)
    writer.patch(experiment="e", status="finished", params={"depth": text})
    writer.point("loss", 0.5, 0, 1)
    writer.close()
    forget_logs(store, run_id)
    return run_id


def patches(store: LocalStore) -> pl.DataFrame:
    """Return what a snapshot says now, in one order."""
    return store.snapshot().patches.sort("run_id", "writer", "seq")


def read_names(monkeypatch) -> list[str]:
    """Return a list that gets the name of each `runs` part that is read from now on."""
    names: list[str] = []
    checked = decoding.checked

    def listened(folder, part, **options):
        names.extend([part.run_id] if part.table == "runs" else [])
        return checked(folder, part, **options)

    monkeypatch.setattr(decoding, "checked", listened)
    return names


def test_only_parts_that_are_new_are_read(store, monkeypatch):
    """A snapshot reads the parts that came since the one before."""
    old = [log_run(store) for _ in range(3)]
    store.snapshot()
    new = log_run(store)
    read = read_names(monkeypatch)
    assert set(patches(store)["run_id"]) == {*old, new}
    assert read == [new]


def test_what_is_remembered_is_what_is_decoded(store):
    """The rows of a second snapshot are those of one without a cache, in every column."""
    for text in ("1", "ü", ""):
        log_run(store, text)
    cold = patches(store)
    warm = patches(store)
    remembered.cache_file(store.root / "log").unlink()
    assert_frame_equal(warm, cold)
    assert_frame_equal(warm, patches(store))


def test_a_part_that_went_is_not_there(store):
    """What is remembered of a part that was removed is not shown."""
    kept, gone = log_run(store), log_run(store)
    store.snapshot()
    for path in (store.root / "log").glob(f"{gone}.*"):
        path.unlink()
    assert patches(store)["run_id"].to_list() == [kept]


def test_a_part_that_was_written_over_is_damaged(store):
    """Bytes that changed under a name are read again, and named."""
    log_run(store)
    store.snapshot()
    (path,) = (store.root / "log").glob("*.runs.parquet")
    path.write_bytes(b"x" * path.stat().st_size)
    snapshot = store.snapshot()
    assert snapshot.patches.height == 0
    assert [problem.path for problem in snapshot.problems] == [f"log/{path.name}"]


def test_a_part_under_the_name_of_another_is_damaged_also_when_its_bytes_are_known(store):
    """The bytes of one run do not become another run's, although their hash is remembered."""
    run_id = log_run(store)
    store.snapshot()
    (path,) = (store.root / "log").glob("*.runs.parquet")
    other = path.with_name(path.name.replace(run_id, new_run_id()))
    shutil.copy2(path, other)
    for _ in range(2):
        snapshot = store.snapshot()
        assert snapshot.patches["run_id"].to_list() == [run_id]
        assert [problem.path for problem in snapshot.problems] == [f"log/{other.name}"]


@pytest.mark.parametrize("content", [b"", b"ARROW1 and no more", bytes(1 << 12)])
def test_a_cache_that_cannot_be_read_costs_its_help_alone(store, content):
    """Whatever lies in the cache, the snapshot is the same, and the cache is made anew."""
    log_run(store)
    expected = patches(store)
    cache = remembered.cache_file(store.root / "log")
    cache.write_bytes(content)
    assert_frame_equal(patches(store), expected)
    assert cache.stat().st_size > len(content) or cache.read_bytes() != content


def test_a_bit_that_flipped_in_the_cache_changes_nothing(store):
    """Wherever a bit of the cache flips, the snapshot says what it said before."""
    log_run(store)
    expected = patches(store)
    cache = remembered.cache_file(store.root / "log")
    sound = cache.read_bytes()
    for place in range(0, len(sound), max(1, len(sound) // 50)):
        cache.write_bytes(sound[:place] + bytes([sound[place] ^ 16]) + sound[place + 1 :])
        assert_frame_equal(patches(store), expected)


def test_a_cache_folder_of_any_name_will_do(store, tmp_path, monkeypatch):
    """A folder whose name is not UTF-8 is no reason to stop."""
    monkeypatch.setenv("XDG_CACHE_HOME", os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    run_id = log_run(store)
    for _ in range(2):
        assert patches(store)["run_id"].to_list() == [run_id]


@pytest.mark.skipif(os.name == "nt", reason="there are no such permissions")
def test_what_is_remembered_is_for_its_user_alone(store):
    """A store that is closed to others is not opened to them by the cache."""
    log_run(store)
    store.snapshot()
    cache = remembered.cache_file(store.root / "log")
    assert cache.stat().st_mode & 0o077 == 0


def test_a_disk_that_is_full_keeps_no_half_of_a_cache(store, monkeypatch):
    """What could not be written whole is removed again: each process would leave another one."""
    log_run(store)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    store.snapshot()
    folder = remembered.cache_file(store.root / "log").parent
    assert not list(folder.iterdir())


def test_what_is_removed_for_good_is_not_remembered(store):
    """Nothing that a purged run said stays in the cache."""
    kept, gone = log_run(store, "5"), log_run(store, "planted-in-a-param")
    store.snapshot()
    purging.purge(store, [gone], at=datetime.now(UTC), by="me", why="test", grace_s=0)
    assert not remembered.cache_file(store.root / "log").exists()
    assert kept in patches(store)["run_id"].to_list()


def test_what_another_release_remembers_is_not_believed(store, monkeypatch):
    """Another version may decode otherwise: everything is decoded again."""
    run_id = log_run(store)
    store.snapshot()
    monkeypatch.setattr(remembered, "__version__", "0.0.0")
    read = read_names(monkeypatch)
    store.snapshot()
    assert read == [run_id]


def test_rows_of_too_many_bytes_are_not_remembered(store, monkeypatch):
    """The cache of one store does not grow without an end."""
    monkeypatch.setattr(remembered, "REMEMBERED_BYTES", 1)
    log_run(store)
    store.snapshot()
    assert not remembered.cache_file(store.root / "log").exists()


def test_a_store_that_is_copied_has_its_own_memory(store, tmp_path):
    """What was found in one folder is not believed of another."""
    log_run(store)
    store.snapshot()
    shutil.copytree(store.root, tmp_path / "copy")
    (path,) = (tmp_path / "copy" / "log").glob("*.runs.parquet")
    path.write_bytes(path.read_bytes()[:-1])
    assert [it.path for it in open_store(tmp_path / "copy").snapshot().problems] == [
        f"log/{path.name}"
    ]
