"""Verbs: what happens to copies of a store, done and told to the oracle."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from tests.copies.hosts import Host, World
from tests.copies.oracle import NAMED, Commit, Event, Holding, Segment, answer, sources, united
from tests.copies.places import files_of, laid, laid_in_halves, merged
from tracksite.store import packing, packs, purging, recovery
from tracksite.store.ids import model_id, new_run_id
from tracksite.store.local import LocalStore
from tracksite.store.shelf import Shelf
from tracksite.store.writer import RunWriter

DAY_S = 86_400.0
MODEL = model_id("M")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EDITED = ("tags", "aliases", "artifacts")  # lists whose later items keep the time they were said


class Copies:
    """Machines with copies of a store, and what was said in each."""

    def __init__(self, world: World, folder: Path, ahead_ns: list[int]) -> None:
        """Begin with empty stores, whose clocks are so far ahead."""
        self.world, self.folder = world, folder
        self.hosts = [
            Host(f"host{number}", folder / f"copy{number}", ahead)
            for number, ahead in enumerate(ahead_ns)
        ]
        for host in self.hosts:
            with world.turn(host):
                pass
        self.said: dict[Commit, Segment] = {}
        self.held: list[Holding] = [{} for _ in self.hosts]
        self.last = 0  # the greatest number so far
        self.began: set[int] = set()  # the processes that began a run
        self.late = False
        self._stamped(RunWriter)

    def _stamped(self, owner: type[RunWriter]) -> None:
        """Note the number of each patch that a writer says."""
        original, self.numbers = owner._stamped, []

        def noting(one: RunWriter, segment: Any, patch: dict[str, Any]) -> dict[str, Any]:
            found = original(one, segment, patch)
            self.numbers.append(found.get("seq", one.seq))
            return found

        self.world._patch.setattr(owner, "_stamped", noting)

    def share(self) -> None:
        """Let all machines have one store, which some may see late."""
        self.late = True
        self.held = [self.held[0]] * len(self.hosts)
        for host in self.hosts:
            host.root = self.hosts[0].root

    def act(self, verb: str, copy: int, which: int, value: int) -> None:
        """Do one thing in one copy."""
        copy %= len(self.hosts)
        with self.world.turn(self.hosts[copy]) as store:
            VERBS[verb](self, copy, store, which, value)

    def note(self, copy: int, commit: Commit, kind: str, seq: int, fields: dict[str, Any]) -> None:
        """Tell the oracle of a patch."""
        segment = self.said.setdefault(commit, Segment(kind))
        for name, said in fields.items():
            if name in NAMED:
                own = seq if name in EDITED else commit[2]
                segment.events += [Event(own, name, key, text) for key, text in said.items()]
            else:
                segment.events.append(Event(seq, name, "", said))
        self.held[copy][commit] = len(segment.events)
        if all(host.ahead_ns == 0 for host in self.hosts):
            assert seq > self.last or seq == commit[2]  # where clocks agree, later is greater
        self.last = max(self.last, seq)

    def patched(
        self, copy: int, store: LocalStore, run_id: str, kind: str, **fields: Any
    ) -> Commit:
        """Write a patch at once."""
        known = self._greatest(copy, run_id)
        part = store.write_patch(run_id, kind, fields)
        assert part.seq > known or self.late  # above all that this copy knows of
        self.note(copy, part.commit, kind, part.seq, fields)
        return part.commit

    def begun(self, copy: int, run_id: str, *, resume: bool) -> int:
        """Open a writer."""
        host, known = self.hosts[copy], self._greatest(copy, run_id)
        pid = self.world.begin(host, run_id, resume=resume)
        if not resume:
            self.began.add(pid)
        assert host.writers[pid].seq > known or self.late
        return pid

    def say(self, copy: int, pid: int, **fields: Any) -> None:
        """Say something in the live log of a writer."""
        writer = self.hosts[copy].writers[pid]
        writer.patch(**fields)
        commit = (writer.run_id, writer.writer_id, writer.seq)
        self.note(copy, commit, "run", self.numbers[-1], fields)

    def put(self, copy: int, pid: int, path: str, text: str) -> None:
        """Log a text as an artifact of a writer's run."""
        host = self.hosts[copy]
        writer = host.writers[pid]
        folder = host.store.artifact_dir(writer.run_id)
        shelf = host.shelves.setdefault(pid, Shelf(folder, began=pid in self.began))
        writer.patch(artifacts=[shelf.put(path, [text.encode()])])
        commit = (writer.run_id, writer.writer_id, writer.seq)
        self.note(copy, commit, "run", self.numbers[-1], {"artifacts": {path: text}})

    def point(self, copy: int, pid: int, key: str, step: int, value: float) -> None:
        """Log a point."""
        writer, time_us = self.hosts[copy].writers[pid], self.world._time_ns() // 1000
        writer.point(key, value, step, time_us)
        commit = (writer.run_id, writer.writer_id, writer.seq)
        segment = self.said.setdefault(commit, Segment("run"))
        segment.events.append(Event(commit[2], "point", key, (step, time_us, value)))
        self.held[copy][commit] = len(segment.events)

    def runs(self, copy: int, kind: str = "run") -> list[str]:
        """Return the runs that a copy shows, in order of their making."""
        states = answer(self.said, self.held[copy]).states
        return sorted(run_id for run_id, state in states.items() if state["kind"] == kind)

    def brought(self, source: int, target: int) -> None:
        """Tell the oracle that the files of one copy came into another."""
        self.held[target] = united([self.held[target], self.held[source]])

    def expected(self):
        """Return what the oracle says of all copies together."""
        return answer(self.said, united(self.held))

    def _greatest(self, copy: int, run_id: str) -> int:
        known = [
            event.seq
            for commit, length in self.held[copy].items()
            if commit[0] == run_id
            for event in self.said[commit].events[:length]
        ]
        return max(known, default=-1)


