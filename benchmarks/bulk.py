"""Stores of very many small runs, written as files at once: logging them would take hours.

Nothing is synced, so making a loose store says nothing about logging. Ids and values are the same
each time.
"""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.stores import EXPERIMENT, START
from tracksite.schema import FORMAT, FORMAT_KEY, runs_schema
from tracksite.store import manifests, pack_files, packs, parts, points
from tracksite.store.local import LocalStore, open_store
from tracksite.store.manifests import Manifest, PackFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = ("train/accuracy", "train/loss", "validation/accuracy", "validation/loss")
METRIC = KEYS[3]
POINTS = 50  # of each metric
PARAMS = 3
BATCH = 10_000
_WRITER = "0" * 12
_GROUP_RUNS = pack_files.GROUP_ROWS // (len(KEYS) * POINTS)

Made = tuple[dict[str, Any], pa.Table]


def run_id(number: int) -> str:
    """Return the id of the run that began so many minutes after START."""
    milliseconds = round((START + timedelta(minutes=number)).timestamp() * 1000)
    return f"{milliseconds << 80 | 7 << 76 | 2 << 62 | number:032x}"


def loose(folder: Path, count: int, history: int) -> LocalStore:
    """Make a store of `count` runs, two parts each; the first has a series of `history` points."""
    store = open_store(folder, create=True)
    for row, table in _made(range(count), history):
        commit = row["run_id"], _WRITER, 0
        patch = pa.Table.from_pylist([row], schema=runs_schema())
        for name, content in (("points", parts.encode(table)), ("runs", parts.encode(patch))):
            part = parts.PartName(*commit, parts.digest(content), name)
            (store.root / "log" / part.file).write_bytes(content)
    return store


def packed(folder: Path, count: int, history: int) -> LocalStore:
    """Make the store that packing `loose` gives: BATCH runs in each pack."""
    store = open_store(folder, create=True)
    runs: list[PackFile] = []
    curves: list[PackFile] = []
    for begin in range(0, count, BATCH):
        made = list(_made(range(begin, min(begin + BATCH, count)), history))
        runs.append(_pack_runs(store, [row for row, _ in made]))
        file = packs.write_pack(store.root, "points", _pack_points([table for _, table in made]))
        curves.append(PackFile(file, runs[-1].first, runs[-1].last))
    manifests.publish(store.root, Manifest(tuple(runs), tuple(curves)))
    return store


def _pack_runs(store: LocalStore, rows: list[dict[str, Any]]) -> PackFile:
    import polars as pl

    hashes = {
        name: [_hash(name, row["run_id"]) for row in rows]
        for name in ("part", "points_part")  # of parts that never were
    }
    frame = pl.DataFrame(pl.from_arrow(pa.Table.from_pylist(rows, schema=runs_schema())))
    return pack_files.write_runs(
        store.root, frame.with_columns(*(pl.Series(k, v) for k, v in hashes.items()))
    )


def _hash(name: str, run_id: str) -> str:
    return hashlib.sha1(f"{name}:{run_id}".encode()).hexdigest()


def _with_part(points: pa.Table) -> pa.Table:
    part = _hash("points_part", points["run_id"][0].as_py())
    return points.append_column("part", pa.array([part] * len(points), pa.string()))


def _pack_points(tables: list[pa.Table]) -> bytes:
    sink = io.BytesIO()
    schema = packs.packed_points_schema()
    tables = [_with_part(table) for table in tables]
    with pq.ParquetWriter(sink, schema, **pack_files.OPTIONS) as writer:
        for begin in range(0, len(tables), _GROUP_RUNS):
            writer.write_table(pa.concat_tables(tables[begin : begin + _GROUP_RUNS]))
        writer.add_key_value_metadata({FORMAT_KEY: str(FORMAT).encode()})
    return sink.getvalue()


def _made(numbers: range, history: int) -> Iterator[Made]:
    """Yield the patch and the points of each run."""
    for number in numbers:
        random = np.random.default_rng(number)
        rate = 10 ** random.uniform(-4, 0)
        found = _points(number, rate, random, POINTS if number else history)
        row = {
            "run_id": run_id(number),
            "kind": "run",
            "writer": _WRITER,
            "seq": 0,
            "timestamp": START + timedelta(minutes=number),
            "experiment": EXPERIMENT,
            "name": f"run {number}",
            "status": "finished",
            "started_at": START + timedelta(minutes=number),
            "ended_at": START + timedelta(minutes=number, seconds=50),
            "params": [
                {"key": "layers", "text": str(number % 5 + 1), "number": number % 5 + 1.0},
                {"key": "lr", "text": f"{rate:.3g}", "number": float(f"{rate:.3g}")},
                {"key": "seed", "text": str(number % 3), "number": number % 3},
            ],
            "tags": [{"key": "team", "text": "vision" if number % 2 else "speech"}],
            "metrics": list(points.summarise(found).values()),
        }
        yield row, points.to_table(row["run_id"], found)


def _points(number: int, rate: float, random: np.random.Generator, longest: int) -> points.Points:
    """Return sorted points: POINTS of each metric, and `longest` of METRIC, the last of them."""
    counts = [*[POINTS] * (len(KEYS) - 1), longest]
    steps = np.concatenate([np.arange(count) for count in counts])
    falling = np.exp(-rate * steps / 20) + 0.05 * random.random(len(steps))
    keys = np.repeat(np.arange(len(KEYS)), counts)
    begun = round((START + timedelta(minutes=number)).timestamp() * 1e6)
    values = np.where(keys % 2 == 0, 1 - falling, falling)
    return points.Points(KEYS, keys, steps, begun + steps * 1000, values)
