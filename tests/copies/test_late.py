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

import tracksite
from tests.copies import verbs
from tests.copies.hosts import Host, world
from tests.copies.late import LATE_S, LateListings
from tests.copies.oracle import Answer, Holding, answer
from tests.copies.places import names
from tests.copies.test_gathering import found_in
from tests.copies.verbs import SETTINGS, Copies
from tests.store.stores import log_run, pack, seen
from tracksite.store import life
from tracksite.store.local import open_store
from tracksite.store.verifying import verify

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

    def __init__(self, copies: Copies, late: LateListings, *, graceful: bool) -> None:
        """Let both machines have one store, in which what was replaced stays for a day or not."""
        self.graceful = graceful
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
        for run_id, points in found.points.items():
            assert len(points) == len(set(points)), "a point is there twice"
            if run_id in truth.states:
                assert set(points) <= set(truth.points.get(run_id, ()))
        if self.graceful:
            assert {one.run_id for one in problems} <= truth.purged
            self._nothing_is_missing(found, truth)

    def _nothing_is_missing(self, found: Answer, truth: Answer) -> None:
        copies = self.copies
        old = [it for it in self._before if it[0] < self.late.now - LATE_S]
        if old:
            kept = {it: old[-1][1][it] for it in old[-1][1].keys() & copies.held[HERE].keys()}
            least = answer(copies.said, kept)
            for run_id in least.states.keys() & truth.states.keys():
                assert run_id in found.states, "a run that was there a minute ago is missing"
                assert set(least.points.get(run_id, ())) <= set(found.points.get(run_id, ()))
        for run_id in truth.states.keys() & found.points.keys():
            points = set(found.points[run_id])
            assert self._points.get(run_id, set()) <= points, "what was seen is gone"
            self._points[run_id] = points
        for run_id in self._running():
            state = found.states.get(run_id, {})
            assert state.get("status") != "interrupted", "a run that runs is called interrupted"

    def _running(self) -> set[str]:
        """Return the runs that a writer has been logging to for more than a minute."""
        since = [it[2] for it in self._before if it[0] >= self.late.now - LATE_S]
        before = [it[2] for it in self._before if it[0] < self.late.now - LATE_S][-1:]
        return set.intersection(*before, *since) if before and since else set()


def played(
    turns: list[Any], draw: random.Random, *, refreshes: bool, doubt: bool, graceful: bool
) -> None:
    """Let two machines work on one store, and look at it in the end."""
    folder = Path(tempfile.mkdtemp())
    try:
        with world() as made:
            copies = Copies(made, folder, [0, 0])
            late = LateListings(folder / "copy0", folder / "aside", draw, refreshes=refreshes)
            mounted = Mounted(copies, late, graceful=graceful)
            for (where, verb), which, value, seconds in turns:
                late.advance(seconds)
                grace = int(not graceful and where == HERE) if verb == "pack" else value
                with pytest.MonkeyPatch.context() as patch:
                    if doubt and where == AWAY and verb == "pack":
                        patch.setattr(life, "is_abandoned", lambda *_: True)
                    mounted.act(where, verb, which, grace)
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
    played(turns, draw, refreshes=refreshes, doubt=doubt, graceful=True)


@pytest.mark.parametrize("refreshes", [True, False])
@SETTINGS
@given(TURNS, st.randoms(use_true_random=False))
def test_without_a_grace_no_verb_fails_and_nothing_is_lost(refreshes, turns, draw):
    """Where files go at once, who lists late may miss what was moved, and goes on all the same."""
    played(turns, draw, refreshes=refreshes, doubt=False, graceful=False)


@pytest.fixture
def late(tmp_path):
    """Return a mount of the store `runs` that lists late, and lets no listing be new by itself."""
    draw = random.Random(1)
    draw.uniform = lambda _, most: most
    return LateListings(tmp_path / "runs", tmp_path / "aside", draw)


