"""The write side: what was logged is there, whoever dies."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
from bisect import bisect_right
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.waiting import until
from tracksite.errors import ArgumentError, DamageError, StoreError
from tracksite.query.runs import fold
from tracksite.store import system
from tracksite.store.ids import new_run_id
from tracksite.store.livelog import SLOT, patch_frame, point_frame, series_frame
from tracksite.store.local import LocalStore
from tracksite.store.reading import open_logs
from tracksite.store.recovery import recover
from tracksite.store.replay import read_segment
from tracksite.store.writer import RunWriter

HEADER = {"format": 1, "run_id": "0" * 32, "kind": "run", "writer": "a" * 12, "seq": 0}


def points(store: LocalStore) -> pl.DataFrame:
    """Return every point that a reader sees."""
    snapshot = store.snapshot()
    files = [pl.read_parquet(path) for paths in snapshot.point_files.values() for path in paths]
    return pl.concat([snapshot.live_points, *files])


def log_steps(writer: RunWriter, count: int) -> None:
    """Log one point for each step."""
    for step in range(count):
        writer.point("loss", step, step, 0)


def one_run(store: LocalStore) -> dict:
    """Return the state of the only run."""
    (row,) = fold(store.snapshot()).to_dicts()
    return row


def test_flush_is_one_sync_and_makes_no_file(store, monkeypatch):
    """What flush() made durable is in the live log, whose folder is synced once."""
    synced = []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda file: synced.append(file) or sync(file))
    monkeypatch.setattr(system, "sync_folder", synced.append)
    writer = store.open_writer(new_run_id())
    for step in range(3):
        writer.point("loss", 0.5, step, step)
        writer.flush()
    assert [one for one in synced if not isinstance(one, int)] == [store.root / "live"]
    assert len(synced) >= 3 + 1  # the thread that syncs each second may have come by
    assert not list((store.root / "log").iterdir())
    assert len(points(store)) == 3


def test_what_is_logged_is_seen_before_and_after_the_end(store):
    """A reader sees the same patches and points in the live log as in the parts."""
    writer = store.open_writer(new_run_id())
    started = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    writer.patch(name="r", status="running", started_at=started, params={"lr": "1e-3", "b": "True"})
    writer.point("loss", 0.5, 0, 1)
    writer.point("loss", math.nan, 1, 2)
    writer.series("acc", [0.1, math.inf], [0, 1], [3, 4])
    live_run, live_points = one_run(store), points(store)
    writer.save()
    writer.patch(status="finished")
    writer.close()
    row = one_run(store)
    assert points(store).equals(live_points, null_equal=True)
    assert row["started_at"] == started
    assert row["params"] == [
        {"key": "b", "text": "True", "number": None},
        {"key": "lr", "text": "1e-3", "number": 0.001},
    ]
    assert live_run["status"] == "running"
    assert row["status"] == "finished"
    summary = {item["key"]: item for item in row["metrics"]}
    assert summary["loss"]["count"] == 2
    assert summary["loss"]["nan_count"] == 1
    assert math.isnan(summary["loss"]["last"])
    assert (summary["loss"]["min"], summary["acc"]["max"]) == (0.5, math.inf)
    assert not open_logs(store.root)


def run_script(store: LocalStore, body: str, **options) -> subprocess.Popen:
    """Start a process that has opened a run with `writer` and goes on with `body`."""
    script = f"""
