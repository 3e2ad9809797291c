"""Each assumption about the system, taken away: logging, reading and upkeep go on without it."""

from __future__ import annotations

import errno
import mmap
import os
import socket
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from unittest.mock import Mock

import pytest
from click.testing import CliRunner

import tracksite
from tests.faults.looks import look, steps
from tests.store.stores import log_run
from tests.store.test_writer import log_steps, one_run, points
from tracksite.cli.app import app
from tracksite.store import ages, life, process, reading, syncing, system, verdicts
from tracksite.store import writer as writing
from tracksite.store.ids import new_run_id
from tracksite.store.local import open_store
from tracksite.store.recovery import recover
from tracksite.store.verifying import verify


class NoRemap(mmap.mmap):
    """Mapped memory of a system without mremap(2), as Python has it there."""

    def resize(self, newsize: int) -> None:  # noqa: ARG002 - of mmap
        """Refuse."""
        raise SystemError("mmap: resizing not available--no mremap()")


def python(script: str, **options) -> str:
    """Return what a script prints in a process of its own."""
    words = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_log_grows_without_mremap(store, monkeypatch):
    """Where mapped memory cannot be resized (macOS) the log is mapped anew, by its owner too."""
    monkeypatch.setattr(mmap, "mmap", NoRemap)
    writer = store.open_writer(new_run_id())
    owner = writer._segment.owner
    assert owner == threading.get_ident()
    log_steps(writer, 20_000)
    assert writer._segment.owner == owner
    writer.points({"accuracy": 1.0}, 0, 0)
    writer.close()
    assert len(points(store)) == 20_001


def test_a_log_whose_growth_cannot_be_mapped_goes_on(store, monkeypatch):
    """Where a log can be mapped no further its points are written one by one."""
    writer = store.open_writer(new_run_id())
    monkeypatch.setattr(mmap, "mmap", NoRemap)
    writer._segment.shared()
    writer.save()
    monkeypatch.setattr(system, "mapped", lambda *_: None)
    log_steps(writer, 20_000)
    assert writer._segment.buffer is None
    assert not writer._segment.owner
    writer.close()
    assert len(points(store)) == 20_000


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOSYS, None])
def test_blocks_need_not_be_reserved(store, monkeypatch, number):
    """Without posix_fallocate, in the system or the file system, a log is written all the same."""

    def refuse(*_) -> None:
        raise AttributeError if number is None else OSError(number, "no")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    writer = store.open_writer(new_run_id())
    log_steps(writer, 5000)
    writer.close()
    assert len(points(store)) == 5000


def test_a_folder_that_cannot_be_synced_is_no_error(tmp_path, monkeypatch):
    """On SMB and some FUSE mounts fsync of a folder is EINVAL: stores, runs and artifacts work."""
    no_folder_sync(monkeypatch)
    store = open_store(tmp_path / "runs", create=True)
    tracksite.set_tracking_uri(str(store.root))
    with tracksite.start_run():
        tracksite.log_text("a", "a.txt")
        tracksite.flush()
    assert not verify(store).problems


def test_a_disk_that_refuses_to_sync_a_folder_is_an_error(tmp_path, monkeypatch):
    """EIO is no missing feature: what could not be made durable is said."""

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="Input/output"):
        system.sync_folder(tmp_path)


@pytest.fixture
def threadless(monkeypatch) -> None:
    """Allow no more threads, as the process limits of clusters do."""

    def refuse(_) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(writing, "_syncer", syncing.Syncer())
    monkeypatch.setattr(threading.Thread, "start", refuse)


@pytest.mark.usefixtures("threadless")
def test_a_run_without_threads_has_its_status_and_all_its_points(store, monkeypatch):
    """Where no thread can be started a run is logged, flushed in the calls, ended and saved."""
    tracksite.set_tracking_uri(str(store.root))
    monkeypatch.setattr(writing, "SYNC_S", 0.0)
    synced = []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda file: synced.append(file) or sync(file))
    with tracksite.start_run() as run:
        for step in range(200):
            run.log_metric("loss", 1.0, step)
    assert len(synced) >= 200
    monkeypatch.undo()
    assert one_run(store)["status"] == "finished"
    assert len(points(store)) == 200
    assert not reading.open_logs(store.root)


@pytest.mark.usefixtures("threadless")
def test_system_metrics_without_threads_are_a_warning(store):
    """A run that cannot watch the machine says so and goes on."""
    tracksite.set_tracking_uri(str(store.root))
    with (
        pytest.warns(RuntimeWarning, match="no more threads"),
        tracksite.start_run(log_system_metrics=True) as run,
    ):
        run.log_metric("loss", 1.0)


