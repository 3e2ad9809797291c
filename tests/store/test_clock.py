"""The clock of edits: what is said later has a greater number, whatever the clocks say."""

from __future__ import annotations

import threading
import time

import pytest

import tracksite
from tests.store.test_writer import HEADER, one_run
from tracksite.errors import DamageError
from tracksite.store import clock, logs, reading
from tracksite.store import writer as writing
from tracksite.store.ids import new_run_id
from tracksite.store.livelog import patch_frame, point_frame
from tracksite.store.replay import LiveSegment, read_segment

DAY_NS = 86_400 * 10**9


@pytest.fixture(autouse=True)
def _own_clock(monkeypatch) -> None:
    """Let no test raise the numbers of the next one."""
    monkeypatch.setattr(clock, "_given", [0])


def shift(monkeypatch, nanoseconds: int) -> None:
    """Set this process's clock."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + nanoseconds)


def live(store) -> LiveSegment:
    """Return what the only open live log says."""
    found = logs.list_segments(store.root / "live", None)
    (segment,) = (one for one in found if one.seal is None)
    return reading.decode(segment)


def test_numbers_say_the_time_and_always_rise(monkeypatch):
    """Numbers rise while the clock stands still or goes back, and say the time that it is."""
    first = clock.tick()
    assert abs(clock.wall_ms(first) - time.time() * 1000) < 60_000
    stopped = clock.wall_ms(first) * 1_000_000 - 3600 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: stopped)
    assert clock.tick() == first + 1
    assert clock.tick(first + 10) == first + 11
    assert clock.tick() == first + 12
    assert clock.ahead_ns(first) == 3600 * 10**9


def test_numbers_of_threads_are_all_different():
    """Of numbers that threads ask for at once no two are equal."""
    given: list[list[int]] = [[] for _ in range(4)]
    threads = [
        threading.Thread(target=lambda own=own: own.extend(clock.tick() for _ in range(5000)))
        for own in given
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({number for own in given for number in own}) == 20_000
    assert all(own == sorted(own) for own in given)


def test_a_number_from_a_broken_clock_raises_those_of_its_run_alone():
    """A hostile file cannot push the numbers of other runs, nor past what a name can hold."""
    assert clock.tick(clock.MOST) == clock.MOST
    assert clock.tick(clock.MOST - 1) == clock.MOST
    assert clock.wall_ms(clock.tick()) < time.time() * 1000 + 60_000


def test_a_run_says_when_it_said_what(store, monkeypatch):
    """What is said after the beginning has a number of its own, and what begins a run has none."""
    monkeypatch.setattr(writing, "AT_ONCE_MS", 600_000)  # however slow the machine is
    writer = store.open_writer(new_run_id())
    writer.patch(status="running", name="a", tags={"a": "1"}, params={"lr": "1"})
    before = clock.tick()
    writer.patch(tags={"a": "2"}, params={"b": "1"}, environment={"os": "x"}, name=None)
    writer.patch(status="finished", artifacts=[{"path": "p", "bytes": 1, "sha256": "x"}])
    found = live(store)
    assert set(found.edits) == {("tags", "a"), ("status", ""), ("artifacts", "p")}
    assert writer.seq < before < found.edits["tags", "a"] < found.edits["status", ""]
    assert "seq" not in found.patch
    writer.close()


def test_what_begins_late_has_a_number(store, monkeypatch):
    """The first thing that is said counts as said when it was, not when the log was opened."""
    writer = store.open_writer(new_run_id())
    other = clock.tick()
    writer.patch(tags={"a": "1"})
    assert live(store).edits["tags", "a"] > other
    writer.save()
    shift(monkeypatch, 10**9)
    writer.patch(tags={"a": "2"})
    assert clock.wall_ms(live(store).edits["tags", "a"]) >= clock.wall_ms(writer.seq) + 900
    writer.close()


def test_a_run_that_goes_on_where_the_clock_is_behind_is_later_all_the_same(store, monkeypatch):
    """Numbers and times of one run never go back, from whatever machine it is logged to."""
    tracksite.set_tracking_uri(str(store.root))
    now = time.time_ns()
    with monkeypatch.context() as ahead:
        shift(ahead, DAY_NS)
        ahead.setattr("tracksite.tracking.active.time_ns", time.time_ns)
        with tracksite.start_run(run_name="first") as run:
            run.log_metric("loss", 1.0)
        store.write_patch(run.run_id, "run", {"tags": {"checked": "yes"}})
    monkeypatch.setattr(clock, "_given", [0])
    with tracksite.start_run(run_id=run.run_id, run_name="second") as run:
        run.log_metric("loss", 2.0)
        run.log_series("more", [1.0, 2.0])
    assert one_run(store)["name"] == "second"
    metrics = {item["key"]: item for item in one_run(store)["metrics"]}
    assert metrics["loss"]["last"] == 2.0
    assert metrics["more"]["last_at"].timestamp() > now / 1e9 + 86_000
    assert one_run(store)["ended_at"] >= metrics["loss"]["last_at"]
    with tracksite.start_run() as another:
        assert another.info.started_at.timestamp() < now / 1e9 + 80_000


def test_the_length_is_that_of_the_whole_frames():
    """How long a log is follows from its bytes: torn frames and empty slots add nothing."""
    frames = [patch_frame(HEADER), patch_frame({"key": [0, "loss"]})]
    frames += [point_frame(0, step, 0, 1.0) for step in range(3)]
    whole = b"".join(frames)
    assert read_segment(whole).length == len(whole)
    assert read_segment(whole + bytes(64)).length == len(whole)
    assert read_segment(whole[:-1]).length == len(whole) - 32
    assert read_segment(whole + patch_frame({"sealed": {"runs": "a"}})).length == len(whole)


@pytest.mark.parametrize("number", ["1", True, -1, 1.5, clock.MOST + 1])
def test_a_number_that_no_clock_gives_is_refused(number):
    """A log that says a number as none can be is damaged, not believed."""
    with pytest.raises(DamageError, match="no clock gives"):
        read_segment(patch_frame(HEADER) + patch_frame({"name": "x", "seq": number}))
