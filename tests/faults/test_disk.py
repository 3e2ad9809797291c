"""A disk that is full never stops training, and costs nothing (promise 10)."""

from __future__ import annotations

import errno
import time
import warnings
from pathlib import Path

import pytest

from tests.faults import bodies
from tests.faults.children import WAIT_S, Child, Say
from tests.faults.looks import look, steps
from tracksite.errors import StoreError
from tracksite.store.ids import new_run_id
from tracksite.store.local import open_store

SAID = 50
WARNED, UNSAVED = 10**7, 10**8


def persist(say: Say, root: Path, run_id: str, stop: Path) -> None:
    """Log until `stop` is there, then close; say steps, warnings and whether it is unsaved."""
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
            deadline = time.monotonic() + WAIT_S
            while look(root).points[run_id].total() < step:
                assert time.monotonic() < deadline
                time.sleep(0.05)


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
    assert child.wait() == 0
    said = child.said
    count = max(word for word in said if word < WARNED)
    assert (UNSAVED in said) == until_end
    (warned,) = (word - WARNED for word in said if WARNED <= word < UNSAVED)
    assert warned == 1
    tally.points(look(root).points[run_id], steps(count), steps(count), "a full disk")
    tally.tried("disks filled up")