import os, sys, time
from tracksite.store.local import open_store
from tracksite.store.ids import new_run_id
store = open_store({str(store.root)!r})
writer = store.open_writer(new_run_id())
writer.patch(status="running", name="child")
{textwrap.dedent(body)}
"""
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, **options)


def test_a_killed_writer_loses_nothing_and_shows_as_interrupted(store):
    """Every point whose call returned is there after SIGKILL, and the run is not running."""
    child = run_script(
        store,
        """
        for i in range(10**9):
            writer.point("loss", float(i), i, i)
            if i % 1000 == 0:
                os.write(1, b"%d\\n" % i)
        """,
    )
    assert child.stdout
    for _ in range(5):
        acknowledged = int(child.stdout.readline())
    child.kill()
    rest = child.communicate()[0].split()
    acknowledged = int(rest[-1]) if rest else acknowledged
    logged = points(store)
    assert logged["step"].to_list() == list(range(logged.height))
    assert logged.height > acknowledged
    assert one_run(store)["status"] == "interrupted"


def test_a_series_of_zeros_is_no_empty_room(store):
    """Zeros that were logged are seen and recovered, though a log is filled up with zeros."""
    run_script(
        store,
        """
        writer.series("flat", [0.0] * 1000, list(range(1000)), [0] * 1000)
        os.kill(os.getpid(), 9)
        """,
    ).communicate()
    assert points(store)["step"].to_list() == list(range(1000))
    assert recover(store.root, now=0)
    assert points(store)["step"].to_list() == list(range(1000))


def test_a_stopped_writer_is_still_running(store):
    """A process that is merely suspended has not been interrupted."""
    child = run_script(store, "os.write(1, b'ready\\n'); time.sleep(10**6)")
    assert child.stdout
    child.stdout.readline()
    child.send_signal(signal.SIGSTOP)
    assert one_run(store)["status"] == "running"
    child.kill()
    child.communicate()


def test_threads_share_a_writer(store):
    """Points of eight threads are all there, each in its own order."""
    writer = store.open_writer(new_run_id())

    def log(number: int) -> None:
        for step in range(500):
            writer.point(f"m{number}", step, step, step)

    threads = [threading.Thread(target=log, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    logged = points(store)
    assert logged.group_by("key").len()["len"].to_list() == [500] * 8
    assert one_run(store)["metrics"][0]["last"] == 499


def test_a_fork_logs_as_a_writer_of_its_own(store):
    """Parent and child go on logging to one run; nothing is lost, doubled or overwritten."""
    writer = store.open_writer(new_run_id())
    writer.point("before", 1, 0, 0)
    child = os.fork()
    if child == 0:
        try:
            for step in range(100):
                writer.point("child", step, step, 0)
            writer.close()
        finally:
            os._exit(0)
    for step in range(100):
        writer.point("parent", step, step, 0)
    os.waitpid(child, 0)
    writer.close()
    counts = dict(points(store).group_by("key").len().iter_rows())
    assert counts == {"before": 1, "child": 100, "parent": 100}


def test_a_fork_that_never_logs_leaves_no_trace(store):
    """Worker processes that inherit a run do not open logs of their own."""
    writer = store.open_writer(new_run_id())
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert len(list((store.root / "live").iterdir())) == 1
    writer.close()


def test_a_resumed_run_continues_after_its_past(store):
    """What a resumed run says later wins, whatever the clocks say."""
    run_id = new_run_id()
    for value in ("one", "two", "three"):
        writer = store.open_writer(run_id, resume=True)
        writer.patch(status="finished", tags={"phase": value})
        writer.close()
    store.write_patch(run_id, "run", {"tags": {"phase": "four"}})
    assert one_run(store)["tags"] == [{"key": "phase", "text": "four"}]


def test_an_ended_writer_refuses(store):
    """Logging after the end is an error, not a lost point."""
    writer = store.open_writer(new_run_id())
    writer.close()
    writer.close()
    with pytest.raises(StoreError, match="has ended"):
        writer.point("loss", 1, 0, 0)


def test_an_unknown_field_is_refused(store):
    """A patch with a field that the schema lacks raises at the call."""
    writer = store.open_writer(new_run_id())
    with pytest.raises(ArgumentError, match="'colour'"):
        writer.patch(colour="red")
    with pytest.raises(ArgumentError, match="time zone"):
        writer.patch(started_at=datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused
    writer.close()


def test_a_refusing_disk_warns_once_and_loses_nothing(store, monkeypatch):
    """While no live log can be made, points wait in memory and are saved when it can."""
    refusing = [True]
    reserve = system.reserve

    def maybe(file, size):
        if refusing[0]:
            raise OSError(28, "No space left on device")
        reserve(file, size)

    monkeypatch.setattr(system, "reserve", maybe)
    with pytest.warns(RuntimeWarning, match="waits in memory") as warned:
        writer = store.open_writer(new_run_id())
    for step in range(5000):
        writer.point("loss", step, step, 0)
    assert len(warned) == 1
    assert not points(store).height
    refusing[0] = False
    writer.sync()
    assert points(store).height == 5000
    writer.close()
    assert points(store).height == 5000


def test_a_disk_that_fills_up_while_logging_loses_nothing(store, monkeypatch):
    """A live log that cannot grow keeps what it has and logging goes on in memory."""
    writer = store.open_writer(new_run_id())
    reserve, refusing = system.reserve, [True]
    monkeypatch.setattr(
        system, "reserve", lambda *a: os.read(-1, 1) if refusing[0] else reserve(*a)
    )
    with pytest.warns(RuntimeWarning, match="memory"):
        log_steps(writer, 5000)
    refusing[0] = False
    writer.close()
    assert points(store)["step"].sort().to_list() == list(range(5000))


def test_an_unsaved_run_is_an_error_at_its_end(store, monkeypatch):
    """`close` raises while anything is unsaved, and the live log keeps it."""
    writer = store.open_writer(new_run_id())
    writer.point("loss", 1, 0, 0)

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tracksite.store.parts.write_durably", refuse)
    with pytest.raises(StoreError, match="make room"):
        writer.close()
    assert points(store).height == 1


def test_a_log_that_became_a_part_is_not_counted_twice(store):
    """When a writer dies between saving a part and removing its log, readers see it once."""
    writer = store.open_writer(new_run_id())
    writer.point("loss", 1, 0, 0)
    (log,) = (store.root / "live").iterdir()
    content = log.read_bytes()
    writer.close()
    log.write_bytes(content)
    assert points(store).height == 1
    assert one_run(store)["metrics"][0]["count"] == 1


def test_state_changes_with_every_point(store):
    """The cheap digest of a store changes when and only when a snapshot would."""
    empty = store.state()
    writer = store.open_writer(new_run_id())
    seen = {empty, store.state()}
    for step in range(3):
        writer.point("loss", 0.0, step, 0)
        assert store.state() == store.state()
        seen.add(store.state())
    writer.close()
    seen.add(store.state())
    assert len(seen) == 6


@given(cut=st.integers(0, 32 * 40), flip=st.integers(0, 32 * 40 * 8))
def test_a_torn_log_gives_every_whole_frame(cut, flip):
    """Cut or damaged anywhere, a live log gives every whole frame, no wrong one, and says so."""
    frames = [patch_frame(HEADER), patch_frame({"key": [0, "loss"]})]
    frames += [point_frame(0, step, step, step / 2) for step in range(20)]
    frames += [patch_frame({"tags": {"a": {"key": "a", "text": "ü" * 20}}})]
    content = bytearray(b"".join(frames)[:cut])
    begins = [sum(map(len, frames[:number])) for number in range(len(frames))]
    ends = [at + len(frame.rstrip(b" ")) for at, frame in zip(begins, frames, strict=True)]
    sound = [max(end, at + SLOT) <= cut for at, end in zip(begins, ends, strict=True)]
    if flip // 8 < len(content):
        content[flip // 8] ^= 1 << flip % 8
        hit = bisect_right(begins, flip // 8) - 1
        sound[hit] &= flip // 8 >= ends[hit]
    if not sound[0]:
        with pytest.raises(DamageError):
            read_segment(bytes(content))
        return
    segment = read_segment(bytes(content))
    points_of = [step / 2 for step in range(20) if sound[step + 2]] if sound[1] else []
    assert segment.points.values.tolist() == points_of
    last = max(at for at, whole in enumerate(sound) if whole)
    assert bool(segment.damaged) == (not all(sound[:last]))


def test_series_frames_round_trip_at_any_alignment():
    """Long series between single points come back in order, whatever their length."""
    import numpy as np

    frames = [patch_frame(HEADER), patch_frame({"key": [0, "a"]})]
    expected = []
    for length in range(40):
        values = np.arange(length, dtype="<f8")
        frames.append(series_frame(0, values.astype("<i8"), values.astype("<i8"), values))
        frames.append(point_frame(0, -1, 0, -0.5))
        expected += [*values.tolist(), -0.5]
    assert read_segment(b"".join(frames)).points.values.tolist() == expected


def test_what_was_unsaved_at_the_end_is_saved_once_the_disk_gives_way(store, monkeypatch):
    """A run whose end could not be saved is saved by itself as soon as that is possible."""
    writer = store.open_writer(new_run_id())
    writer.point("loss", 1, 0, 0)
    with monkeypatch.context() as patched:
        patched.setattr("tracksite.store.parts.write_durably", lambda *_: os.read(9999, 1))
        with pytest.raises(StoreError, match="make room"):
            writer.close()
    writer.sync()
    assert len(list((store.root / "log").iterdir())) == 2
    assert not open_logs(store.root)
    assert points(store).height == 1


def test_one_refusing_disk_is_one_warning(store, monkeypatch):
    """However many runs meet the same full disk, one warning is enough."""
    monkeypatch.setattr(system, "reserve", lambda *_: os.read(9999, 1))
    with pytest.warns(RuntimeWarning) as warned:
        writers = [store.open_writer(new_run_id()) for _ in range(5)]
    assert len(warned) == 1
    monkeypatch.undo()
    for writer in writers:
        writer.close()


def test_dead_logs_are_recovered_by_whoever_logs_next(store, monkeypatch):
    """A process that logs to a store turns what dead ones left into parts, in the background."""
    child = run_script(store, "writer.point('loss', 1, 0, 0); os.kill(os.getpid(), 9)")
    child.communicate()
    monkeypatch.setattr("tracksite.store.syncing.SYNC_S", 0.01)
    writer = store.open_writer(new_run_id())
    until(lambda: open_logs(store.root) == {writer.run_id})
    assert points(store).height == 1
    writer.close()
