"""Laws of the store: neither clocks, nor the order of packing, nor that of merging matter."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from itertools import count, permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.actions import ACTIONS, ENTITIES, FIELDS, POINTS, act, made
from tests.store.answers import ELSEWHERE, as_found, text_of, without_ties
from tests.store.stores import log_run, pack, seen
from tracksite.store import merging, pack_files, packing, writer
from tracksite.store.local import open_store
from tracksite.store.verifying import verify

YEAR_NS = 365 * 86_400 * 1_000_000_000
Script = list[tuple[Any, ...]]


def quiet(root: Path) -> Path:
    """Let the live logs of a store have no recent sign of life."""
    for path in (root / "live").glob("*"):
        os.utime(path, (0, 0))
    return root


def answer(root: Path, *, times: bool = True) -> str:
    """Return what a store holds as text, with or without the times of patches."""
    found = without_ties(as_found(root))
    assert not found.damaged
    for state in found.states.values() if not times else ():
        del state["first_at"], state["last_at"]
    return text_of(found)


SCRIPT = st.lists(
    st.one_of(
        st.tuples(st.just("patch"), FIELDS),
        st.tuples(st.sampled_from(["point", "series"]), st.sampled_from("la"), POINTS),
        st.tuples(st.just("save")),
    ),
    max_size=6,
)


def play(scripts: list[Script], turns: list[int], ahead_ns: list[int]) -> tuple[str, str]:
    """Log what the scripts say, each turn the next line of one script.

    Args:
        scripts: for each writer what it logs; all but the first log to one run.
        turns: whose turn it is.
        ahead_ns: how far the clock of each writer is ahead.

    Returns:
        What a reader sees before the writers close, and afterwards.
    """
    ids, now, ticks = count(), [time.time_ns()], count()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "new_writer", lambda: f"{next(ids):012x}")
        patch.setattr(time, "time_ns", lambda: now[0] + 1000 * next(ticks))
        store, writers = open_store(Path(folder) / "runs", create=True), {}
        for number in range(len(scripts)):
            act(store, writers, "patch", (ENTITIES[min(number, 1)], number), {})
        lines = [iter(script) for script in scripts]
        places = list(writers)
        start = now[0]
        for turn in turns:
            now[0] = start + ahead_ns[turn]
            verb, *rest = next(lines[turn])
            act(store, writers, verb, places[turn], *rest)
        before = answer(store.root, times=False)
        for one in writers.values():
            one.close()
        return before, answer(store.root, times=False)


@settings(max_examples=12)
@given(st.lists(SCRIPT, min_size=3, max_size=3), st.randoms(use_true_random=False), st.data())
def test_what_is_said_later_counts_whatever_the_clocks_of_its_writers_say(scripts, draw, data):
    """Several writers of one run in any order of turns, their clocks a year apart: one state."""
    turns = [number for number, script in enumerate(scripts) for _ in script]
    draw.shuffle(turns)
    expected = play(scripts, turns, [0, 0, 0])
    clocks = st.lists(st.integers(-YEAR_NS, YEAR_NS), min_size=3, max_size=3)
    assert play(scripts, turns, data.draw(clocks)) == expected


@settings(max_examples=8)
@given(ACTIONS, st.permutations(ENTITIES), st.integers(1, 3), st.booleans())
def test_packing_in_any_order_and_size_changes_nothing(actions, order, size, is_over):
    """Packs of any size, made of the runs in any order, hold what the parts did."""
    with made(actions) as store, pytest.MonkeyPatch.context() as patch:
        root = store.root.parent / "copy"
        shutil.copytree(store.root, root)
        for path in (root / "live").iterdir() if is_over else ():
            path.unlink()
        copy, aside = open_store(quiet(root)), root.parent / "aside"
        before, digest = answer(root), verify(copy).digest
        patch.setattr(packing, "PACK_RUNS", size)
        patch.setattr(packing, "SMALL_PACKS", size)
        patch.setattr(pack_files, "PACK_BYTES", size)
        patch.setattr(pack_files, "GROUP_ROWS", size)
        shutil.move(root / "log", aside)
        (root / "log").mkdir()
        for entity in order:
            for path in aside.glob(f"{entity}.*"):
                path.rename(root / "log" / path.name)
            pack(copy, grace_s=0)
        assert answer(root) == before
        verified = verify(copy)
        assert verified.digest == digest
        made_up = [one for one in verified.problems if one.path.startswith("artifacts/")]
        assert len(verified.problems) == len(made_up)
        live = {path.name[:32] for path in (root / "live").iterdir()}
        assert {path.name[:32] for path in (root / "log").iterdir()} <= live


@settings(max_examples=4)
@given(st.lists(ACTIONS, min_size=3, max_size=3), st.randoms(use_true_random=False))
def test_merging_stores_with_packs_and_live_logs_is_a_union(stores, draw: random.Random):
    """In any order, in any grouping and repeated, merging gives one answer and one digest."""
    with tempfile.TemporaryDirectory() as folder:
        made_stores = []
        for number, actions in enumerate(stores):
            with made(actions) as store:
                shutil.copytree(store.root, Path(folder) / f"store{number}")
            made_stores.append(open_store(Path(folder) / f"store{number}"))
        orders = draw.sample(list(permutations(made_stores)), 3)
        results = set()
        for number, (one, two, three) in enumerate(orders):
            left, right = (
                open_store(Path(folder) / f"{side}{number}", create=True)
                for side in ("left", "right")
            )
            for source in (one, two, one, three, two):
                merging.merge(source, left)
            for source, target in ((two, right), (three, right), (right, left), (one, right)):
                merging.merge(source, target)
            for result in (left, right):
                results.add((answer(quiet(result.root)), verify(result).digest))
        assert len(results) == 1
        ids = {run_id for store in made_stores for run_id in as_found(store.root).states}
        assert set(as_found(left.root).states) == ids


def test_copies_that_were_packed_apart_hold_each_point_once(store, tmp_path):
    """A part that two copies of a store packed together with different others counts once."""
    log_run(store, points=5)
    other = open_store(tmp_path / "other", create=True)
    merging.merge(store, other)
    log_run(store, points=5)
    before = seen(store)
    for one in (store, other):
        pack(one, grace_s=0)
    merging.merge(other, store)
    assert seen(store)[2].equals(before[2])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_copies_of_a_live_log_the_longer_one_is_merged(tmp_path, monkeypatch, order):
    """A log that has grown since it was copied is taken over by the next merge."""
    monkeypatch.setattr(writer, "identity", lambda: ELSEWHERE)
    store = open_store(tmp_path / "runs", create=True)
    one, copies = store.open_writer(ENTITIES[0]), [tmp_path / "early", tmp_path / "late"]
    for step, copy in enumerate(copies):
        one.point("loss", 1.0, step, step)
        shutil.copytree(store.root, copy)
    one.close()
    target = open_store(tmp_path / "target", create=True)
    for place in order:
        merging.merge(open_store(copies[place]), target)
    assert answer(quiet(target.root)) == answer(quiet(copies[1]))
