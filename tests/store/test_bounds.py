"""Bounds: a file that would expand beyond all measure is refused before it is decoded."""

from __future__ import annotations

import io
import resource
import subprocess
import sys

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.store.stores import log_run, pack, seen
from tracksite import budgets
from tracksite.errors import DamageError
from tracksite.schema import FORMAT, FORMAT_KEY, points_schema, runs_schema
from tracksite.store import bounds, packs, parts
from tracksite.store.footer import schema_elements
from tracksite.store.livelog import PATCH, SLOT, _long_frame, patch_frame
from tracksite.store.local import LocalStore, open_store
from tracksite.store.process import identity
from tracksite.store.recovery import recover

RUN, WRITER = "0" * 31 + "1", "a" * 12
HEADER = {
    "format": 1,
    "run_id": RUN,
    "kind": "run",
    "writer": WRITER,
    "seq": 0,
    "opened_at": 0,
    "host": "elsewhere",
}
READ = """
import resource, sys
from tracksite.query.runs import fold
from tracksite.store.histories import read_points
from tracksite.store.local import open_store
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), -1))
snapshot = open_store(sys.argv[1]).snapshot()
points = read_points(snapshot, list(snapshot.point_files))
print(fold(snapshot).height, points.height, *[one.path for one in snapshot.problems])
"""


def written(table: pa.Table, times: int = 1, **options) -> bytes:
    """Return a table, so many times over, as Parquet of the format of today."""
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, table.schema, store_schema=False, compression="zstd") as writer:
        for _ in range(times):
            writer.write_table(table, **options)
        writer.add_key_value_metadata({FORMAT_KEY: str(FORMAT).encode()})
    return sink.getvalue()


def lay(store: LocalStore, content: bytes, table: str) -> str:
    """Lay bytes into the log under the name that their hash gives them."""
    name = parts.PartName(RUN, WRITER, 0, parts.digest(content), table)
    (store.root / "log" / name.file).write_bytes(content)
    return f"log/{name.file}"


def flat_points(rows: int) -> pa.Table:
    """Return so many equal points; as Parquet they are a few kilobytes."""
    columns = [
        pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), pa.array([value], field.type))
        for value, field in zip([RUN, "loss", 0, 0, 0.0], points_schema(), strict=True)
    ]
    return pa.table(
        [c if pa.types.is_string(c.type.value_type) else c.dictionary_decode() for c in columns],
        names=points_schema().names,
    )


def bomb_of_points() -> bytes:
    """Return some kilobytes that are 100 million points."""
    return written(flat_points(1 << 22), 26, row_group_size=1 << 22)


def bomb_of_lists() -> bytes:
    """Return some kilobytes that are one patch with 20 million empty tags."""
    schema = runs_schema()
    columns = {name: pa.nulls(1, schema.field(name).type) for name in schema.names}
    tags = pa.nulls(20_000_000, schema.field("tags").type.value_type)
    columns["tags"] = pa.ListArray.from_arrays(pa.array([0, len(tags)], pa.int32()), tags).cast(
        schema.field("tags").type
    )
    return written(pa.table(columns, schema=schema))


def bomb_of_text() -> bytes:
    """Return some kilobytes that are one patch with a description of 270 million letters."""
    schema = runs_schema()
    columns = {name: pa.nulls(1, schema.field(name).type) for name in schema.names}
    columns["description"] = pa.array(["x" * 270_000_000])
    return written(pa.table(columns, schema=schema))


def varint(number: int) -> bytes:
    """Return a number as Thrift's compact protocol has it."""
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def bomb_behind_a_lie() -> bytes:
    """Return the same text, in a file whose footer says that it is 99 bytes."""
    content = bomb_of_text()
    group = pq.read_metadata(pa.BufferReader(content)).row_group(0)
    chunks = [group.column(place) for place in range(group.num_columns)]
    size = max(chunk.total_uncompressed_size for chunk in chunks)
    told = varint(2 * size)
    lie = bytes([2 * 99 & 127 | 128, 2 * 99 >> 7 | 128]) + b"\x80" * (len(told) - 3) + b"\0"
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    footer = content[start:].replace(told, lie)
    assert content[start:] != footer
    return content[:start] + footer