def _log(it: Copies, copy: int, store: LocalStore, which: int, value: int) -> None:
    pid = it.begun(copy, new_run_id(), resume=False)
    it.say(copy, pid, status="running", name=f"run{pid}", experiment=f"e{which % 2}")
    it.say(copy, pid, params={"lr": f"0.{value}"}, tags={"of": f"{copy}"})
    for step in range(value):
        it.point(copy, pid, "loss", step, step / 7)
    it.say(copy, pid, status="finished")
    it.world.end(it.hosts[copy], pid)


def _begin(it: Copies, copy: int, store: LocalStore, which: int, value: int) -> None:
    pid = it.begun(copy, new_run_id(), resume=False)
    it.say(copy, pid, status="running", name=f"run{pid}", params={"lr": "1"})
    it.point(copy, pid, "loss", value, 1.0)


def _resume(it: Copies, copy: int, store: LocalStore, which: int, value: int) -> None:
    if runs := it.runs(copy):
        pid = it.begun(copy, runs[which % len(runs)], resume=True)
        it.say(copy, pid, status="running", params={"again": f"{pid}"})
        it.point(copy, pid, "loss", value + pid, value / 3)


def _goes_on(it: Copies, copy: int, store: LocalStore, which: int, value: int) -> None:
    if pids := list(it.hosts[copy].writers):
        pid = pids[which % len(pids)]
        it.point(copy, pid, ("loss", "acc")[value % 2], value, value / 11)
        it.say(copy, pid, tags={"note": f"{it.last}"}, description=f"text {it.last}")


def _artifact(it: Copies, copy: int, store: LocalStore, which: int, value: int) -> None:
    if not it.hosts[copy].writers:
        _resume(it, copy, store, which, value)
    if pids := list(it.hosts[copy].writers):
        path = ("notes.txt", "Notes.txt", "a/b?.txt", "notes.txt")[value]
        it.put(copy, pids[which % len(pids)], path, f"text {it.last % 7} of {copy}")


def _save(it: Copies, copy: int, store: LocalStore, which: int, value: int) -> None:
    if pids := list(it.hosts[copy].writers):
        it.hosts[copy].writers[pids[which % len(pids)]].save()


def _end(it: Copies, copy: int, store: LocalStore, which: int, value: int) -> None:
    if pids := list(it.hosts[copy].writers):
        pid = pids[which % len(pids)]
        it.say(copy, pid, status=("finished", "failed")[value % 2])
        it.world.end(it.hosts[copy], pid)


def _kill(it: Copies, copy: int, store: LocalStore, which: int, value: int) -> None:
    if pids := list(it.hosts[copy].writers):
        it.world.kill(it.hosts[copy], pids[which % len(pids)])


def _edit(it: Copies, copy: int, store: LocalStore, which: int, value: int) -> None:
    changes: list[dict[str, Any]] = [
        {"name": f"name {it.last}"},
        {"tags": {"note": f"{it.last}"}},
        {"tags": {"note": None}},
        {"deleted": True},
        {"deleted": False},
        {"description": f"text {it.last}"},
    ]
    if runs := it.runs(copy):
        change = changes[(value * 4 + which) % len(changes)]
        it.patched(copy, store, runs[which % len(runs)], "run", **change)


def _register(it: Copies, copy: int, store: LocalStore, which: int, value: int) -> None:
    if runs := it.runs(copy):
        source = runs[which % len(runs)]
        number = len(it.runs(copy, "model_version")) + 1
        it.patched(copy, store, MODEL, "model", name="M")
        fields = {"name": "M", "version": number, "source_run_id": source}
        it.patched(copy, store, new_run_id(), "model_version", **fields)


