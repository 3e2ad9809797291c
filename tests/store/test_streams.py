"""A mount that takes a file as a stream, and shows it when it is closed: rclone by default."""

from __future__ import annotations

import errno
import os
import time
import warnings
from pathlib import Path
from unittest.mock import Mock

import pytest

from tests.faults.looks import look, steps
from tests.store.test_writer import log_steps, one_run, points
from tracksite.store import ages, reading, segment, system
from tracksite.store import writer as writing
from tracksite.store.ids import new_run_id
from tracksite.store.recovery import recover
from tracksite.store.verifying import verify


class Streams:
    """What such a mount refuses of live logs; all else is this file system's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open: dict[int, str] = {}
        self._begin, self._end, self._write, self._read = os.open, os.close, os.pwrite, Path.open
        for name in ("open", "close", "pwrite", "pread", "ftruncate", "posix_fallocate"):
            monkeypatch.setattr(os, name, getattr(self, f"_{name}"))
        monkeypatch.setattr(Path, "open", self._opened())

    def _open(self, path: Path | str, flags: int, *rest, **more) -> int:
        file = self._begin(path, flags, *rest, **more)
        if flags & os.O_CREAT and str(path).endswith(".wal"):
            self.open[file] = str(path)
        return file

    def _close(self, file: int) -> None:
        self.open.pop(file, None)
        self._end(file)

    def _pwrite(self, file: int, content: bytes, at: int) -> int:
        if os.fstat(file).st_size != at:
            raise OSError(errno.ESPIPE, "Illegal seek")
        return self._write(file, content, at)

    def _opened(self):
        def opened(path: Path, *how, **more):
            if str(path) in self.open.values():
                raise FileNotFoundError(errno.ENOENT, "No such file or directory")
            return self._read(path, *how, **more)

        return opened

    @staticmethod
    def _refuse(number: int):
        def refuse(*_) -> None:
            raise OSError(number, os.strerror(number))

        return refuse

    _posix_fallocate = _refuse(errno.ESPIPE)
    _pread = _ftruncate = _refuse(errno.EPERM)


@pytest.fixture
def streams(monkeypatch) -> Streams:
    """Make this file system such a mount."""
    return Streams(monkeypatch)


@pytest.fixture
def unwatched(monkeypatch) -> None:
    """Let no thread sync a writer in the midst of a test."""
    monkeypatch.setattr(writing, "_syncer", Mock())


@pytest.mark.usefixtures("unwatched")
def test_a_run_is_logged_and_ends_without_a_word(store, streams):
    """Each frame is in the file at once; the run is whole when it ends, and its log is sealed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        writer = store.open_writer(new_run_id())
        log_steps(writer, 3000)
        writer.patch(status="finished")
        (log,) = streams.open.values()
        assert Path(log).stat().st_size == writer._segment.used
        writer.close()
    assert one_run(store)["status"] == "finished"
    assert len(points(store)) == 3000
    (listed,) = reading.list_segments(store.root / "live", None)
    assert listed.seal is not None
    assert not verify(store).problems


@pytest.mark.usefixtures("unwatched")
def test_a_run_is_seen_while_it_runs(store, streams, monkeypatch):
    """What nobody can read is saved at once, then less and less often; its writer counts as alive.

    So ranks meet in a run that goes on.
    """
    writer = store.open_writer(new_run_id())
    writer.patch(status="running")
    now, passed = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now() + passed[0])
    for second in range(600):
        passed[0] = second
        log_steps(writer, 1)
        writer.sync()
        if not second:
            assert one_run(store)["status"] == "running"
            assert store.snapshot().alive == {writer.run_id}
            assert not store.snapshot().problems
            other = store.open_writer(writer.run_id, resume=True)
    other.close()
    writer.close()
    assert len(points(store)) == 600
    assert 8 <= len(list((store.root / "live").iterdir())) <= 16


