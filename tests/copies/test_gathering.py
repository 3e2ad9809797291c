"""Copies that went their own ways answer as one store in which all of it happened.

Two or three machines, with clocks that may be apart, log, resume, edit, delete, restore, register,
pack, purge and are killed, and bring each other's files in between. In the end all files come
together by copying, in any order and in halves, and by merging: the answers are the same, and those
of `oracle`, which knows what was said and nothing of files.

What differs from one store in which all happened one after another, and why:

- Of two edits of one thing that did not know of each other, the one with the later clock counts,
  also if that clock is wrong: nothing else could tell. Where clocks agree, the later one counts.
- A purge removes what its copy knew of. A run that another copy went on with, or registered, stays;
  of what is nowhere any more, it is named that it is missing.
- What a writer had logged after the last copy of its live log was taken is in its own copy alone.
- Points of one key, step and time are in no defined order.

An older copy of a live log must not be laid over a longer one: `places.laid` leaves it out.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.copies.hosts import silence, world
from tests.copies.oracle import NAMED, SCALARS, Answer
from tests.copies.places import committed, files_of, git, laid
from tests.copies.verbs import ACTIONS, CLOCKS, SETTINGS, Copies, bring, pack
from tests.store.stores import seen
from tracksite.errors import NotFoundError
from tracksite.query import registry as queries
from tracksite.store import artifacts
from tracksite.store.local import LocalStore, open_store
from tracksite.store.verifying import verify

# Copies have something in common: a run that has ended, one that goes on, a registered model.
BEGINNING = [
    ("log", 0, 0, 2),
    ("begin", 0, 0, 1),
    ("register", 0, 0, 0),
    ("bring", 1, 0, 0),
    ("bring", 2, 0, 0),
]


def found_in(store: LocalStore, *, still: bool = True) -> tuple[Answer, Any]:
    """Return what a store says in the form of the oracle, and all that it says.

    Where all is `still`, no live log has a living writer.
    """
    if still:
        silence(store.root)
    snapshot, folded, points = seen(store)
    states = {}
    for row in folded.drop("metrics").to_dicts():
        state = {name: row[name] for name in ("kind", *SCALARS) if row[name] is not None}
        for name in NAMED:
            items = {it["key"]: it["text"] for it in row[name] or ()} if name != "artifacts" else {}
            state |= {name: items} if items else {}
        folder = store.artifact_dir(row["run_id"])
        texts = {it["path"]: text_of(folder, it) for it in row["artifacts"] or ()}
        state |= {"artifacts": texts} if texts else {}
        states[row["run_id"]] = state
    of_runs: dict[str, list[Any]] = {}
    for run_id, key, step, at, value in points.iter_rows():
        time_us = round(at.timestamp() * 1_000_000)
        of_runs.setdefault(run_id, []).append((key, step, time_us, value))
    incomplete = {one.run_id or one.path for one in snapshot.problems}
    answer = Answer(
        states,
        {run_id: sorted(them) for run_id, them in of_runs.items()},
        frozenset(snapshot.purged),
        frozenset(incomplete),
    )
    return answer, (folded.to_dicts(), queries.model_versions(folded).to_dicts())


def text_of(folder: Path, row: dict[str, Any]) -> str | None:
    """Return the content of an artifact; None where it is not there yet."""
    try:
        return artifacts.read(folder, row).decode()
    except NotFoundError:
        return None


def assert_nothing_wrong(store: LocalStore, copies: Copies) -> None:
    """Assert that a store of which half is there says nothing that was not said, and names gaps."""
    answer, (rows, _) = found_in(store)
    said, points = everything_said(copies)
    named = verify(store).problems
    for run_id, state in answer.states.items():
        for name in SCALARS:
            known = {*said.get((run_id, name, ""), ()), None, False}
            known |= {"interrupted"} if "running" in known else set()
            assert state.get(name) in known
        for name in NAMED:
            for key, text in state.get(name, {}).items():
                if name == "artifacts" and text is None:
                    assert any(one.run_id == run_id and key[:5] in one.message for one in named)
                else:
                    assert text in said[run_id, name, key]
    summed = {row["run_id"]: sum(it["count"] for it in row["metrics"] or ()) for row in rows}
    for run_id in answer.states:
        mine = answer.points.get(run_id, [])
        assert len(mine) == len(set(mine))
        assert set(mine) <= points.get(run_id, set())
        if len(mine) != summed[run_id]:
            assert any(one.run_id in {run_id, None} for one in named)


def everything_said(copies: Copies) -> tuple[dict[Any, set[Any]], dict[str, set[Any]]]:
    """Return (run, field, key) → all that was ever said of it, and run → all of its points."""
    said: dict[Any, set[Any]] = {}
    points: dict[str, set[Any]] = {}
    for (run_id, _, _), segment in copies.said.items():
        for event in segment.events:
            if event.name == "point":
                points.setdefault(run_id, set()).add((event.key, *event.value))
            else:
                said.setdefault((run_id, event.name, event.key), set()).add(event.value)
    return said, points


def gathered(copies: Copies, order: tuple[int, ...], way: str, seed: int) -> LocalStore:
    """Bring the files of all copies together in a store of their own."""
    target = copies.folder / f"{way}{len(list(copies.folder.iterdir()))}"
    store = open_store(target, create=True)
    for number in order:
        source = copies.hosts[number].root

        def between(half: LocalStore) -> None:
            if seed % 2:
                pack(half, 0.0)
            assert_nothing_wrong(half, copies)

        bring(source, target, way, seed, between)
    return store


def assert_one_store(copies: Copies, draw: random.Random) -> None:
    """Assert that in whatever way the copies come together, they answer as the oracle does."""
    expected, everything = copies.expected(), []
    orders = list(permutations(range(len(copies.hosts))))
    for way in (draw.choice(["copy", "merge", "halves"]), "halves"):
        store = gathered(copies, draw.choice(orders), way, draw.randrange(1000))
        for _ in range(2):
            answer, whole = found_in(store)
            assert answer.states == expected.states, way
            assert answer == expected, way
            everything.append(whole)
            problems = verify(store).problems
            assert {one.run_id for one in problems} == expected.incomplete, problems
            pack(store, 0.0)
    assert all(one == everything[0] for one in everything)


def assert_git_agrees(copies: Copies) -> None:
    """Assert that branches that hold a copy each, without live logs, merge into one store."""
    repository = copies.folder / "repository"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    committed(repository, "empty")
    for host in copies.hosts:
        silence(host.root)
        with copies.world.turn(host) as store:
            pack(store, 0.0)  # live logs stay out of git: they become parts
        git(repository, "checkout", "-q", "-b", host.name, "main")
        laid(host.root, repository / "runs", files_of(host.root))
        committed(repository, host.name)
    for host in copies.hosts[:-1]:
        git(repository, "merge", "-q", host.name, "-m", "met")
    store = open_store(repository / "runs")
    assert found_in(store)[0] == copies.expected()
    assert {one.run_id for one in verify(store).problems} == copies.expected().incomplete


def played(
    actions: list[tuple[Any, ...]], clocks: list[int], meet: Callable[[Copies], None]
) -> None:
    """Let copies go their own ways, and meet."""
    folder = Path(tempfile.mkdtemp())
    try:
        with world() as made:
            copies = Copies(made, folder, clocks)
            for action in (*BEGINNING, *actions):
                copies.act(*action)
            for host in copies.hosts:
                with made.turn(host):
                    for pid in list(host.writers):
                        made.kill(host, pid)
            meet(copies)
    finally:
        shutil.rmtree(folder)


@SETTINGS
@given(ACTIONS, CLOCKS, st.randoms(use_true_random=False))
def test_copies_answer_as_one_store_in_which_all_of_it_happened(actions, clocks, draw):
    """Whatever copies did, and however their files come together, also by halves: one answer."""
    played(actions, clocks, lambda copies: assert_one_store(copies, draw))


@settings(SETTINGS, max_examples=max(2, SETTINGS.max_examples // 10))
@given(ACTIONS, CLOCKS)
def test_branches_answer_as_one_store_in_which_all_of_it_happened(actions, clocks):
    """Whatever copies in branches of git did, they merge without a conflict, into one answer."""
    played(actions, clocks, assert_git_agrees)
