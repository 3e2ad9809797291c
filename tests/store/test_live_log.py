"""One segment, many hands: threads, signal handlers, file systems that cannot map."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from tests.store.test_writer import HEADER, log_steps, points, run_script
from tests.waiting import HANG_S
from tracksite.errors import StoreError
from tracksite.store import segment, syncing, system
from tracksite.store import writer as writing
from tracksite.store.ids import new_run_id
from tracksite.store.livelog import SLOT, patch_frame, point_frame
from tracksite.store.replay import read_segment
from tracksite.store.syncing import Syncer
from tracksite.store.writer import OWNER_CALLS

STEPS = 20_000


@pytest.fixture
def hasty() -> Iterator[None]:
    """Let threads take turns as often as Python can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def steps_of(store, key: str) -> list[int]:
    """Return the steps that a reader sees of one metric, in order of size."""
    frame = points(store)
    return sorted(frame.filter(frame["key"] == key)["step"])


@pytest.mark.usefixtures("hasty")
def test_the_owner_of_a_live_log_loses_nothing_to_other_threads(store):
    """Points that one thread logs at full speed are all there once, whatever others do."""
    writer = store.open_writer(new_run_id())
    stop = threading.Event()

    def disturb(number: int) -> None:
        step = 0
        while not stop.is_set():
            writer.point(f"other {number}", step, step, 0)
            writer.patch(tags={"at": str(step)})
            if step % 10 == number:
                writer.save()
            step += 1
            stop.wait(0.002)
        writer.point("count", step, number, 0)

    others = [threading.Thread(target=disturb, args=(number,)) for number in range(2)]
    for thread in others:
        thread.start()
    for step in range(STEPS):
        writer.point("loss", step, step, 0)
        if step % 5 == 0:
            writer.points({"accuracy": step / 2, "f1": step / 4}, step, 0)
    stop.set()
    for thread in others:
        thread.join()
    writer.close()
    assert steps_of(store, "loss") == list(range(STEPS))
    assert steps_of(store, "accuracy") == steps_of(store, "f1") == list(range(0, STEPS, 5))
    frame = points(store)
    assert frame.filter(frame["key"] == "f1").sort("step")["value"][1] == 1.25
    for number, count in frame.filter(frame["key"] == "count").select("step", "value").iter_rows():
        assert steps_of(store, f"other {number}") == list(range(int(count)))