def test_what_a_killed_training_logged_is_there(store, streams):
    """The system closes the files of a process that died: all that it was told is saved is."""
    writer = store.open_writer(new_run_id())
    for step in range(1500):
        writer.point("loss", step / 7, step, 0)
    for file in list(streams.open):
        os.close(file)
    assert look(store.root).points[writer.run_id] == steps(1500)


def test_a_sign_of_life_is_given_by_our_clock(store, streams, monkeypatch):
    """Where no byte can be written again the time of the file is set, and nothing else."""
    writer = store.open_writer(new_run_id())
    (file,) = streams.open
    monkeypatch.setattr(system, "STILL_S", 0.0)
    os.utime(file, (0, 0))
    first = system.beat(file, None)
    assert system.beat(file, first).modified_ns > first.modified_ns
    monkeypatch.setattr(os, "utime", Streams._refuse(errno.EPERM))
    system.beat(file, first)
    writer.close()


@pytest.mark.usefixtures("unwatched")
def test_what_is_hidden_is_named_and_costs_nothing(store, streams):
    """A log that is listed and cannot be opened is named; its run is there once it is closed."""
    other = store.open_writer(new_run_id())
    log_steps(other, 10)
    other.close()
    writer = store.open_writer(new_run_id())
    log_steps(writer, 10)
    snapshot = store.snapshot()
    (problem,) = snapshot.problems
    assert "cannot be read before it is closed" in problem.message
    assert problem.run_id == writer.run_id
    assert set(snapshot.stamps) == {other.run_id}
    assert recover(store.root, now=1e12, grace_s=0) == []
    writer.close()
    assert not store.snapshot().problems
    assert set(store.snapshot().stamps) == {other.run_id, writer.run_id}


def test_a_log_that_only_a_late_listing_has_is_not_named(store, monkeypatch):
    """What was removed elsewhere, and is still listed here, is no problem."""
    name = f"{new_run_id()}.{'0' * 12}.5.wal"
    late, names_in = [name], reading.names_in
    monkeypatch.setattr(reading, "names_in", lambda *a: names_in(*a) + late)
    monkeypatch.setattr(ages, "clock_of", lambda _: late.clear() or 0.0)
    assert not store.snapshot().problems


def test_a_sealed_log_that_goes_again_and_again_is_named(store, monkeypatch):
    """A reader who has no part of it, and never gets to read it, goes on with the rest."""
    writer = store.open_writer(new_run_id())
    log_steps(writer, 10)
    writer.close()
    for part in (store.root / "log").iterdir():
        part.unlink()
    monkeypatch.setattr(Path, "read_bytes", Streams._refuse(errno.ENOENT))
    (problem,) = store.snapshot().problems
    assert problem.path.startswith("live/")
    assert problem.run_id == writer.run_id


@pytest.mark.usefixtures("unwatched")
def test_frames_in_memory_are_not_without_a_bound(store, streams, monkeypatch):
    """A log that cannot be read back goes on in another one before it needs too much memory."""
    monkeypatch.setattr(segment, "MEMORY_BYTES", 1 << 16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        writer = store.open_writer(new_run_id())
        log_steps(writer, 5000)
    assert len(streams.open) > 1
    assert all(Path(it).stat().st_size <= 1 << 16 for it in streams.open.values())
    writer.close()
    assert len(points(store)) == 5000


def test_a_file_that_is_closed_under_its_writer(store, streams, monkeypatch):
    """Where a child process ends the stream (it closes what it inherited) nothing is lost."""
    writer = store.open_writer(new_run_id())
    log_steps(writer, 10)
    write, refused = os.pwrite, list(streams.open)

    def ended(file: int, content: bytes, at: int) -> int:
        if file in refused:
            raise OSError(errno.EBADF, "Bad file descriptor")
        return write(file, content, at)

    monkeypatch.setattr(os, "pwrite", ended)
    log_steps(writer, 10)
    writer.close()
    assert len(points(store)) == 20
    assert not verify(store).problems
