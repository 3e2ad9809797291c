"""The power fails at any moment (promise 2): what was acknowledged is on disk, nothing is wrong."""

from __future__ import annotations

import pickle
import random
import re
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.faults import bodies
from tests.faults.children import Child, Say, counting
from tests.faults.conftest import LONG
from tests.faults.looks import look, steps
from tests.faults.power import Moment, Recorder, disk_at
from tests.faults.tally import FALSE, HURT, LOST, Tally
from tracksite.errors import TracksiteError
from tracksite.store import merging, packing, syncing
from tracksite.store.ids import new_run_id
from tracksite.store.local import open_store
from tracksite.store.recovery import recover
from tracksite.store.writer import RunWriter

MOMENTS = 10**6 if LONG else 24
CHANCES = 4 if LONG else 1  # disks by chance at each moment, beside the one with the least on it
COUNT = 24  # points of a run
KINDS = {"fdatasync": "fsync", "replace": "rename", "remove": "unlink", "linkat": "link"}


def work(say: Say, base: Path, record: Path) -> None:
    """Log, wait for a sync, flush, finish, pack and merge; write down what the disk was told."""
    recorder = Recorder(base)
    recorder.watch()
    rounds = _quick_syncs()
    store, other = (open_store(base / name, create=True) for name in ("runs", "all"))

    def log(root: Path, *, flush: bool) -> None:
        run_id = new_run_id()
        key = f"{root.name}/{run_id}"
        recorder.acknowledge(**{key: (0, "")})
        writer = open_store(root).open_writer(run_id)
        writer.patch(status="running", params={"lr": "1"})
        for start in range(0, COUNT, 8):
            for step in range(start, start + 8):
                bodies.point(writer, step)
            if flush:
                writer.flush()
            else:
                seen = rounds["done"]
                while rounds["done"] < seen + 2:  # one that began after the last point
                    time.sleep(0.005)
            recorder.acknowledge(**{key: (start + 8, "interrupted")})
        writer.patch(status="finished")
        writer.close()
        recorder.acknowledge(**{key: (COUNT, "finished")})

    for flush in (False, True):
        log(store.root, flush=flush)
        packing.pack(store.root, grace_s=0, now=time.time() + 10_000)
    log(store.root, flush=False)
    log(other.root, flush=True)
    packing.pack(other.root, grace_s=0)
    merging.merge(store, other)
    ids = {key.removeprefix("runs/") for key in recorder.acknowledged if key.startswith("runs/")}
    recorder.acknowledge(**{f"all/{run_id}": (COUNT, "finished") for run_id in ids})
    packing.pack(other.root, grace_s=0, now=time.time() + 10_000)
    record.write_bytes(pickle.dumps((recorder.moments, recorder.calls)))
    say(1)


def _quick_syncs() -> Counter[str]:
    """Sync each few milliseconds rather than each second; return how often it was done so far."""
    syncing.SYNC_S = 0.02
    packing.SMALL_PACKS = 1  # so that packs of patches are merged, too
    rounds, real = Counter[str](), RunWriter.sync

    def sync(writer: RunWriter) -> None:
        real(writer)
        rounds["done"] += 1

    RunWriter.sync = sync
    return rounds


@pytest.fixture
def recorded(tmp_path, tally) -> list[Moment]:
    """Return the moments of a workload."""
    return _recorded(tmp_path, tally)[0]


def _recorded(tmp_path: Path, tally: Tally, strace: tuple[str, ...] = ()):
    base = tmp_path / "disk"
    base.mkdir()
    assert Child(tally, work, base, tmp_path / "record", strace=strace).wait() == 0
    return pickle.loads((tmp_path / "record").read_bytes())  # our own child's


def test_the_recorder_misses_no_call_that_the_store_makes(strace, tmp_path, tally):
    """The kernel saw as many syncs, renames and removals as the simulated disk did."""
    log = tmp_path / "calls"
    _, calls = _recorded(tmp_path, tally, counting(log))
    noted = Counter[str]()
    for name, count in calls.items():
        noted[KINDS.get(name, name)] += count
    pattern = re.compile(rf"\d+ +(\w+)\(.*{re.escape(str(tmp_path / 'disk'))}[/\">]")
    lines = map(pattern.match, log.read_text().splitlines())
    made = Counter(KINDS.get(line[1], line[1]) for line in lines if line)
    assert not {"msync", "sync_file_range", "renameat2", "symlink"} & set(made)
    assert noted["link"] == made["link"]
    for kind in ("fsync", "rename", "unlink", "mkdir"):
        assert noted[kind] == made[kind] > 0, kind


def test_a_power_cut_at_any_moment_loses_nothing_acknowledged(recorded, tmp_path, tally):
    """What flush, finish or a sync had taken is there once; nothing is wrong, or twice."""
    rng = random.Random(2)
    count = min(MOMENTS, len(recorded))
    for number in sorted(rng.sample(range(len(recorded)), count)):
        for chance in range(1 + CHANCES):
            root = tmp_path / "after"
            disk_at(recorded[: number + 1], root, rng if chance else None)
            for name in ("runs", "all"):
                where = f"moment {number} ({recorded[number].call}), chance {chance}, {name}"
                try:
                    _judge(tally, root / name, recorded[number].acknowledged, where)
                except TracksiteError as error:
                    tally.wrong(HURT, 1, f"{where}: {error}")
            tally.tried("power cuts")
            shutil.rmtree(root)


def _judge(tally: Tally, root: Path, acknowledged, where: str) -> None:
    """Hold that a store has what was acknowledged, as it is and when it was put in order."""
    due = {key[-32:]: value for key, value in acknowledged.items() if key.startswith(root.name)}
    if not (root / "store.json").is_file():
        tally.wrong(LOST, sum(count for count, _ in due.values()), f"{where}: no store")
        return
    for order in (False, True):
        if order:  # what the next training and the next packing do
            recover(root, now=0)
            packing.pack(root, grace_s=0)
        seen = look(root)
        damage = [one for one in seen.problems if not one.path.startswith("live/")]
        tally.wrong(HURT, len(damage), f"{where}: {damage}")
        for run_id, (count, status) in due.items():
            tally.points(seen.points.get(run_id, Counter()), steps(count), steps(COUNT), where)
            state = seen.states.get(run_id, {})
            if count:
                fine = state.get("status") in {status, "finished"} and state["params"]
                tally.wrong(HURT, not fine, f"{where}: {state}")
        strange = set(seen.states) - {key[-32:] for key in acknowledged}
        tally.wrong(FALSE, len(strange), where)
