"""A store on a mount that lists late: two machines, one of which sees what was a minute ago.

One machine logs, rotates, ends and kills runs, packs and purges where the store lies. The other has
it mounted: each folder's names, and each live log's size and bytes, are up to a minute old, each on
its own. It reads, edits, resumes, registers and packs. What it shows may be a minute old, and is
nothing else: no run or point is missing that was there a minute ago, none is there twice, none is
called interrupted that runs, no damage is named, and nobody's verb fails. Nothing is lost, also if
it takes living writers for dead.

With a grace of nothing (`pack --grace 0h`) it may miss what was moved meanwhile, and names it; no
verb fails then either, and a minute later all is there.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.copies.hosts import world
from tests.copies.late import LATE_S, LateListings
from tests.copies.oracle import Holding, answer
from tests.copies.test_gathering import found_in
from tests.copies.verbs import SETTINGS, Copies
from tracksite.store import life
from tracksite.store.local import open_store

HERE, AWAY = 0, 1
AT_HOME = [
    "log",
    "begin",
    "goes on",
    "goes on",
    "artifact",
    "save",
    "end",
    "kill",
    "edit",
    "pack",
    "gc",
]
OVER_THERE = [
    "look",
    "look",
    "artifact",
    "edit",
    "resume",
    "goes on",
    "end",
    "register",
    "version",
    "pack",
]
TURNS = st.lists(
    st.tuples(
        st.one_of(
            st.tuples(st.just(HERE), st.sampled_from(AT_HOME)),
            st.tuples(st.just(AWAY), st.sampled_from(OVER_THERE)),
        ),
        st.integers(0, 3),
        st.integers(0, 3),
        st.sampled_from([0, 1, 10, 30, 59]),
    ),
    min_size=4,
    max_size=24,
)


class Mounted:
    """A store in one folder, which one machine sees late."""

    def __init__(self, copies: Copies, late: LateListings) -> None:
        """Let both machines have one store."""
        self.copies, self.late = copies, late
        copies.share()
        self._before: list[tuple[float, Holding, set[str]]] = []
        self._points: dict[str, set[Any]] = {}

    def act(self, where: int, verb: str, which: int, value: int) -> None:
        """Do one thing at home or over the mount; what is there is noted with the time."""
        if where == HERE:
            self.copies.act(verb, HERE, which, value)
        else:
            with self.late.looking():
                if verb == "look":
                    self.look()
                else:
                    self.copies.act(verb, AWAY, which, value)
        running = {one.run_id for host in self.copies.hosts for one in host.writers.values()}
        self._before.append((self.late.now, dict(self.copies.held[HERE]), running))

    def look(self) -> None:
        """Look over the mount, and hold what is seen against what was there a minute ago."""
        copies = self.copies
        with copies.world.turn(copies.hosts[AWAY]) as store:
            found, _ = found_in(store, still=False)
            problems = store.snapshot().problems
        truth = answer(copies.said, copies.held[HERE])
        assert {one.run_id for one in problems} <= truth.purged
        old = [it for it in self._before if it[0] < self.late.now - LATE_S]
        if old:
            kept = {
                commit: old[-1][1][commit] for commit in old[-1][1] if commit in truth_of(copies)
            }
            least = answer(copies.said, kept)
            for run_id in least.states.keys() & truth.states.keys():
                assert run_id in found.states, "a run that was there a minute ago is missing"
                assert set(least.points.get(run_id, ())) <= set(found.points.get(run_id, ()))
        for run_id, points in found.points.items():
            assert len(points) == len(set(points)), "a point is there twice"
            if run_id in truth.states:
                assert set(points) <= set(truth.points.get(run_id, ()))
                assert self._points.get(run_id, set()) <= set(points), "what was seen is gone"
                self._points[run_id] = set(points)
        for run_id in self._running():
            state = found.states.get(run_id, {})
            assert state.get("status") != "interrupted", "a run that runs is called interrupted"

    def _running(self) -> set[str]:
        """Return the runs that a writer has been logging to for more than a minute."""
        since = [it[2] for it in self._before if it[0] >= self.late.now - LATE_S]
        before = [it[2] for it in self._before if it[0] < self.late.now - LATE_S][-1:]
        return set.intersection(*before, *since) if before and since else set()


def truth_of(copies: Copies) -> Holding:
    """Return what there is of each segment now: purged ones are gone."""
    return copies.held[HERE]


def played(turns: list[Any], draw: random.Random, *, refreshes: bool, doubt: bool) -> None:
    """Let two machines work on one store, and look at it in the end."""
    folder = Path(tempfile.mkdtemp())
    try:
        with world() as made:
            copies = Copies(made, folder, [0, 0])
            late = LateListings(folder / "copy0", folder / "aside", draw, refreshes=refreshes)
            mounted = Mounted(copies, late)
            for (where, verb), which, value, seconds in turns:
                late.advance(seconds)
                with pytest.MonkeyPatch.context() as patch:
                    if doubt and where == AWAY and verb == "pack":
                        patch.setattr(life, "is_abandoned", lambda *_: True)
                    graceful = 0 if verb == "pack" else value  # a day
                    mounted.act(where, verb, which, graceful)
            for host in copies.hosts:
                with made.turn(host):
                    for pid in list(host.writers):
                        made.kill(host, pid)
            store = open_store(folder / "copy0")
            assert found_in(store)[0] == answer(copies.said, copies.held[HERE])
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("refreshes", [True, False])
@SETTINGS
@given(TURNS, st.randoms(use_true_random=False), st.booleans())
def test_who_lists_late_sees_what_was_and_breaks_nothing(refreshes, turns, draw, doubt):
    """Over a mount that lists late nothing is missing, doubled, wrong or named without need."""
    played(turns, draw, refreshes=refreshes, doubt=doubt)
