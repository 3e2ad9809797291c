"""Remembered rows: they spare decoding, and never change what a snapshot says."""

from __future__ import annotations

import shutil

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.store.stores import forget_logs
from tracksite.store import decoding, remembered
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