def _version(it: Copies, copy: int, store: LocalStore, which: int, value: int) -> None:
    if versions := it.runs(copy, "model_version"):
        one = versions[which % len(versions)]
        if value == 0:
            it.patched(copy, store, MODEL, "model", aliases={"champion": one})
        elif value == 1:
            it.patched(copy, store, MODEL, "model", aliases={"champion": None})
        elif value == 2:
            it.patched(copy, store, one, "model_version", stage=f"Stage{copy}")
        else:
            it.patched(copy, store, one, "model_version", deleted=bool(which % 2))


def pack(store: LocalStore, grace_s: float) -> None:
    """Pack a store as `tracksite pack` does."""
    from tracksite.store import manifests

    recovery.recover(
        store.root,
        now=4e9,
        grace_s=min(grace_s, recovery.SEALED_S),
        packed=lambda: packs.packed_hashes(store.root, manifests.in_force(store.root).runs),
    )
    packing.pack(store.root, grace_s=grace_s)


def _pack(it: Copies, copy: int, store: LocalStore, which: int, value: int) -> None:
    pack(store, DAY_S if value == 0 else 0.0)


def _gc(it: Copies, copy: int, store: LocalStore, which: int, value: int) -> None:
    """Purge as `gc` does: no run with a live log, and none that a living version came from."""
    pack(store, DAY_S) if value % 2 else None
    kept = sources(answer(it.said, it.held[copy]).states)
    if runs := [run_id for run_id in it.runs(copy) if run_id not in kept]:
        run_id = runs[which % len(runs)]
        if purging.with_log(store, [run_id]):
            return
        mine = {commit for commit in it.held[copy] if commit[0] == run_id}
        stones = {commit for commit in mine if it.said[commit].events[-1].name == "purged"}
        before = set(files_of(store.root / "log"))
        purging.purge(store, [run_id], at=NOW, by="me", why="", grace_s=(0.0, DAY_S)[value // 2])
        seq, writer = _tombstone(store, run_id, stones, before)
        it.note(copy, (run_id, writer, seq), "run", seq, {"purged": frozenset(mine - stones)})
        for commit in mine - stones:
            del it.held[copy][commit]


def _tombstone(
    store: LocalStore, run_id: str, known: set[Commit], before: set[str]
) -> tuple[int, str]:
    """Return the number and the writer of the tombstone that a purge has just written."""
    from tracksite.store import listing

    (new,) = [
        part
        for part in listing.list_parts(store.root / "log", {run_id})
        if part.file not in before and part.commit not in known
    ]
    return new.seq, new.writer


def _bring(it: Copies, copy: int, store: LocalStore, which: int, value: int) -> None:
    """Bring another copy's files here."""
    source = (copy + 1 + which % (len(it.hosts) - 1)) % len(it.hosts)
    bring(it.hosts[source].root, store.root, ("copy", "merge", "halves", "halves")[value], which)
    it.brought(source, copy)


def bring(source: Path, target: Path, way: str, seed: int, between: Callable | None = None) -> None:
    """Bring the files of a store into another one, in one of three ways."""
    if way == "copy":
        laid(source, target, files_of(source))
    elif way == "merge":
        merged(source, target)
    else:
        pause = between or (lambda half: pack(half, 0.0))
        laid_in_halves(source, target, random.Random(seed), pause)


VERBS = {
    "log": _log,
    "begin": _begin,
    "resume": _resume,
    "goes on": _goes_on,
    "artifact": _artifact,
    "save": _save,
    "end": _end,
    "kill": _kill,
    "edit": _edit,
    "register": _register,
    "version": _version,
    "pack": _pack,
    "gc": _gc,
    "bring": _bring,
}
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            [*VERBS, *"resume resume edit edit pack gc gc".split(), "goes on", *["bring"] * 3]
        ),
        st.integers(0, 2),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    min_size=8,
    max_size=30,
)
# TRACKSITE_LONG=200 tries so many; an example takes a second, so shrinking is left to who asks.
SETTINGS = settings(
    max_examples=int(os.environ.get("TRACKSITE_LONG", "0")) or 10,
    phases=list(Phase) if os.environ.get("TRACKSITE_SHRINK") else [Phase.generate],
    suppress_health_check=list(HealthCheck),
)
MINUTE_NS, YEAR_NS = 60 * 10**9, 365 * 86_400 * 10**9
CLOCKS = st.lists(
    st.sampled_from([0, 0, 5 * MINUTE_NS, -5 * MINUTE_NS, YEAR_NS]), min_size=2, max_size=3
)
