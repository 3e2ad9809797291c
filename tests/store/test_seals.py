"""Sealed logs: what has become parts stays readable for an hour, and costs and hides nothing."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.looks import look, steps
from tests.store.test_upkeep import killed_run
from tests.store.test_writer import log_steps, one_run, points
from tracksite.store import ages, merging, packing, purging, reading, recovery, seals
from tracksite.store.ids import new_run_id
from tracksite.store.livelog import SLOT, patch_frame
from tracksite.store.local import open_store
from tracksite.store.replay import read_segment
from tracksite.store.seals import Seal
from tracksite.store.verifying import verify

HASHES = st.none() | st.text("0123456789abcdef", min_size=40, max_size=40)


def logged(store, count: int = 3) -> str:
    """Log one run that has ended."""
    writer = store.open_writer(new_run_id())
    writer.patch(status="running", name="r")
    for step in range(count):
        writer.point("loss", step / 7, step, step)
    writer.patch(status="finished")
    writer.close()
    return writer.run_id


def only_log(store) -> Path:
    """Return the only file in live/."""
    (path,) = (store.root / "live").iterdir()
    return path


@given(HASHES, HASHES, st.none() | st.integers(0, 10**18 - 1), st.binary(max_size=100))
def test_a_seal_is_read_from_the_end(runs, points, following, before):
    """What a seal says is read back from the last bytes of a log, whatever is in front of it."""
    seal = Seal(True, runs, points if runs else None, following)
    before += bytes(-len(before) % SLOT)
    assert seals.find((before + seal.frame())[-seals.TAIL_BYTES :]) == seal
    assert seals.find(Seal(False, next=following).frame()) == Seal(False, next=following)


@pytest.mark.parametrize(
    "said",
    [
        {"runs": "x"},
        {"runs": 1},
        {"runs": None, "points": "a" * 40},
        {"runs": "a" * 40, "next": -1},
        {"next": True},
        [],
        "a",
        None,
    ],
)
def test_what_is_no_seal_seals_nothing(said):
    """A last frame that says what no seal does leaves its log open."""
    assert seals.find(patch_frame({"sealed": said})) is None


def test_bytes_behind_a_seal_or_damage_in_it_leave_a_log_open():
    """A log is sealed only by its very last frame, and a whole one."""
    frame = Seal(True, "a" * 40).frame()
    assert seals.find(frame)
    assert seals.find(frame + bytes(SLOT)) is None
    assert seals.find(frame[:-1]) is None
    assert seals.find(frame[:9] + b"x" + frame[10:]) is None
    assert seals.find(b"") is None


def test_an_ended_run_leaves_its_log_sealed_and_short(store):
    """The log says which parts it became, has no room left, and may be written by its owner."""
    logged(store)
    path = only_log(store)
    seal = seals.find(path.read_bytes()[-seals.TAIL_BYTES :])
    assert seal
    assert seal.is_in({part.hash for part in reading.list_parts(store.root / "log", None)})
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IWUSR
    found = read_segment(path.read_bytes())
    assert found.sealed
    assert found.length < path.stat().st_size < found.length + seals.TAIL_BYTES


def test_an_open_log_cannot_be_written_by_others(store):
    """An older copy is not copied over a log that is written to."""
    writer = store.open_writer(new_run_id())
    assert not stat.S_IMODE(only_log(store).stat().st_mode) & 0o222
    log_steps(writer, 5000)
    writer.close()
    assert points(store).height == 5000


def test_a_sealed_log_adds_nothing_to_what_is_in_parts(store):
    """State, stamps and answers are the same while the log is there and after it has gone."""
    run_id = logged(store)
    before, state = store.snapshot(), store.state()
    seen = look(store.root).run(run_id)
    assert recovery.recover(store.root, now=0, grace_s=0) == []
    assert not list((store.root / "live").iterdir())
    assert store.state() == state
    assert store.snapshot().stamps == before.stamps
    assert look(store.root).run(run_id) == seen


def test_a_reader_whose_listing_is_old_reads_the_sealed_log(store, monkeypatch):
    """A run that has just ended is whole for those who do not see its parts yet."""
    run_id = logged(store)
    seen = look(store.root).run(run_id)
    with monkeypatch.context() as stale:
        stale.setattr(reading, "list_parts", lambda *_: [])
        assert points(store).height == 3
        assert one_run(store)["status"] == "finished"
        assert not store.snapshot().alive
    for path in (store.root / "log").iterdir():
        path.unlink()
    assert look(store.root).run(run_id) == seen
    assert not verify(store).problems


def test_a_sealed_log_whose_parts_are_there_is_not_read(store, monkeypatch):
    """However many runs have ended within the hour, their logs cost a look at their ends."""
    for _ in range(3):
        logged(store)
    monkeypatch.setattr(reading, "decode", lambda *_: pytest.fail("a log was read"))
    assert store.snapshot().patches.height == 3
    assert store.state()
    assert not reading.open_logs(store.root)


def test_a_rotated_run_is_never_interrupted(store, monkeypatch):
    """A reader that listed the logs before the next one was made sees a run that goes on."""
    writer = store.open_writer(new_run_id())
    writer.patch(status="running")
    log_steps(writer, 3)
    before = only_log(store).name
    writer.save()
    names = reading.names_in
    with monkeypatch.context() as stale:
        stale.setattr(
            reading,
            "names_in",
            lambda folder, ids: [before] if folder.name == "live" else names(folder, ids),
        )
        assert one_run(store)["status"] == "running"
    assert one_run(store)["status"] == "running"
    writer.close()
    assert one_run(store)["status"] == "interrupted"


def test_readers_beside_a_writer_never_see_it_interrupted(store):
    """While a run is saved again and again it is running at each look, and no point is missing."""
    writer = store.open_writer(new_run_id())
    writer.patch(status="running")
    writer.point("loss", 0.0, 0, 0)
    stop, wrong, seen = threading.Event(), [], [0]

    def read() -> None:
        while not stop.is_set():
            snapshot = store.snapshot()
            if writer.run_id not in snapshot.alive or snapshot.problems:
                wrong.append((snapshot.alive, snapshot.problems))
            seen[0] += 1

    reader = threading.Thread(target=read)
    reader.start()
    step = 0
    while seen[0] < 10 and reader.is_alive():
        step += 1
        writer.point("loss", step / 7, step, step)
        writer.save()
    stop.set()
    reader.join()
    writer.close()
    assert not wrong
    assert points(store).height == step + 1


def test_the_seal_stays_for_the_grace(store, monkeypatch):
    """A sealed log goes an hour after it was sealed, or came, by the clock of the file system."""
    logged(store)
    path = only_log(store)
    os.utime(path, (0, 0))
    sealed_at = path.stat().st_ctime
    monkeypatch.setattr(ages, "recent_clock_of", lambda _: sealed_at + recovery.SEALED_S - 1)
    recovery.recover(store.root, now=1e12)
    assert path.exists()
    monkeypatch.setattr(ages, "recent_clock_of", lambda _: sealed_at + recovery.SEALED_S)
    recovery.recover(store.root, now=0)
    assert not path.exists()


def test_a_sealed_log_without_its_parts_is_kept(store):
    """Whoever copied a log before its parts keeps it until they come, or are known to be packed."""
    run_id = logged(store)
    seen, path = look(store.root).run(run_id), only_log(store)
    packing.pack(store.root, grace_s=0)
    assert not list((store.root / "log").iterdir())
    recovery.recover(store.root, now=0, grace_s=0)
    assert path.exists()
    assert look(store.root).run(run_id) == seen
    seal = seals.find(path.read_bytes()[-seals.TAIL_BYTES :])
    recovery.recover(store.root, now=0, grace_s=0, packed=lambda: {seal.runs, seal.points})
    assert not path.exists()
    assert look(store.root).run(run_id) == seen


def test_a_dead_log_is_saved_sealed_and_stays(store):
    """What a killed process left is parts at once, and readers of its log are not disturbed."""
    run_id = killed_run(store)
    before, inode = only_log(store).read_bytes(), only_log(store).stat().st_ino
    assert recovery.recover(store.root, now=0) == [run_id]
    path = only_log(store)
    assert path.stat().st_ino != inode
    assert path.read_bytes().startswith(before.rstrip(b"\0")[:-SLOT])
    assert points(store).height == 100
    assert not reading.open_logs(store.root)
    assert recovery.recover(store.root, now=0) == []


def test_a_log_that_was_half_sealed_is_sealed_again(store):
    """A writer that died between its seal and cutting off the room is completed by recovery."""
    logged(store)
    path = only_log(store)
    sealed = path.read_bytes()
    path.write_bytes(sealed + bytes(4096))
    header = read_segment(sealed).header
    dead = patch_frame({**header, "pid_started": "1"})
    path.write_bytes(dead + sealed[len(patch_frame(header)) :] + bytes(4096))
    assert reading.open_logs(store.root)
    recovery.recover(store.root, now=0)
    assert len(path.read_bytes()) == len(sealed)
    assert not reading.open_logs(store.root)


def test_an_ended_log_without_parts_is_saved_by_whoever_comes(store):
    """A log that says it has ended is saved by anybody, and its seal says so then."""
    run_id = logged(store)
    seen, path = look(store.root).run(run_id), only_log(store)
    content = path.read_bytes()
    path.write_bytes(content[: read_segment(content).length] + Seal(False).frame())
    for part in (store.root / "log").iterdir():
        part.unlink()
    assert look(store.root).run(run_id) == seen
    assert not store.snapshot().alive
    assert recovery.recover(store.root, now=0) == [run_id]
    assert path.read_bytes() == content
    assert look(store.root).run(run_id) == seen


def test_packing_without_grace_leaves_nothing_outside_packs(store):
    """Sealed logs hold up neither packing nor gc, and go with what they stand for."""
    run_id = logged(store)
    seen = look(store.root).run(run_id)
    recovery.recover(store.root, now=0, grace_s=0)
    assert packing.pack(store.root, grace_s=0).packed == 2
    assert not [*(store.root / "log").iterdir(), *(store.root / "live").iterdir()]
    assert look(store.root).run(run_id) == seen


def test_a_purge_takes_sealed_logs_too(store):
    """A run that was removed for good does not come back from what its writer left behind."""
    from tests.store.test_upkeep import NOW

    run_id = logged(store)
    assert purging.with_log(store, [run_id]) == set()
    purging.purge(store, [run_id], at=NOW, by="me", why="")
    assert not store.snapshot().stamps
    assert not list((store.root / "live").iterdir())


def test_what_cannot_be_read_is_named_and_its_parts_stay(store, monkeypatch):
    """An error of the mount is no sign that the log went: it is named; a stale handle is not."""
    run_id = logged(store)
    writer = store.open_writer(run_id, resume=True)
    (path,) = (it for it in (store.root / "live").iterdir() if str(writer.seq) in it.name)
    for number, named in ((5, [f"live/{path.name}"]), (116, [])):
        broken = Path.open

        def refuse(self, *args, broken=broken, number=number, **options):
            if self == path:
                raise OSError(number, os.strerror(number))
            return broken(self, *args, **options)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "open", refuse)
            snapshot = store.snapshot()
        assert [problem.path for problem in snapshot.problems] == named
        assert run_id in snapshot.stamps
    writer.close()


def test_merging_takes_open_and_sealed_logs(store, tmp_path):
    """Logs that others may not write are copied, may be replaced by longer ones, and are read."""
    logged(store)
    writer = store.open_writer(new_run_id())
    writer.point("loss", 0.0, 0, 0)
    target = open_store(tmp_path / "target", create=True)
    merging.merge(store, target)
    writer.point("loss", 1 / 7, 1, 1)
    merging.merge(store, target)
    writer.close()
    merging.merge(store, target)
    assert look(target.root) == look(store.root)
    assert look(target.root).points[writer.run_id] == steps(2)
    assert not reading.open_logs(target.root)
    shutil.copytree(store.root, tmp_path / "copied")
    assert look(tmp_path / "copied").points == look(store.root).points


def test_a_stopped_process_is_still_open(store, monkeypatch):
    """A run of this machine that was suspended for a day is neither packed nor removed."""
    writer = store.open_writer(new_run_id())
    (path,) = (store.root / "live").iterdir()
    os.utime(path, (0, 0))
    assert reading.open_logs(store.root) == {writer.run_id}
    monkeypatch.setattr(reading, "has_writer", lambda _: False)
    assert not reading.open_logs(store.root)
    monkeypatch.undo()
    writer.close()


def test_no_room_for_a_seal_is_no_error(store, monkeypatch):
    """Where the disk has no room for it the log goes, for its parts are there."""

    def refuse(*_) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(seals, "put", refuse)
    run_id = logged(store)
    assert not list((store.root / "live").iterdir())
    assert look(store.root).points[run_id] == steps(3)
