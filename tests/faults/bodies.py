"""What the processes do that are killed, deceived or left without room."""

from __future__ import annotations

import ctypes
import struct
import time
from datetime import UTC, datetime
from pathlib import Path

import tracksite
from tests.faults.children import Say
from tracksite.store import merging, packing, purging, recovery
from tracksite.store.local import open_store
from tracksite.store.writer import RunWriter

NEVER = 10**9
_NO_POWERS = struct.pack("<6I", *[0] * 6)  # of user and kernel: none
_CAPABILITY_VERSION_3 = 0x20080522


def bind_by_permissions() -> None:
    """Give up the power of root to write where permissions forbid it (capset(2))."""
    header = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(header, _NO_POWERS):
        raise OSError(ctypes.get_errno(), "capset")


def point(writer: RunWriter, step: int) -> None:
    """Log the one point of a step; see `looks.steps`."""
    writer.point("loss", step / 7, step, step)


def train(say: Say, root: Path, run_id: str, pause_s: float, flush_each: int, count: int) -> None:
    """Log through the public names; say the run's id, then each step whose call returned."""
    tracksite.set_tracking_uri(str(root))
    with tracksite.start_run(run_id=run_id or None) as run:
        say(int(run.info.run_id, 16))
        for step in range(count):
            tracksite.log_metric("loss", step / 7, step=step)
            say(step)
            if step % flush_each == flush_each - 1:
                tracksite.flush()
            if pause_s:
                time.sleep(pause_s)


def save(say: Say, root: Path, run_id: str) -> None:
    """Log, save, flush and close; say how many points were acknowledged."""
    writer = open_store(root).open_writer(run_id)
    writer.patch(status="running", params={"lr": "1"})
    for start in (0, 20, 40):
        for step in range(start, start + 20):
            point(writer, step)
        say(start + 20)
        writer.flush() if start else writer.save()
    writer.close()
    say(60)


def pack(say: Say, root: Path) -> None:
    """Pack a store and remove what was packed."""
    store = open_store(root)
    packing.pack(store.root, grace_s=0)
    say(1)


def recover(say: Say, root: Path) -> None:
    """Turn the logs of dead writers into parts."""
    say(len(recovery.recover(root, now=0)))


def merge(say: Say, source: Path, target: Path) -> None:
    """Copy one store into another."""
    merging.merge(open_store(source), open_store(target))
    say(1)


def purge(say: Say, root: Path, run_ids: list[str]) -> None:
    """Remove runs for good."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    purging.purge(open_store(root), run_ids, at=at, by="a test", why="old")
    say(1)