def nested_footer(depth: int, *, hidden: bool = False) -> bytes:
    """Return a Parquet file of no rows whose schema is nested so deeply.

    A `hidden` schema comes second, after one that is harmless.
    """
    element = bytes([0x48, 1]) + b"a" + bytes([0x15, 2, 0])  # a name, and one child
    leaf = bytes([0x15, 2, 0x38, 1]) + b"a" + b"\0"

    def schema(count: int) -> bytes:
        return bytes([0xFC]) + varint(count + 1) + element * count + leaf

    body = bytes([0x15, 2, 0x19]) + schema(1 if hidden else depth)
    if hidden:
        body += bytes([0x09, 4]) + schema(depth)  # field 2 again, by its full number
    body += bytes([0x16, 0, 0x19, 0x0C]) + b"\0"
    return b"PAR1" + body + len(body).to_bytes(4, "little") + b"PAR1"


def bomb_within_the_bound() -> bytes:
    """Return a megabyte that is 60 million points, all the same: less than any file may be."""
    return written(flat_points(1 << 22), 14, row_group_size=1 << 22)


BOMBS = {
    "sixty million points that say nothing": (bomb_within_the_bound, "points", "MB in memory"),
    "a hundred million points": (bomb_of_points, "points", "MB in memory"),
    "twenty million tags": (bomb_of_lists, "runs", "MB in memory"),
    "a text of 300 MB": (bomb_of_text, "runs", "MB in memory"),
    "a text of 300 MB that says it is none": (bomb_behind_a_lie, "runs", "MB in memory"),
    "a deep schema": (lambda: nested_footer(100_000), "runs", "more columns"),
    "a deep schema behind another": (
        lambda: nested_footer(100_000, hidden=True),
        "runs",
        "more columns",
    ),
    "a schema that is deeper than the footer may be": (
        lambda: nested_footer(300_000),
        "runs",
        "footer of",
    ),
    "thousands of columns": (
        lambda: written(pa.table({f"c{n}": pa.array([1]) for n in range(3000)})),
        "runs",
        "more columns",
    ),
}


@pytest.mark.parametrize("what", BOMBS)
def test_a_bomb_costs_its_run_alone_and_little_memory(store, what):
    """A small file that would fill the memory is named, and the rest is read in bounded memory."""
    make, table, words = BOMBS[what]
    log_run(store, points=10)
    if table == "points":
        lay(store, written(one_patch()), "runs")
    content = make()
    assert len(content) < 3_000_000
    path = lay(store, content, table)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (problem,) = store.snapshot().problems
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (problem.path, problem.run_id) == (path, RUN)
    assert words in problem.message
    assert grown < 200_000, "kB"
    done = subprocess.run(
        [sys.executable, "-c", READ, str(store.root), str(3 << 30)],
        capture_output=True,
        text=True,
        check=False,
    )
    runs = "2" if table == "points" else "1"
    assert done.stdout.split() == [runs, "20", path], done.stderr


def test_points_that_are_all_the_same_are_read_again(monkeypatch):
    """However small points compress, what is written of them is never taken for a bomb."""
    for module in (bounds, budgets):
        monkeypatch.setitem(module.PLAIN_BYTES, "points", 1 << 20)
    content = parts.encode(flat_points(100_000).cast(points_schema()))
    opened = bounds.open_parquet("part", content, points_schema, plain_bytes=1 << 20)
    assert opened.read().num_rows == 100_000
    packed = written(flat_points(100_000))
    with pytest.raises(DamageError, match="MB in memory"):
        bounds.open_parquet("part", packed, points_schema, plain_bytes=1 << 20)


def one_patch() -> pa.Table:
    """Return the patch that the name of a laid part says."""
    schema = runs_schema()
    row = {"run_id": RUN, "kind": "run", "writer": WRITER, "seq": 0, "timestamp": 0}
    row["metrics"] = [{"key": "loss", "count": 1, "nan_count": 0, "last": 0.0, "last_step": 0}]
    return pa.Table.from_pylist([row], schema=schema)


@pytest.mark.parametrize("table", ["runs", "points"])
def test_a_pack_that_expands_too_far_is_named(store, monkeypatch, table):
    """The bound holds for packs too: what is in the others is read."""
    log_run(store)
    pack(store, grace_s=0)
    monkeypatch.setattr(bounds.open_parquet, "__defaults__", (1,))
    (path,) = (store.root / "packs").glob(f"*.{table}.parquet")
    read = packs.read_packed if table == "runs" else packs.read_packed_points
    with pytest.raises(DamageError, match="MB in memory"):
        read(store.root, path.name, *([["0"]] if table == "points" else []))


def test_a_patch_cannot_speak_for_another_run(store):
    """A part whose rows are of another run than its name says is refused, and that run unhurt."""
    victim = log_run(store)
    before = seen(store)
    row = {"run_id": victim, "kind": "run", "writer": WRITER, "seq": 99, "name": "taken over"}
    forged = pa.Table.from_pylist([row], schema=runs_schema())
    paths = [lay(store, written(forged), "runs")]
    snapshot, folded, _ = seen(store)
    assert [one.path for one in snapshot.problems] == paths
    assert folded.equals(before[1])


