"""Processes killed at any moment, and before every call that changes a file (promises 1, 7, 9)."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.faults import bodies
from tests.faults.children import Child, counting, killed_at
from tests.faults.conftest import LONG
from tests.faults.looks import Look, look, steps
from tests.faults.tally import FALSE, HURT
from tests.store.fixtures.make import HERE as FIXTURES
from tests.store.fixtures.make import unpacked
from tests.store.stores import log_run, pack
from tracksite.store import reading
from tracksite.store.ids import new_run_id
from tracksite.store.local import open_store
from tracksite.store.recovery import recover
from tracksite.store.verifying import verify


def trained(child: Child) -> tuple[str, int]:
    """Kill a child that runs `bodies.train`; return its run and how many calls had returned."""
    run_id, *said = child.kill()
    return f"{run_id:032x}", len(said)


@pytest.mark.parametrize(
    ("pause_s", "flush_each", "most"),
    [(0.0, bodies.NEVER, 30_000), (0.001, bodies.NEVER, 900), (0.0, 400, 3_000)],
    ids=["full speed", "1000 a second", "with flushes"],
)
def test_a_run_killed_at_a_random_moment_loses_nothing(store, tally, pause_s, flush_each, most):
    """Each acknowledged point is there once, and the run shows as interrupted."""
    rng = random.Random(repr((pause_s, flush_each)))
    for _ in range(20 if LONG else 2):
        child = Child(tally, bodies.train, store.root, "", pause_s, flush_each, bodies.NEVER)
        child.wait_for(rng.randrange(2, most))
        run_id, calls = trained(child)
        seen = look(store.root)
        tally.tried("processes killed at random")
        tally.tried("points acknowledged by them", calls)
        tally.points(seen.points[run_id], steps(calls), steps(calls + 1), run_id)
        tally.wrong(HURT, len(seen.problems), seen.problems)
        assert seen.states[run_id]["status"] == "interrupted"
    before = look(store.root)
    for log in (store.root / "live").iterdir():
        os.utime(log, (0, 0))  # one whose writer had not yet said who it is has to be old
    recover(store.root, now=time.time())
    seen = look(store.root)
    for run_id, state in before.states.items():
        last_at = seen.states[run_id][
            "last_at"
        ]  # a log in which nothing was logged leaves no trace
        assert seen.states[run_id] == {**state, "last_at": last_at}
        assert seen.points[run_id] == before.points[run_id]
    assert not reading.open_logs(store.root)


def test_ranks_that_are_killed_cost_the_others_nothing(store, tally):
    """Of several processes on one run, the killed lose nothing and the run goes on without them."""
    first = Child(tally, bodies.train, store.root, "", 0.001, bodies.NEVER, bodies.NEVER)
    first.wait_for(2)
    run_id = f"{first.said[0]:032x}"
    count = 8 if LONG else 2
    others = [
        Child(tally, bodies.train, store.root, run_id, 0.001, bodies.NEVER, bodies.NEVER)
        for _ in range(count)
    ]
    acknowledged, logged = Counter(), Counter()
    for child in (*others, first):
        child.wait_for(100)
        assert look(store.root).states[run_id]["status"] == "running"
        _, calls = trained(child)
        acknowledged += steps(calls)
        logged += steps(calls + 1)
        tally.tried("ranks killed")
    seen = look(store.root)
    tally.points(seen.points[run_id], acknowledged, logged, run_id)
    assert not seen.problems
    assert seen.states[run_id]["status"] == "interrupted"


def calls_of(tally, tmp_path: Path, body, *args) -> list[int]:
    """Run a body to its end and return before which of its calls to kill it: all, or a spread."""
    log = tmp_path / "calls"
    assert Child(tally, body, *args, strace=counting(log)).wait() == 0
    threads = Counter(line.split()[0] for line in log.read_text().splitlines())
    count = max(threads.values())
    return list(range(1, count + 2, 1 if LONG else max(1, count // 8)))


def killed(tally, call: int, body, *args) -> list[int]:
    """Run a body that is killed before this call; return what it had said."""
    child = Child(tally, body, *args, strace=killed_at(call))
    assert child.wait() in {0, -9}
    tally.tried(f"processes killed before a call of {body.__name__}")
    return child.said


def test_a_writer_killed_before_any_call_keeps_its_points(strace, tmp_path, tally):
    """Killed anywhere in flush, save or close, a run has each acknowledged point once, for good."""
    open_store(tmp_path / "whole", create=True)
    for call in calls_of(tally, tmp_path, bodies.save, tmp_path / "whole", new_run_id()):
        root = open_store(tmp_path / str(call), create=True).root
        run_id = new_run_id()
        said = killed(tally, call, bodies.save, root, run_id)
        for _ in range(2):
            seen = look(root)
            found = seen.points.get(run_id, Counter())
            tally.points(found, steps(said[-1] if said else 0), steps(60), f"call {call}")
            assert found == steps(found.total())
            if found:
                assert seen.states[run_id]["status"] == "interrupted"
                assert seen.states[run_id]["metrics"][0]["count"] == found.total()
                assert not seen.problems
            recover(root, now=0)


def example(root: Path, runs: int = 2) -> list[str]:
    """Make a store of runs that are packed, loose, and in the log of a dead writer."""
    store = open_store(root, create=True)
    ids = [log_run(store, points=5, parts_count=count + 1) for count in range(runs)]
    pack(store, grace_s=0)
    return ids + [log_run(store, points=5, parts_count=count + 1) for count in range(runs)]


def unhurt(tally, seen: Look, truth: Look, run_ids, where: str) -> None:
    """Hold that these runs are seen as they were."""
    hurt = [run_id for run_id in run_ids if seen.run(run_id) != truth.run(run_id)]
    tally.wrong(HURT, len(hurt), f"{where} {hurt}")


@pytest.mark.parametrize("written_by", ["this release", "0.1.0"])
def test_a_packer_killed_before_any_call_changes_nothing(strace, tmp_path, tally, written_by):
    """Killed anywhere in packing, readers see what they saw, and packing again completes.

    A store of format 1 becomes one of format 2 by it.
    """
    if written_by == "0.1.0":
        unpacked(FIXTURES / written_by / "packed.zip", tmp_path / "kept")
    else:
        example(tmp_path / "kept")
    truth = look(tmp_path / "kept")
    shutil.copytree(tmp_path / "kept", tmp_path / "whole")
    for call in calls_of(tally, tmp_path, bodies.pack, tmp_path / "whole"):
        root = shutil.copytree(tmp_path / "kept", tmp_path / str(call))
        killed(tally, call, bodies.pack, root)
        for _ in range(2):
            seen = look(root)
            unhurt(tally, seen, truth, truth.states, f"call {call}")
            assert not seen.problems
            pack(open_store(root), grace_s=0)
        assert not list((root / "log").iterdir())
        assert not verify(open_store(root)).problems


def test_a_recovery_killed_before_any_call_changes_nothing(strace, tmp_path, tally):
    """Killed anywhere in recovering dead logs, readers see what they saw; the next completes it."""
    kept = open_store(tmp_path / "kept", create=True).root
    for _ in range(2):
        child = Child(tally, bodies.train, kept, "", 0.0, bodies.NEVER, bodies.NEVER)
        child.wait_for(30)
        child.kill()
    truth = look(kept)
    shutil.copytree(kept, tmp_path / "whole")
    for call in calls_of(tally, tmp_path, bodies.recover, tmp_path / "whole"):
        root = shutil.copytree(kept, tmp_path / str(call))
        killed(tally, call, bodies.recover, root)
        for _ in range(2):
            unhurt(tally, look(root), truth, truth.states, f"call {call}")
            recover(root, now=0)
        assert not reading.open_logs(root)


def test_a_merge_killed_before_any_call_is_finished_by_merging_again(strace, tmp_path, tally):
    """Killed anywhere in a merge, the target's runs are unhurt, and no wrong number is served."""
    example(tmp_path / "source")
    example(tmp_path / "kept", runs=1)
    own, more = look(tmp_path / "kept"), look(tmp_path / "source")
    shutil.copytree(tmp_path / "kept", tmp_path / "whole")
    for call in calls_of(tally, tmp_path, bodies.merge, tmp_path / "source", tmp_path / "whole"):
        root = shutil.copytree(tmp_path / "kept", tmp_path / str(call))
        killed(tally, call, bodies.merge, tmp_path / "source", root)
        seen = look(root)
        assert not seen.problems
        unhurt(tally, seen, own, own.states, f"call {call}")
        for run_id in more.states:
            extra = seen.points.get(run_id, Counter()) - more.points[run_id]
            tally.wrong(FALSE, extra.total(), f"call {call}")
        bodies.merge(lambda _: None, tmp_path / "source", root)
        unhurt(tally, look(root), own, own.states, f"call {call}, merged again")
        unhurt(tally, look(root), more, more.states, f"call {call}, merged again")


def test_a_purge_killed_before_any_call_hurts_no_other_run(strace, tmp_path, tally):
    """Killed anywhere in a purge, the runs that stay are unhurt; purging again completes it."""
    ids = example(tmp_path / "kept")
    gone, stay = [ids[0], ids[2]], [ids[1], ids[3]]
    truth = look(tmp_path / "kept")
    shutil.copytree(tmp_path / "kept", tmp_path / "whole")
    for call in calls_of(tally, tmp_path, bodies.purge, tmp_path / "whole", gone):
        root = shutil.copytree(tmp_path / "kept", tmp_path / str(call))
        killed(tally, call, bodies.purge, root, gone)
        seen = look(root)
        assert not seen.problems
        unhurt(tally, seen, truth, stay, f"call {call}")
        for run_id in gone:
            extra = seen.points.get(run_id, Counter()) - truth.points[run_id]
            tally.wrong(FALSE, extra.total(), f"call {call}")
        bodies.purge(lambda _: None, root, gone)
        seen = look(root)
        unhurt(tally, seen, truth, stay, f"call {call}, purged again")
        assert not set(gone) & set(seen.states)
