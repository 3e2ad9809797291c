"""The oracle: what a store says in which all of it happened, from what was said and who has it.

A segment is what one writer says under one number. A copy of the store holds the beginning of it,
of some length. Bringing copies together is the union of what they hold: the longest of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

NAMED = ("tags", "params", "aliases", "artifacts")  # lists of which the last item of a key counts
SCALARS = (
    *("name", "status", "experiment", "description", "stage"),
    *("deleted", "version", "source_run_id"),
)
Commit = tuple[str, str, int]  # run_id, writer, seq
Holding = dict[Commit, int]  # how many events of each segment


@dataclass(frozen=True)
class Event:
    """One thing said: `value` for `key` of `name`, a point, or the segments that were purged."""

    seq: int
    name: str
    key: str
    value: Any


@dataclass
class Segment:
    """All that a writer has said so far under one number."""

    kind: str
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True)
class Answer:
    """What a store says.

    Attributes:
        states: of each entity the fields that are set.
        points: of each run, sorted.
        purged: runs that are gone for good.
        incomplete: runs of which something is to be named as missing.
    """

    states: dict[str, dict[str, Any]]
    points: dict[str, list[tuple[str, int, int, float]]]
    purged: frozenset[str]
    incomplete: frozenset[str]


def united(holdings: Iterable[Holding]) -> Holding:
    """Return what several copies hold together."""
    union: Holding = {}
    for holding in holdings:
        for commit, length in holding.items():
            union[commit] = max(length, union.get(commit, 0))
    return union


def answer(said: Mapping[Commit, Segment], holding: Holding) -> Answer:
    """Return what a store says that holds so much of what was said."""
    by_run: dict[str, list[tuple[int, str, Event]]] = {}
    removed: dict[str, set[Commit]] = {}
    present: dict[str, set[Commit]] = {}
    for commit, length in holding.items():
        run_id, writer, _ = commit
        events = said[commit].events[:length]
        if any(event.name == "purged" for event in events):
            removed.setdefault(run_id, set()).update(*(event.value for event in events))
        elif events:
            present.setdefault(run_id, set()).add(commit)
            by_run.setdefault(run_id, []).extend((it.seq, writer, it) for it in events)
    states = {run_id: _folded(events) for run_id, events in by_run.items()}
    for run_id, commits in present.items():
        states[run_id]["kind"] = said[min(commits)].kind
    purged, incomplete = _judged(states, removed, present)
    for run_id in purged:
        states.pop(run_id, None)
    points = {
        run_id: sorted((it.key, *it.value) for _, _, it in by_run[run_id] if it.name == "point")
        for run_id in states
    }
    return Answer(states, {run: them for run, them in points.items() if them}, purged, incomplete)


def sources(states: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the runs that living model versions came from."""
    living = [it for it in states.values() if it["kind"] == "model_version" and not it["deleted"]]
    return {one["source_run_id"] for one in living}


def _judged(
    states: Mapping[str, Any],
    removed: Mapping[str, set[Commit]],
    present: Mapping[str, set[Commit]],
) -> tuple[frozenset[str], frozenset[str]]:
    gone, incomplete, used = set(), set(), sources(states)
    for run_id, commits in removed.items():
        here = present.get(run_id, set())
        is_used = run_id in used or bool(here - commits)
        first = min(commits, key=lambda commit: (commit[2], commit[1]))
        if not (is_used and first in here):
            gone.add(run_id)
        if is_used and commits - here:
            incomplete.add(run_id)
    return frozenset(gone), frozenset(incomplete)


def _folded(events: list[tuple[int, str, Event]]) -> dict[str, Any]:
    state: dict[str, Any] = {"deleted": False}
    for _, _, event in sorted(events, key=lambda it: it[:2]):  # stable: in order of saying
        if event.name in NAMED:
            state.setdefault(event.name, {})[event.key] = event.value
        elif event.name in SCALARS:
            state[event.name] = event.value
    for name in ("tags", "aliases"):
        kept = {key: text for key, text in state.get(name, {}).items() if text is not None}
        state[name] = kept
    if state.get("status") == "running":
        state["status"] = "interrupted"
    return {name: value for name, value in state.items() if value not in ({}, None)}