@pytest.mark.parametrize(
    "without",
    [
        "os.fork, os.register_at_fork",
        "os.posix_fallocate, os.fchmod",
        "os.pread, os.pwrite",
    ],
)
def test_a_system_without_a_call(tmp_path, without):
    """Whatever other systems lack, a run is logged and read."""
    root = tmp_path / "runs"
    python(
        f"""
        import os
        del {without}
        import tracksite
        tracksite.set_tracking_uri({str(root)!r})
        with tracksite.start_run() as run:
            for step in range(3000):
                run.log_metric("loss", step / 7, step)
            run.flush()
        """
    )
    found = look(root)
    assert list(found.points.values()) == [steps(3000)]
    assert not found.problems


def test_a_store_without_hard_links(tmp_path, monkeypatch):
    """On exFAT and rclone mounts there are none: stores are made, logged to and read."""
    no_links(monkeypatch)
    store = open_store(tmp_path / "runs", create=True)
    log_run(store)
    assert recover(store.root, now=0, grace_s=0) == []
    assert len(store.snapshot().stamps) == 1
    assert not verify(store).problems


def no_links(monkeypatch) -> None:
    """Take hard links away, as exFAT and rclone mounts do."""
    monkeypatch.setattr(os, "link", Mock(side_effect=OSError(errno.EPERM, "no links")))


def no_folder_sync(monkeypatch) -> None:
    """Refuse to sync a folder, as SMB and some FUSE mounts do."""
    sync = os.fsync

    def refuse(file: int) -> None:
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(file)

    monkeypatch.setattr(os, "fsync", refuse)


def command(*words: object) -> str:
    """Run `tracksite`, which has to go well; return what it says."""
    done = CliRunner().invoke(app, list(map(str, words)), prog_name="tracksite")
    assert done.exit_code == 0, done.output
    return done.stderr


def logged_run(root: Path, text: str) -> str:
    """Log a run with points and one artifact twice; return its id."""
    tracksite.set_tracking_uri(str(root))
    with tracksite.start_run() as run:
        for step in range(3):
            run.log_metric("loss", step / 7, step)
        run.log_text("before", "a.txt")
        run.log_text(text, "a.txt")
    return run.info.run_id


@pytest.mark.parametrize("take_away", [no_links, no_folder_sync])
def test_upkeep_and_builds_on_poor_file_systems(tmp_path, monkeypatch, take_away):
    """Pack, gc, merge, verify and build work without hard links, or the sync of folders."""
    take_away(monkeypatch)
    here, there = tmp_path / "here", tmp_path / "there"
    run_ids = [logged_run(here, "here"), logged_run(there, "there")]
    command("pack", here)
    for _ in range(2):
        command("merge", there, here)
        command("pack", here, "--grace", "0h")
        assert sorted(path.name for path in (here / "log").iterdir()) == []
        found = look(here)
        assert list(found.points.values()) == [steps(3), steps(3)]
        assert not found.problems
    site = tmp_path / "site"
    command("build", here, "-o", site)
    command("build", here, "-o", site)
    shown = {path.read_text() for path in site.rglob("a*.txt")}
    assert shown == {"here", "there"}
    command("verify", here)
    assert "Removed 2 runs" in command("gc", here, "--older-than", "0h", "--yes")
    assert not look(here).points
    command("merge", there, here)
    assert not look(here).points.keys() & set(run_ids)
    assert not verify(open_store(here)).problems


def test_a_machine_without_names(store, monkeypatch):
    """A run starts where neither the machine nor the user has a name, and on no known boot."""

    def refuse(*_) -> str:
        raise OSError(errno.ENAMETOOLONG, "no name")

    system.host_name.cache_clear()
    monkeypatch.setattr(socket, "gethostname", refuse)
    monkeypatch.setattr("getpass.getuser", refuse)
    tracksite.set_tracking_uri(str(store.root))
    with tracksite.start_run() as run:
        run.log_metric("loss", 1.0)
    system.host_name.cache_clear()
    assert (one_run(store)["user"], one_run(store)["host"]) == (None, None)


def test_no_proc_is_no_boot(store, monkeypatch):
    """Without /proc a run is alive by its signs of life, and nobody takes its log away."""
    monkeypatch.setattr(system, "text_of", lambda _: "")
    monkeypatch.setattr(system, "_link", lambda _: "")
    writer = store.open_writer(new_run_id())
    writer.patch(status="running")
    assert process.is_running(process.identity()) is None
    assert one_run(store)["status"] == "running"
    assert recover(store.root, now=1e12) == []
    writer.close()


