"""A process killed before any step of saving or packing loses nothing and doubles nothing."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.stores import log_run, pack, seen
from tracksite.store import recovery
from tracksite.store.ids import new_run_id
from tracksite.store.local import open_store
from tracksite.store.verifying import verify

# Kills this process just before the n-th step that changes what others see or what is durable.
KILL_BEFORE = """
import os, pathlib, sys

steps = iter(range(1, 10**6))

def guarded(function):
    def call(*args, **kwargs):
        if next(steps) == int(sys.argv[2]):
            os.kill(os.getpid(), 9)
        return function(*args, **kwargs)
    return call

for owner, names in ((os, ("fsync", "link")), (pathlib.Path, ("replace", "unlink", "mkdir"))):
    for name in names:
        setattr(owner, name, guarded(getattr(owner, name)))
"""
CLOSE = """
from tracksite.store.local import open_store
writer = open_store(sys.argv[1]).open_writer(sys.argv[3])
writer.patch(status="running", params={"lr": "1"})
for step in range(50):
    writer.point("loss", step / 3, step, step)
writer.flush()
for step in range(50, 100):
    writer.point("loss", step / 3, step, step)
writer.close()
"""
PACK = """
from tracksite.store import packing
from tracksite.store.local import open_store
store = open_store(sys.argv[1])
packing.pack(store.root, store.store_id, grace_s=0)
"""


def killed_at(body: str, root: Path, step: int, *words: str) -> bool:
    """Run a script that is killed before so many steps; False when it ended before that."""
    command = [sys.executable, "-c", KILL_BEFORE + body, str(root), str(step), *words]
    status = subprocess.run(command, check=False).returncode
    assert status in {0, -signal.SIGKILL}
    return status != 0


def test_a_run_killed_at_any_step_of_saving_keeps_its_points(tmp_path):
    """Killed anywhere in flush or close, a run has every acknowledged point once, then and later.

    The points before the flush were acknowledged in any case; those after it, if it was passed.
    """
    step, killed = 0, True
    while killed:
        step += 1
        store = open_store(tmp_path / str(step), create=True)
        killed = killed_at(CLOSE, store.root, step, new_run_id())
        _, folded, points = seen(store)
        found = points["step"].sort().to_list()
        assert found == list(range(len(found)))
        assert len(found) in {50, 100}
        assert folded["status"].to_list() == ["interrupted"]
        assert folded["metrics"][0][0]["count"] == len(found)
        recovery.recover(store.root, now=0)
        assert seen(store)[2].equals(points)
        assert not verify(store).problems
    assert step > 10


def test_a_packer_killed_at_any_step_changes_nothing(tmp_path):
    """Killed anywhere in packing, readers see what they saw, and packing again completes."""
    kept = open_store(tmp_path / "kept", create=True)
    for count in (1, 2):
        log_run(kept, points=5, parts_count=count)
    truth = seen(kept)
    step, killed = 0, True
    while killed:
        step += 1
        root = tmp_path / str(step)
        shutil.copytree(kept.root, root)
        killed = killed_at(PACK, root, step)
        store = open_store(root)
        for _ in range(2):
            snapshot, folded, points = seen(store)
            assert snapshot.stamps == truth[0].stamps
            assert folded.equals(truth[1])
            assert points.equals(truth[2])
            pack(store, grace_s=0)
        assert not list((root / "log").iterdir())
    assert step > 10


@pytest.mark.parametrize("packed", [False, True])
def test_any_flipped_byte_is_named_or_mended(tmp_path, packed):
    """Whichever file one byte is flipped in, no wrong value is served and no other run is hurt."""
    store = open_store(tmp_path / "store", create=True)
    ids = [log_run(store, points=8) for _ in range(3)]
    if packed:
        pack(store, grace_s=0)
    truth = {run_id: seen(store)[2].filter(run_id=run_id) for run_id in ids}
    for path in sorted((store.root / "packs" if packed else store.root / "log").iterdir()):
        whole = path.read_bytes()
        for at in range(3, len(whole), max(1, len(whole) // 5)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
            snapshot, _, points = seen(store)
            hurt = {one.run_id for one in snapshot.problems} - {None}
            for run_id in set(ids) - hurt:
                assert points.filter(run_id=run_id).equals(truth[run_id])
            for run_id in hurt:
                assert path.name.startswith(run_id)
        path.write_bytes(whole)
