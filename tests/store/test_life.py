"""Who is alive: by the process where it can be seen, else by signs, whatever the clocks say."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.store.test_writer import one_run, points, run_script
from tracksite.store import ages, life, process, recovery, system
from tracksite.store.ids import new_run_id
from tracksite.store.life import HEARTBEAT_LIMIT_S, is_alive
from tracksite.store.process import identity, is_local, is_running

ELSEWHERE = {**identity(), "pid_space": "another boot/pid:[1]"}


@pytest.fixture(autouse=True)
def _first_look(monkeypatch) -> None:
    """Let each test begin without having looked at anything."""
    monkeypatch.setattr(life, "_looks", {})
    monkeypatch.setattr(ages, "_clocks", {})


@pytest.fixture
def log(tmp_path) -> Path:
    """Return the path of a log in a folder that can be written."""
    return tmp_path / "log.wal"


def pass_time(monkeypatch, seconds: float) -> None:
    """Let our own time pass."""
    now = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: now() + seconds)


def test_another_machine_is_judged_by_its_sign_of_life(log, monkeypatch):
    """A log counts as alive for three minutes around the time of its file system."""
    monkeypatch.setattr(ages, "recent_clock_of", lambda _: 1000.0)
    for heartbeat in (1000 - HEARTBEAT_LIMIT_S + 1, 1000, 1000 + HEARTBEAT_LIMIT_S - 1):
        assert is_alive(ELSEWHERE, log.with_name(str(heartbeat)), heartbeat)
    for heartbeat in (1000 - HEARTBEAT_LIMIT_S, 1000 + HEARTBEAT_LIMIT_S):
        assert not is_alive(ELSEWHERE, log.with_name(str(heartbeat)), heartbeat)


def test_the_clock_is_that_of_the_file_system(log, monkeypatch):
    """Our own clock may be a year off: signs of life are held against the file server's."""
    log.touch()
    heartbeat = log.stat().st_mtime
    monkeypatch.setattr(time, "time", lambda: heartbeat + 3e7)
    assert is_alive(ELSEWHERE, log, heartbeat)
    assert not list(log.parent.glob("tmp-*"))


def test_a_store_that_cannot_be_written_is_held_against_our_clock(monkeypatch):
    """Where no file can be made the reader's own clock has to do."""
    monkeypatch.setattr(time, "time", lambda: 77.0)
    assert ages.clock_of(Path("/proc/nowhere")) == 77.0


def test_a_log_that_moved_between_two_looks_is_alive(log, monkeypatch):
    """Clocks that are an hour apart make no running run an interrupted one."""
    monkeypatch.setattr(ages, "recent_clock_of", lambda _: 10_000.0)
    assert not is_alive(ELSEWHERE, log, 6000.0)
    assert is_alive(ELSEWHERE, log, 6001.0)
    pass_time(monkeypatch, HEARTBEAT_LIMIT_S - 1)
    assert is_alive(ELSEWHERE, log, 6001.0)
    pass_time(monkeypatch, 2)
    assert not is_alive(ELSEWHERE, log, 6001.0)
    assert is_alive(ELSEWHERE, log, 6002.0)


def test_a_log_that_stood_still_for_long_enough_is_dead(log, monkeypatch):
    """A sign of life from a clock that is ahead counts no longer than one from ours."""
    monkeypatch.setattr(ages, "recent_clock_of", lambda _: 1000.0)
    assert is_alive(ELSEWHERE, log, 1100.0)
    pass_time(monkeypatch, HEARTBEAT_LIMIT_S)
    assert not is_alive(ELSEWHERE, log, 1100.0)


def test_a_log_that_we_saw_move_is_not_given_up(log, monkeypatch):
    """A day by the clocks is no day of silence where we saw the log move just now."""
    assert life.is_abandoned(log, 0.0, 1e6)
    life.is_abandoned(log, 1.0, 1e6)
    assert not life.is_abandoned(log, 1.0, 1e6)
    pass_time(monkeypatch, life.ABANDONED_S)
    assert life.is_abandoned(log, 1.0, 1e6)


def test_a_pid_given_out_again_is_not_the_writer():
    """A process that started at another time is not the writer, whatever its pid."""
    assert is_running(identity()) is True
    assert is_running({**identity(), "pid_started": "1"}) is False


def test_a_machine_is_known_by_its_boot_not_by_its_name():
    """Another name is the same machine; the same name on another boot, or on none, is not."""
    assert is_local({**identity(), "host": "renamed"})
    assert not is_local(ELSEWHERE)
    assert not is_local({**identity(), "pid_space": "/"})


@pytest.mark.parametrize("space", ["/", "/pid:[1]", "a boot/"])
def test_where_the_boot_is_unknown_no_process_is_ours(monkeypatch, space):
    """Machines without /proc, or that hide it, would all be taken for one another."""
    monkeypatch.setattr(system, "pid_space", lambda: space)
    assert is_running({**identity(), "pid": 2**22 + 1}) is None


def test_a_hidden_process_is_judged_by_its_sign_of_life(monkeypatch):
    """Where /proc hides processes, from the reader or the writer, nobody is dead by that."""
    assert is_running({**identity(), "pid_started": ""}) is None
    header = identity()
    monkeypatch.setattr(system, "text_of", lambda _: "")
    monkeypatch.setattr(system, "pid_space", lambda: header["pid_space"])
    assert is_running(header) is None
    assert is_running({**header, "pid": 2**22 + 1}) is False


def test_recovery_leaves_a_hidden_process_alone(store, monkeypatch):
    """Another user's living run is neither interrupted nor saved where /proc hides it."""
    child = run_script(
        store, "writer.point('loss', 1, 0, 0); os.write(1, b'x'); sys.stdin.read()", stdin=-1
    )
    assert child.stdout
    child.stdout.read(1)
    monkeypatch.setattr(process, "_started", lambda _: "")
    assert one_run(store)["status"] == "running"
    assert recovery.recover(store.root, now=1e12) == []
    child.communicate()


def test_the_log_of_another_machine_is_saved_and_stays(store, monkeypatch):
    """After a day of silence its points are parts; if it lives after all nothing is lost."""
    monkeypatch.setattr("tracksite.store.writer.identity", lambda: ELSEWHERE)
    writer = store.open_writer(new_run_id())
    writer.point("loss", 1, 0, 0)
    (path,) = (store.root / "live").iterdir()
    os.utime(path, (0, 0))
    assert recovery.recover(store.root, now=time.time(), others=False) == []
    assert recovery.recover(store.root, now=time.time()) == [writer.run_id]
    made = {one.name: one.stat().st_mtime_ns for one in (store.root / "log").iterdir()}
    assert recovery.recover(store.root, now=time.time()) == []
    assert made == {one.name: one.stat().st_mtime_ns for one in (store.root / "log").iterdir()}
    assert path.exists()
    writer.point("loss", 2, 1, 0)
    writer.close()
    assert sorted(points(store)["step"]) == [0, 1]


def test_the_clock_of_a_folder_is_asked_for_now_and_then(log, monkeypatch):
    """Who looks at a thousand logs makes one file to learn the time, and another one later."""
    asked = []
    monkeypatch.setattr(ages, "clock_of", lambda folder: asked.append(folder) or 5.0)
    assert ages.recent_clock_of(log.parent) == 5.0
    assert 5.0 <= ages.recent_clock_of(log.parent) < 15.0
    assert len(asked) == 1
    pass_time(monkeypatch, 11)
    assert ages.recent_clock_of(log.parent) == 5.0
    assert len(asked) == 2
