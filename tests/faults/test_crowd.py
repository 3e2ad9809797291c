"""Everybody at once (promises 7, 8, 9): writers, packers, a merger, a remover, and a reader."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.faults import bodies
from tests.faults.children import Child, Say
from tests.faults.conftest import LONG
from tests.faults.looks import Look, look, steps
from tests.faults.tally import DOUBLED, FALSE, HURT, LOST, Tally
from tests.store.stores import log_run
from tracksite.store import merging, packing, purging
from tracksite.store.ids import new_run_id
from tracksite.store.local import open_store
from tracksite.store.recovery import recover

SECONDS = 60.0 if LONG else 3.0
ALONE, TOGETHER = 5, 3  # writing processes: of runs of their own, and of one run
POINTS = 50
PAUSE_S = 0.2  # between two acts of one process, so that the reader gets its turn
LOOKS = 3  # at least, however slow the machine is
GONE = "e"  # the experiment of `log_run`, whose runs are removed here
FAR = 10**9  # steps of one writer of a shared run from those of the next


def write(say: Say, root: Path, stop: Path, shared: str, start: int) -> None:
    """Log one run after another, or parts of a shared one; say each run's id once it is saved."""
    store = open_store(root)
    count = 0
    while not stop.exists():
        run_id = shared or new_run_id()
        writer = store.open_writer(run_id, resume=bool(shared))
        writer.patch(params={"lr": "1"})
        for step in range(POINTS):
            bodies.point(writer, start + count + step)
            if step % 20 == 19:
                writer.save()
        writer.close()
        count += POINTS if shared else 0
        say(count if shared else int(run_id, 16))
        time.sleep(PAUSE_S)


def keep_on(say: Say, stop: Path, what: Callable[..., object], *args: object) -> None:
    """Do something again and again, at least once."""
    while True:
        what(*args)
        say(1)
        if stop.exists():
            return
        time.sleep(PAUSE_S)


def pack(root: Path) -> None:
    """Pack with a grace that is longer than a look takes."""
    recover(root, now=time.time())
    packing.pack(root, grace_s=20.0)


def merge(source: Path, target: Path) -> None:
    """Copy the store that grows; a file that a packer removed meanwhile is in the next round."""
    with contextlib.suppress(FileNotFoundError):
        merging.merge(open_store(source), open_store(target, create=True))


def remove(root: Path) -> None:
    """Log a run, delete it, and remove it for good."""
    store = open_store(root)
    run_id = log_run(store, points=5)
    store.write_patch(run_id, "run", {"deleted": True})
    purging.purge(store, [run_id], at=datetime.now(tz=UTC), by="a test", why="deleted")


def compare(tally: Tally, before: Look, seen: Look) -> None:
    """Hold that nothing went away, came twice or is half there."""
    where = "while all were at work"
    gone = {run_id for run_id, state in seen.states.items() if state["experiment"] == GONE}
    problems = [one for one in seen.problems if one.run_id not in gone]  # it went as we looked
    tally.wrong(HURT, len(problems), f"{where}: {problems[:3]}")
    for run_id, state in seen.states.items():
        if run_id in gone:
            continue
        found = seen.points.get(run_id, Counter())
        earlier = before.points.get(run_id, Counter())
        tally.wrong(LOST, (earlier - found).total(), f"{where}: {run_id}")
        tally.wrong(DOUBLED, sum(n - 1 for n in found.values()), f"{where}: {run_id}")
        false = sum(value != repr(step / 7) for _, step, value in found)
        tally.wrong(FALSE, false, f"{where}: {run_id}")
        tally.wrong(HURT, bool(found) and not state["params"], f"{where}: {run_id}: no params")
    own = {run_id for run_id, state in before.states.items() if state["experiment"] != GONE}
    tally.wrong(LOST, len(own - set(seen.states)), f"{where}: runs")


def test_a_crowd_of_processes_never_hurts_a_run_or_fools_a_reader(store, tmp_path, tally):
    """A reader that keeps looking sees runs grow, whole and once, whoever else is at work."""
    stop, shared = tmp_path / "stop", new_run_id()
    alone = [Child(tally, write, store.root, stop, "", 0) for _ in range(ALONE)]
    together = [
        Child(tally, write, store.root, stop, shared, number * FAR) for number in range(TOGETHER)
    ]
    others = [
        Child(tally, keep_on, stop, what, *args)
        for what, *args in (
            (pack, store.root),
            (pack, store.root),
            (merge, store.root, tmp_path / "copy"),
            (remove, store.root),
        )
    ]
    before, until = look(store.root), time.monotonic() + SECONDS
    while time.monotonic() < until or tally.counts["looks at a crowd"] < LOOKS:
        seen = look(store.root)
        compare(tally, before, seen)
        before = seen
        tally.tried("looks at a crowd")
    stop.touch()
    for child in (*alone, *together, *others):
        assert child.wait() == 0
    merging.merge(store, open_store(tmp_path / "copy"))
    runs = {f"{run_id:032x}": steps(POINTS) for child in alone for run_id in child.said}
    runs[shared] = Counter()
    for number, child in enumerate(together):
        runs[shared] += steps(child.said[-1], number * FAR)
    tally.tried("runs of a crowd", len(runs))
    for root in (store.root, tmp_path / "copy"):
        seen = look(root)
        for run_id, points in runs.items():
            tally.points(seen.points.get(run_id, Counter()), points, points, root.name)
        assert set(runs) <= set(seen.states)
    assert {state["experiment"] for state in look(store.root).states.values()} == {None}