def test_a_boot_of_macos_is_its_session(monkeypatch):
    """Where boots have a session's name it says the boot; where that is unknown, nothing does."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(system, "_boot_session", lambda: "5B6F")
    header = process.identity()
    assert process.is_local(header)
    monkeypatch.setattr(system, "_boot_session", lambda: "")
    assert not process.is_local(header)
    assert not process.is_local(process.identity())


def test_no_session_of_a_boot_elsewhere():
    """Asking this system for macOS's name of a boot gives none, and no error."""
    assert system._boot_session.__wrapped__() == ""


def test_no_signal_is_sent_on_windows(monkeypatch):
    """There signal 0 is Ctrl-C: a process is never asked for that way."""
    monkeypatch.setattr(system, "WINDOWS", True)
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a signal was sent"))
    header = process.identity()
    assert process.is_running(header) is None
    monkeypatch.setattr(ages, "recent_clock_of", lambda _: 1000.0)
    assert life.is_alive(header, Path("log"), 1000.0)


def test_a_run_lives_and_dies_on_windows(tmp_path, monkeypatch):
    """Nobody is sent a signal there: who logs is alive by the log's time, and dead when it ages."""
    signals: list[object] = []
    monkeypatch.setattr(system, "WINDOWS", True)
    monkeypatch.setattr(os, "kill", lambda *sent: signals.append(sent))
    store = open_store(tmp_path / "runs", create=True)
    writer = store.open_writer(new_run_id())
    writer.patch(status="running")
    log_steps(writer, 100)
    assert one_run(store)["status"] == "running"
    assert recover(store.root, now=1e12) == []
    command("pack", store.root)
    writer.close()
    monkeypatch.setattr(writing, "_syncer", Mock())  # it gives no more signs of life
    other = store.open_writer(writer.run_id, resume=True)
    log_steps(other, 10)
    (log,) = (it for it in (store.root / "live").iterdir() if str(other.seq) in it.name)
    os.utime(log, (0, 0))
    assert not store.snapshot().alive
    other.close()
    assert len(points(store)) == 110
    assert signals == []


def test_what_is_open_is_neither_renamed_nor_removed(store, monkeypatch):
    """On Windows that is refused: a log is closed before it goes or is cut."""
    told = []
    close, truncate, unlink = os.close, os.ftruncate, type(store.root).unlink
    monkeypatch.setattr(os, "close", lambda file: told.append("close") or close(file))
    monkeypatch.setattr(
        type(store.root), "unlink", lambda *a, **o: told.append("unlink") or unlink(*a, **o)
    )
    writer = store.open_writer(new_run_id())
    segment = writer._segment
    monkeypatch.setattr(
        os,
        "ftruncate",
        lambda *a: told.append("cut" if segment.buffer.closed else "cut mapped") or truncate(*a),
    )
    told.clear()
    writer.close()
    assert [one for one in told if one in {"close", "unlink"}][-2:] == ["close", "unlink"]
    writer = store.open_writer(new_run_id())
    segment = writer._segment
    writer.point("loss", 1, 0, 0)
    writer.close()
    assert "cut" in told
    assert "cut mapped" not in told


def test_a_user_without_a_home_reads_without_a_cache(store, monkeypatch):
    """In a container with an unknown uid nothing is remembered, and nothing stops."""

    def refuse() -> None:
        raise RuntimeError("Could not determine home directory.")

    log_run(store)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("pathlib.Path.home", refuse)
    assert verdicts.cache_file(store.root) is None
    assert len(store.snapshot().stamps) == 1
    assert not verify(store).problems


def test_a_watch_without_inotify_looks_by_itself(store, monkeypatch):
    """Where the system gives no more watches, or threads, changes are found by looking."""
    from watchdog.observers import Observer

    from tracksite.watch.session import _observe

    for error in (OSError(errno.ENOSPC, "inotify watch limit reached"), RuntimeError("no thread")):

        def refuse(*_, error=error, **__) -> None:
            raise error

        monkeypatch.setattr(Observer, "start", refuse)
        assert _observe(store, threading.Event()) is None


def test_python_m_tracksite_is_tracksite():
    """The command is there wherever the package is."""
    words = [sys.executable, "-m", "tracksite", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: tracksite")


def test_signs_of_life_go_on_in_a_child(store):
    """A forked child that logs is synced each second by a thread of its own."""
    if not hasattr(os, "fork"):
        pytest.skip("no forks here")
    writer = store.open_writer(new_run_id())
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        writer.point("loss", 1, 0, 0)
        names = {thread.name for thread in threading.enumerate()}
        os.write(write, b"1" if "tracksite-sync" in names else b"0")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1) == b"1"
    os.close(read)
    os.close(write)
    writer.close()
