"""A disk that refuses never stops training, and costs nothing (promise 10)."""

from __future__ import annotations

import errno
import re
import time
import warnings
from functools import partial
from pathlib import Path

import pytest

from tests.faults import bodies
from tests.faults.children import Child, Say, refused
from tests.faults.looks import look, steps
from tests.faults.tally import Tally
from tests.waiting import until
from tracksite.errors import StoreError
from tracksite.store import segment
from tracksite.store.ids import new_run_id
from tracksite.store.local import open_store

SAID = 50
WARNED, UNSAVED = 10**7, 10**8


def persist(say: Say, root: Path, run_id: str, stop: Path, *, as_root: bool = True) -> None:
    """Log until `stop` is there, then close; say steps, warnings and whether it is unsaved."""
    if not as_root:
        bodies.bind_by_permissions()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        writer = open_store(root).open_writer(run_id)
        step = 0
        while not stop.exists():
            bodies.point(writer, step)
            step += 1
            say(step)
            time.sleep(0.0005)
        say(WARNED + len(caught))
        try:
            writer.close()
        except StoreError:
            say(UNSAVED)
            until(lambda: look(root).points[run_id].total() >= step)


def fill(disk: Path) -> Path:
    """Leave no room on a disk; return the file that takes it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            full = error
    assert full.errno == errno.ENOSPC
    return filler


def forbid(folders: list[Path], mode: int) -> None:
    """Set what may be done in some folders."""
    for folder in folders:
        folder.chmod(mode)


@pytest.mark.parametrize("until_end", [False, True], ids=["for a while", "until the end"])
def test_a_full_disk_never_stops_training_and_costs_nothing(small_disk, tmp_path, tally, until_end):
    """All lands when room returns; there is no storm of warnings; an end without room raises."""
    disk = small_disk("1m")
    root, run_id, stop = disk / "runs", new_run_id(), tmp_path / "stop"
    open_store(root, create=True)
    child = Child(tally, persist, root, run_id, stop)
    child.wait_for(SAID)
    filler = fill(disk)
    child.wait_for(3000)  # more than its log has room for
    if until_end:
        stop.touch()
        while child.said[-1] != UNSAVED:
            child.wait_for(len(child.said) + 1)
    filler.unlink()
    stop.touch()
    assert (UNSAVED in ended(child, root, run_id, tally, "a full disk")) == until_end
    tally.tried("disks filled up")


def ended(child: Child, root: Path, run_id: str, tally: Tally, what: str) -> list[int]:
    """Wait for its end: all was saved, with one warning; return what it said."""
    assert child.wait() == 0
    said = child.said
    count = max(word for word in said if word < WARNED)
    (warned,) = (word - WARNED for word in said if WARNED <= word < UNSAVED)
    assert warned == 1
    tally.points(look(root).points[run_id], steps(count), steps(count), what)
    return said


@pytest.mark.parametrize(
    ("error", "from_start"), [("EDQUOT", True), ("EIO", False), ("EROFS", False)]
)
@pytest.mark.usefixtures("strace")
def test_calls_that_the_kernel_refuses_cost_nothing(store, tmp_path, tally, error, from_start):
    """A used-up quota, a disk with errors, one that turns read-only: all lands when it is over."""
    run_id, stop = new_run_id(), tmp_path / "stop"
    refusal = refused(error)
    child = Child(tally, persist, store.root, run_id, stop, strace=refusal if from_start else ())
    child.wait_for(SAID)
    if not from_start:
        child.attach(refusal)
    child.wait_for(3000)
    child.relent()
    stop.touch()
    ended(child, store.root, run_id, tally, error)
    tally.tried("disks that refused")


def test_a_store_that_may_not_be_written_costs_nothing(store, tmp_path, tally):
    """What is logged without permission waits, and lands when it is given."""
    run_id, stop = new_run_id(), tmp_path / "stop"
    folders = [store.root / name for name in ("live", "log", ".")]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    forbid(folders, 0o500)
    child = Child(tally, partial(persist, as_root=False), store.root, run_id, stop)
    child.wait_for(3000)
    forbid(folders, 0o700)
    stop.touch()
    ended(child, store.root, run_id, tally, "a store that may not be written")
    tally.tried("permissions denied")


def test_a_disk_that_stays_away_costs_bounded_memory_and_says_how_much_is_lost(
    store, monkeypatch, recwarn
):
    """The buffer in memory has an end: what came before it is saved, what came after is counted."""
    monkeypatch.setattr(segment, "MEMORY_BYTES", 1 << 20)
    run_id = new_run_id()
    (store.root / "live").rmdir()
    (store.root / "live").write_text("in the way")
    writer = store.open_writer(run_id)
    for step in range(100_000):  # 3.2 MB
        bodies.point(writer, step)
    waits, loses = (str(warned.message) for warned in recwarn)
    assert "waits in memory" in waits
    assert "is losing points" in loses
    with pytest.raises(StoreError, match=r"lost \d+ points: its disk refused") as caught:
        writer.close()
    (lost,) = map(int, re.findall(r"lost (\d+) points", str(caught.value)))
    (store.root / "live").unlink()
    assert look(store.root).points[run_id] == steps(100_000 - lost)
    assert 100_000 - lost > 30_000
