"""Parts: what a file's name promises about its bytes."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.store.stores import forget_logs
from tracksite.errors import NotFoundError, StoreError
from tracksite.query.runs import fold, runs
from tracksite.schema import FORMAT, FORMAT_KEY, points_schema, runs_schema
from tracksite.store import parts
from tracksite.store.ids import new_run_id
from tracksite.store.local import LocalStore, open_store

COMMIT = ("0" * 32, "a" * 12, 0)


def log_run(store: LocalStore, **fields) -> str:
    """Log one finished run with one point, and return its id."""
    run_id = new_run_id()
    writer = store.open_writer(run_id)
    writer.patch(experiment="e", status="finished", **fields)
    writer.point("loss", 0.5, 0, 1)
    writer.close()
    forget_logs(store, run_id)
    return run_id


def part_of(store: LocalStore, run_id: str, table: str) -> Path:
    """Return the path of a run's only part of this table."""
    (path,) = (store.root / "log").glob(f"{run_id}.*.{table}.parquet")
    return path


def test_a_name_round_trips():
    """A part's file name says run, writer, number, hash and table, and is read back."""
    name = parts.PartName(*COMMIT, "f" * 40, "points")
    assert parts.parse_name(name.file) == name


@pytest.mark.parametrize(
    "file", ["x.runs.parquet", "../" + "0" * 32, "tmp-1-ff", "0" * 32 + ".a.0-b.runs.parquet"]
)
def test_foreign_names_are_no_parts(file):
    """A file that is not named like a part is not one."""
    assert parts.parse_name(file) is None


def test_parts_are_plain_parquet_with_the_schema(store):
    """Any Parquet reader opens a part and sees the columns of the schema."""
    run_id = log_run(store, params={"lr": "0.1"})
    for table, schema in (("runs", runs_schema()), ("points", points_schema())):
        found = pq.read_schema(part_of(store, run_id, table))
        assert found.names == schema.names
        assert found.metadata[FORMAT_KEY] == str(FORMAT).encode()


@pytest.mark.parametrize("table", ["runs", "points"])
@pytest.mark.parametrize("at", [0, 100, -1])
def test_a_flipped_byte_costs_its_run_alone(store, table, at):
    """A damaged part is named and never read, and every other run is as before."""
    other, hurt = log_run(store), log_run(store)
    path = part_of(store, hurt, table)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    snapshot = store.snapshot()
    assert [(p.path, p.run_id) for p in snapshot.problems] == [(f"log/{path.name}", hurt)]
    assert "damaged" in snapshot.problems[0].message
    assert list(snapshot.point_files) == ([other] if table == "points" else [other, hurt])
    kept = runs(fold(snapshot))["run_id"].to_list()
    assert kept == ([hurt, other] if table == "points" else [other])


def test_points_without_their_patch_do_not_exist(store):
    """Points become visible with the patch that commits them, not before."""
    run_id = log_run(store)
    part_of(store, run_id, "runs").unlink()
    snapshot = store.snapshot()
    assert not snapshot.point_files
    assert not snapshot.patches.height


def write_as_part(store: LocalStore, content: bytes) -> str:
    """Write bytes under the name that their hash gives them."""
    name = parts.PartName(*COMMIT, parts.digest(content), "runs")
    (store.root / "log" / name.file).write_bytes(content)
    return name.file


def test_a_newer_format_is_refused_by_name(store):
    """A part of a later format is left out with the advice to upgrade."""
    sink = io.BytesIO()
    newer = str(FORMAT + 1).encode()
    table = runs_schema().empty_table().replace_schema_metadata({FORMAT_KEY: newer})
    pq.write_table(table, sink)
    file = write_as_part(store, sink.getvalue())
    log_run(store)
    snapshot = store.snapshot()
    assert snapshot.patches.height == 1
    assert [p.path for p in snapshot.problems] == [f"log/{file}"]
    assert f"has format {FORMAT + 1}" in snapshot.problems[0].message
    assert "upgrade" in snapshot.problems[0].message


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 nonsense PAR1"])
def test_rightly_named_rubbish_is_named(store, content):
    """Bytes that match their name but are not Parquet cost nothing else."""
    file = write_as_part(store, content)
    log_run(store)
    snapshot = store.snapshot()
    assert snapshot.patches.height == 1
    assert [p.path for p in snapshot.problems] == [f"log/{file}"]


def test_rightly_named_parquet_of_another_shape_is_named(store):
    """A Parquet file with other columns is a damaged part, found among sound ones."""
    table = pa.table({"a": [1]}).replace_schema_metadata({FORMAT_KEY: b"1"})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    file = write_as_part(store, sink.getvalue())
    for _ in range(3):
        log_run(store)
    snapshot = store.snapshot()
    assert snapshot.patches.height == 3
    assert [p.path for p in snapshot.problems] == [f"log/{file}"]


def test_links_in_a_store_are_not_followed(store, tmp_path):
    """A symbolic link in `log/` is not read, wherever it leads."""
    run_id = log_run(store)
    path = part_of(store, run_id, "runs")
    target = tmp_path / "elsewhere"
    path.rename(target)
    path.symlink_to(target)
    assert not store.snapshot().patches.height


def test_an_unwritten_part_leaves_nothing_behind(store, monkeypatch):
    """When the disk refuses, no half part and no temporary file stays."""

    def refuse(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parts.os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        parts.write_part(store.root / "log", COMMIT, "runs", runs_schema().empty_table())
    assert not list((store.root / "log").iterdir())


def test_no_store_is_said_with_the_remedy(tmp_path):
    """Opening a folder that holds no store says so and what to do."""
    with pytest.raises(NotFoundError, match="log a run into it"):
        open_store(tmp_path / "nothing")


@pytest.mark.parametrize(("text", "words"), [('{"format": 3}', "upgrade"), ("{", "restore")])
def test_an_unknown_store_is_refused(store, text, words):
    """A store of a newer format, or with a broken identity, is refused with the remedy."""
    (store.root / "store.json").write_text(text)
    with pytest.raises(StoreError, match=words):
        open_store(store.root)


def test_uris(tmp_path):
    """A store opens by path and by `file:` URI alike; other schemes are refused."""
    open_store(tmp_path / "a b", create=True)
    assert open_store(f"file://{tmp_path}/a%20b").root == tmp_path / "a b"
    assert open_store(f"file:{tmp_path}/a b").root == tmp_path / "a b"
    with pytest.raises(StoreError, match="s3://bucket"):
        open_store("s3://bucket/runs")


def test_a_store_moves_by_copying_and_merges_by_copying(store, tmp_path):
    """Copying the files of one store into another gives the union of both."""
    first = log_run(store)
    other = open_store(tmp_path / "other", create=True)
    second = log_run(other)
    for path in (other.root / "log").iterdir():
        (store.root / "log" / path.name).write_bytes(path.read_bytes())
    assert set(store.snapshot().stamps) == {first, second}


def test_a_missing_folder_is_an_empty_one(store):
    """A store whose empty folders a checkout lost is read as empty."""
    for folder in ("log", "live", "artifacts"):
        (store.root / folder).rmdir()
    assert (
        open_store(store.root)
        .snapshot()
        .patches.equals(pl.DataFrame(pl.from_arrow(runs_schema().empty_table())))
    )