@pytest.mark.parametrize("refreshes", [True, False])
def test_no_verb_of_a_training_fails_while_another_machine_packs(tmp_path, late, refreshes):
    """Logging, tagging, resuming and searching go on over a mount whose files were packed away."""
    late.refreshes = refreshes
    tracksite.configure(git_diff=False)
    store = open_store(tmp_path / "runs", create=True)
    old = [log_run(store, 3, name=f"old{number}") for number in range(3)]
    tracksite.set_tracking_uri(str(store.root))
    with late.looking():
        assert tracksite.search_runs(search_all_experiments=True).height == 3
        with tracksite.start_run(run_name="trains"):
            tracksite.log_metric("loss", 1.0)
    pack(store, grace_s=0)
    with late.looking():
        tracksite.search_runs(search_all_experiments=True)
        with tracksite.start_run(run_name="trains on") as run:
            tracksite.set_tag("a", "b")
            tracksite.log_text("text", "notes.txt")
            tracksite.log_metric("loss", 0.5)
        with tracksite.start_run(run_id=run.info.run_id):
            tracksite.log_text("other text", "notes.txt")
        late.advance(LATE_S + 1)
        found = tracksite.search_runs(search_all_experiments=True)
    assert sorted(found["name"]) == ["old0", "old1", "old2", "trains", "trains on"]
    assert set(old) < set(found["run_id"])
    assert not verify(store).problems


def test_a_pack_that_is_not_listed_yet_is_there(tmp_path, late):
    """Packs that a manifest names and a late listing lacks are read, and not said to be missing."""
    store = open_store(tmp_path / "runs", create=True)
    log_run(store, 3, name="one")
    pack(store)
    log_run(store, 3, name="two")
    with late.looking():
        assert names(store.root) == ["one", "two"]
        list((store.root / "packs").iterdir())
    pack(store)
    late._folders.pop(str(store.root / "manifest"))
    late._folders.pop(str(store.root / "log"))
    with late.looking():
        assert names(store.root) == ["one", "two"]


def test_a_run_that_ends_is_there_all_the_time(tmp_path, late):
    """The log of a run that has ended stays for those whose listing lacks its parts."""
    store = open_store(tmp_path / "runs", create=True)
    log_run(store, 3, name="other")
    writer = store.open_writer("0" * 31 + "1")
    writer.patch(name="ends", status="running", params={"lr": "1"})
    writer.point("loss", 1.0, 0, 0)
    with late.looking():
        assert names(store.root) == ["ends", "other"]
    writer.save()
    writer.point("loss", 0.5, 1, 1)
    writer.patch(status="finished")
    writer.close()
    for folder in ("live", "log", "manifest"):
        with late.looking():
            assert names(store.root) == ["ends", "other"]
        late._folders.pop(str(store.root / folder), None)
        late._logs.clear()


def test_a_run_whose_living_writer_was_taken_for_dead_runs_on(tmp_path, monkeypatch):
    """Where somebody saved the log of a living writer, its run is not called interrupted."""
    with world() as made:
        home, away = Host("home", tmp_path / "runs"), Host("away", tmp_path / "runs")
        with made.turn(home):
            pid = made.begin(home, "0" * 31 + "1")
            home.writers[pid].patch(status="running")
            home.writers[pid].point("loss", 1.0, 0, 0)
        monkeypatch.setattr(life, "is_abandoned", lambda *_: True)
        with made.turn(away) as store:
            verbs.pack(store, 0.0)
            assert list((store.root / "log").iterdir()) or list((store.root / "packs").iterdir())
            assert seen(store)[1]["status"].to_list() == ["running"]
        with made.turn(home):
            home.writers[pid].point("loss", 0.5, 1, 1)
            home.writers[pid].patch(status="finished")
            made.end(home, pid)
        with made.turn(away) as store:
            _, folded, points = seen(store)
    assert folded["status"].to_list() == ["finished"]
    assert points.height == 2