def test_points_cannot_be_of_another_run(store):
    """Points under the name of one run that claim to be of another are refused."""
    victim = log_run(store)
    before = seen(store)
    lay(store, written(one_patch()), "runs")
    forged = flat_points(3).set_column(0, "run_id", pa.array([victim] * 3))
    path = lay(store, written(forged), "points")
    snapshot, _, points = seen(store)
    assert [one.path for one in snapshot.problems] == [path]
    assert points.equals(before[2])


def test_a_large_part_within_bounds_is_read(store):
    """A part whose footer is too long to be parsed unseen is read when its schema is sound."""
    log_run(store, points=10)
    lay(store, written(one_patch()), "runs")
    content = written(flat_points(100_000), row_group_size=2_000)
    assert int.from_bytes(content[-8:-4], "little") > bounds.SHALLOW_BYTES
    lay(store, content, "points")
    snapshot, _, points = seen(store)
    assert not snapshot.problems
    assert points.filter(run_id=RUN).height == 100_000


@pytest.mark.parametrize("footer", [b"", b"\x0b", b"\x19\xfc", b"\x18\xff\xff\x7f", b"\x1c" * 99])
def test_a_footer_that_is_none_is_refused(footer):
    """A walk over bytes that are no footer ends with the name of the file."""
    with pytest.raises(DamageError, match="odd"):
        schema_elements("odd.parquet", footer)


def test_pages_carry_checksums(store):
    """Each page is written with a checksum, and a wrong one is an error as it is read."""
    log_run(store, points=50)
    pack(store, grace_s=0)
    for path in (store.root / "packs").glob("*.parquet"):
        of_points = ".points." in path.name
        schema = packs.packed_points_schema if of_points else packs.packed_schema
        content = bytearray(path.read_bytes())
        chunk = pq.read_metadata(path).row_group(0).column(0)
        end = (chunk.dictionary_page_offset or chunk.data_page_offset) + chunk.total_compressed_size
        content[end - 1] ^= 1
        opened = bounds.open_parquet(path.name, bytes(content), schema)
        with pytest.raises(OSError, match=r"(?i)crc|checksum"):
            opened.read()


def test_found_sound_once_a_part_is_not_judged_again(store, monkeypatch):
    """The verdict on a part is remembered: a second snapshot opens no footer."""
    log_run(store)
    first = seen(store)
    monkeypatch.setattr(bounds, "open_parquet", lambda *_: pytest.fail("judged again"))
    assert seen(open_store(store.root))[1].equals(first[1])


HOSTILE = {
    "a path for a run": [patch_frame({**HEADER, "run_id": "../../../escaped"})],
    "another run": [patch_frame({**HEADER, "run_id": "2" * 32})],
    "another kind": [patch_frame({**HEADER, "kind": "daemon"})],
    "a header of lists": [patch_frame({**HEADER, "opened_at": []})],
    "a type that no column has": [patch_frame(HEADER), patch_frame({"name": 5})],
    "a list that is a number": [patch_frame(HEADER), patch_frame({"tags": 5})],
    "deep JSON": [patch_frame(HEADER), _long_frame(PATCH, b"[" * 200_000, b" ")],
    "JSON that is no patch": [patch_frame(HEADER), patch_frame([1, 2])],
    "a metric numbered beyond all": [patch_frame(HEADER), patch_frame({"key": [1 << 60, "x"]})],
    "a process that cannot be": [patch_frame({**HEADER, **identity(), "pid": 1 << 90})],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_live_log_costs_its_run_alone(store, tmp_path, what):
    """Whatever a live log says, the others are read and recovered, and nothing leaves the store."""
    log_run(store)
    before = seen(store)
    log = store.root / "live" / f"{RUN}.{WRITER}.0.wal"
    log.write_bytes(b"".join(HOSTILE[what]) + bytes(SLOT))
    snapshot, folded, _ = seen(store)
    assert folded.filter(pl.col("run_id") != RUN).equals(before[1])
    assert {one.path for one in snapshot.problems} <= {f"live/{log.name}"}
    assert snapshot.problems or what == "a process that cannot be"
    store.state()
    recover(store.root, now=1e12)
    assert not list(tmp_path.rglob("*escaped*"))
    assert seen(store)[1].filter(pl.col("run_id") != RUN).equals(before[1])
