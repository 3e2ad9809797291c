"""One segment, many hands: threads, signal handlers, file systems that cannot map."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.store.test_writer import HEADER, log_steps, points, run_script
from tests.waiting import HANG_S
from tracksite.errors import StoreError
from tracksite.store import livelog
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
    monkeypatch.setattr(livelog, "_mapped", lambda *_: None)
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
        patched.setattr(livelog, "_reserve", lambda *_: os.read(9999, 1))
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
    monkeypatch.setattr(writing, "FULL_BYTES", 1 << 16)
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