@pytest.mark.usefixtures("hasty")
def test_threads_that_take_turns_lose_nothing(store):
    """A live log that passes from thread to thread keeps every point of each."""
    writer = store.open_writer(new_run_id())

    def log(number: int) -> None:
        for step in range(STEPS // 4):
            writer.point(f"m{number}", step, step, 0)

    threads = [threading.Thread(target=log, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    counts = Counter(points(store)["key"])
    assert counts == {f"m{number}": STEPS // 4 for number in range(4)}


def test_a_thread_that_logs_alone_becomes_the_owner(store):
    """A thread that takes over from the one that started the run logs as cheaply as it did."""
    writer = store.open_writer(new_run_id())

    def log() -> None:
        for step in range(OWNER_CALLS + 2):
            writer.point("loss", step, step, 0)

    thread = threading.Thread(target=log)
    thread.start()
    thread.join()
    assert writer._segment.owner == thread.ident
    writer.close()
    assert steps_of(store, "loss") == list(range(OWNER_CALLS + 2))


def test_a_signal_handler_may_log_at_any_moment(store):
    """What a handler logs, and what it interrupted, is all there once; nothing hangs."""
    writer = store.open_writer(new_run_id())
    writer.point("loss", 0, -1, 0)
    writer.save()  # imports what saving needs: no handler can use what is half imported
    handled = []

    def handler(*_: object) -> None:
        writer.point("signals", len(handled), len(handled), 0)
        writer.patch(tags={"signals": str(len(handled))})
        handled.append(None)
        if len(handled) % 7 == 0:
            writer.save()
        signal.setitimer(signal.ITIMER_REAL, 0.0005)

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005)
    try:
        step = 0
        while len(handled) < 100:
            writer.point("loss", step, step, 0)
            writer.patch(tags={"step": str(step)})
            if step % 1000 == 0:
                writer.save()
            step += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    writer.close()
    assert steps_of(store, "loss") == list(range(-1, step))
    assert steps_of(store, "signals") == list(range(len(handled)))


def test_a_run_may_end_in_a_signal_handler(store):
    """A training that is told to stop may end its run from the handler, in the midst of a call."""
    child = run_script(
        store,
        """
        import signal
        from tracksite.errors import StoreError

        def stop(*_):
            writer.patch(status="killed")
            writer.close()
            os.write(1, b"%d" % step)

        signal.signal(signal.SIGTERM, stop)
        for step in range(10**9):
            if step == 1000:
                os.write(1, b"ready\\n")
            try:
                writer.point("loss", step, step, 0)
            except StoreError:
                break
        """,
    )
    assert child.stdout
    child.stdout.readline()
    child.send_signal(signal.SIGTERM)
    step = int(child.communicate(timeout=HANG_S)[0])
    assert child.returncode == 0
    found = steps_of(store, "loss")
    assert found in (list(range(step)), list(range(step + 1)))


def test_an_empty_slot_hides_nothing():
    """A slot that was taken but not written costs no other point, wherever it is."""
    frames = [patch_frame(HEADER), patch_frame({"key": [0, "loss"]})]
    frames += [point_frame(0, step, 0, float(step)) for step in range(5)]
    for hole in range(1, len(frames) + 1):
        content = b"".join([*frames[:hole], bytes(SLOT), *frames[hole:], bytes(3 * SLOT)])
        assert read_segment(content).points.steps.tolist() == list(range(5))


def test_where_nothing_can_be_mapped_each_point_is_written(store, monkeypatch):
    """Where files cannot be mapped a logged point is in the file when its call returns."""
    monkeypatch.setattr(system, "mapped", lambda *_: None)
    writer = store.open_writer(new_run_id())
    for step in range(3000):
        writer.point("loss", step / 2, step, 0)
        if step % 500 == 0:
            (segment,) = (store.root / "live").iterdir()
            assert read_segment(segment.read_bytes()).points.steps.tolist() == list(range(step + 1))
    writer.close()
    assert steps_of(store, "loss") == list(range(3000))


def test_a_strict_run_raises_at_once(store, monkeypatch):
    """With strict=True a disk that refuses is an error at the call, and nothing stored is lost."""
    writer = store.open_writer(new_run_id(), strict=True)
    with monkeypatch.context() as patched:
        patched.setattr(system, "reserve", lambda *_: os.read(9999, 1))
        with pytest.raises(StoreError, match="make room"):
            log_steps(writer, 10**6)
        with pytest.raises(StoreError, match="make room"):
            store.open_writer(new_run_id(), strict=True)
    writer.point("later", 1, 0, 0)
    writer.close()
    assert steps_of(store, "loss")[:10] == list(range(10))
    assert steps_of(store, "later") == [0]


def test_a_live_log_never_outgrows_a_part(store, monkeypatch):
    """A run that logs faster than it is saved goes on in another live log; nothing is lost."""
    monkeypatch.setattr(segment, "FULL_BYTES", 1 << 16)
    writer = store.open_writer(new_run_id())
    for start in range(0, 10_000, 1000):
        steps = range(start, start + 1000)
        writer.series("loss", list(steps), list(steps), [0] * 1000)
    assert max(path.stat().st_size for path in (store.root / "live").iterdir()) < 1 << 18
    writer.close()
    assert steps_of(store, "loss") == list(range(10_000))


def test_no_surprise_ends_the_thread_that_syncs(store, monkeypatch):
    """Whatever goes wrong with one run is a warning, and the next run is synced all the same."""
    syncer, synced = Syncer(), threading.Event()

    class Broken:
        root = store.root

        def sync(self) -> None:
            if not synced.is_set():  # no later test has to hear of it
                raise ZeroDivisionError

    class Sound:
        root = store.root

        def sync(self) -> None:
            if caught:
                synced.set()

    monkeypatch.setattr("tracksite.store.syncing.SYNC_S", 0.01)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        broken, sound = Broken(), Sound()
        syncer.watch(broken)
        syncer.watch(sound)
        assert synced.wait(HANG_S)
    assert "ZeroDivisionError" in str(caught[0].message)


@pytest.fixture
def unwatched(monkeypatch) -> None:
    """Let no thread sync a writer in the midst of a test."""
    monkeypatch.setattr(writing, "_syncer", Mock())


def noisily(action) -> list[str]:
    """Do something and return what it warned of, though it was warned of before."""
    syncing._warned.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    return [str(one.message) for one in caught]


def log_file(store) -> Path:
    """Return the path of the only live log."""
    (path,) = (store.root / "live").glob("*.wal")
    return path


@pytest.mark.usefixtures("unwatched")
@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_log_that_lost_its_name_gets_it_back(store, how):
    """What was logged before and after somebody removed or replaced the log is seen, and saved."""
    writer = store.open_writer(new_run_id())
    log_steps(writer, 100)
    path = log_file(store)
    older = path.read_bytes()
    log_steps(writer, 3000)
    writer.sync()
    path.unlink()
    if how == "replaced":
        path.write_bytes(older)
    log_steps(writer, 10)
    assert not noisily(writer.sync)
    assert len(points(store)) == 3110
    log_steps(writer, 5000)
    assert len(points(store)) == 8110
    assert writer.run_id in store.snapshot().alive
    writer.close()
    assert len(points(store)) == 8110


def test_a_file_that_is_numbered_anew_at_each_look_is_the_same_file(store, monkeypatch):
    """Where a mount gives a file another number each time, its log is not written again."""
    writer = store.open_writer(new_run_id())
    log_steps(writer, 100)
    writer.sync()
    number = log_file(store).stat().st_ino
    monkeypatch.setattr(os.path, "samestat", lambda *_: False)
    log_steps(writer, 100)
    writer.sync()
    assert log_file(store).stat().st_ino == number
    writer.close()


@pytest.mark.usefixtures("unwatched")
@pytest.mark.parametrize("how", ["cut", "written over"])
def test_an_older_copy_over_an_open_log_costs_what_it_lacks_alone(store, how):
    """A log that was cut is whole again at once; what is lost is named, once."""
    writer = store.open_writer(new_run_id())
    writer.point("loss", 0, -1, 0)
    path = log_file(store)
    older = path.read_bytes()
    writer.patch(tags={"a": "b"})
    log_steps(writer, 5000)
    writer.point("accuracy", 1, 0, 0)
    writer.sync()
    writer.sync()
    with path.open("r+b") as copy:
        copy.truncate(0)
        copy.write(older if how == "written over" else b"")
    (said,) = noisily(writer.sync)
    assert "written over by another program" in said
    assert "bytes of what was logged are lost" in said
    assert path.stat().st_size >= writer._segment.size
    assert not noisily(writer.sync)
    for step in range(3000):
        writer.point("accuracy", 1, step, 0)
        writer.point("loss", 1, step, 0)
    writer.close()
    assert steps_of(store, "accuracy") == list(range(3000))
    assert steps_of(store, "loss") == [-1] * (how == "written over") + list(range(3000))


@pytest.mark.usefixtures("unwatched")
def test_a_log_that_cannot_be_put_back_is_said(store, monkeypatch):
    """While a log has no name nothing that is flushed is safe, so flush says so; then all is."""
    writer = store.open_writer(new_run_id())
    log_steps(writer, 100)
    log_file(store).unlink()
    with monkeypatch.context() as patched:
        patched.setattr(system, "reserve", lambda *_: os.read(-1, 1))
        with (
            pytest.warns(RuntimeWarning, match="cannot be put back"),
            pytest.raises(StoreError, match="is not saved"),
        ):
            writer.flush()
    writer.flush()
    log_steps(writer, 100)
    assert len(points(store)) == 200
    writer.close()


@pytest.mark.usefixtures("unwatched")
def test_the_sign_of_life_is_the_time_of_the_file_server(store, monkeypatch):
    """A byte is written again; only where that does not move the file's time is it set."""
    told = []
    monkeypatch.setattr(os, "utime", told.append)
    writer = store.open_writer(new_run_id())
    before = log_file(store).read_bytes()
    writer.sync()
    os.close(os.open(log_file(store), os.O_RDONLY))
    first = log_file(store).stat().st_mtime_ns
    while log_file(store).stat().st_mtime_ns == first:
        writer.sync()
    assert log_file(store).read_bytes() == before
    assert not told
    file = os.open(log_file(store), os.O_RDONLY)
    still = system.Beat(os.fstat(file).st_mtime_ns, -system.STILL_S)
    monkeypatch.setattr(system, "write_at", lambda *_: None)
    system.beat(file, still)
    assert told == [file]
    os.close(file)
    monkeypatch.undo()
    writer.close()
