"""How many points a reader finds in what each tracker has written: asked after a kill."""

from __future__ import annotations

import contextlib
import sqlite3
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = 32_768


def tracksite(folder: Path) -> int:
    """Count points through the public names."""
    import tracksite as ours

    ours.set_tracking_uri(folder / "runs")
    runs = ours.search_runs(output_format="list")
    return sum(ours.get_metric_history(run.info.run_id, "loss").height for run in runs)


def json_lines(folder: Path) -> int:
    """Count whole lines."""
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("*.jsonl"))


def events(folder: Path) -> int:
    """Count whole TFRecords: u64 length, u32 crc, content, u32 crc; the first is a header."""
    found = 0
    for path in folder.glob("events/*/events*"):
        content, at = path.read_bytes(), 0
        while at + 12 <= len(content):
            at += 16 + int(struct.unpack_from("<Q", content, at)[0])
            found += at <= len(content)
        found -= 1
    return max(0, found)


def mlflow_sqlite(folder: Path) -> int:
    """Count rows."""
    return _rows(folder / "mlflow.db", "metrics")


def mlflow_files(folder: Path) -> int:
    """Count lines of metric files."""
    paths = folder.glob("mlruns/*/*/metrics/*")
    return sum(path.read_bytes().count(b"\n") for path in paths if path.is_file())


def trackio(folder: Path) -> int:
    """Count rows."""
    return sum(_rows(path, "metrics") for path in folder.glob("*.db"))


def wandb(folder: Path) -> int:
    """Count history records: protocol buffers in LevelDB's log format."""
    from wandb.proto.wandb_internal_pb2 import Record

    found = 0
    for path in folder.glob("wandb/*/*.wandb"):
        for content in _leveldb(path.read_bytes()):
            found += Record.FromString(content).HasField("history")
    return found


def _leveldb(content: bytes) -> Iterator[bytes]:
    """Yield the whole records of a LevelDB log that begins with a header of 7 bytes."""
    at, record = 7, b""
    while at + 7 <= len(content):
        if _BLOCK - at % _BLOCK < 7:  # too short a rest of a block is filled with zeros
            at += _BLOCK - at % _BLOCK
            continue
        length, kind = struct.unpack_from("<HB", content, at + 4)
        record += content[at + 7 : at + 7 + length]
        at += 7 + length
        if at > len(content):
            return
        if kind in (1, 4):  # a full record, or the last piece of one
            yield record
            record = b""


def _rows(path: Path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return int(database.execute(f"select count(*) from {table}").fetchone()[0])
