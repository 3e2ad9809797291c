"""docs/store.md says enough: a reader written from it alone reads what tracksite reads."""

from __future__ import annotations

import contextlib
import math
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.answers import ELSEWHERE, assert_read_alike, text_of
from tests.store.stores import log_run, pack
from tracksite.store import writer
from tracksite.store.livelog import SLOT
from tracksite.store.local import LocalStore, open_store
from tracksite.store.saving import save_segment

ENTITIES = [f"{number:032x}" for number in (1, 2, 3)]
TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
NUMBERS = st.sampled_from(
    ["1", "-.5e1", " 1_0 ", "1__0", "٣", "nan", "1e999", "", "0x1", "x", "1."]
)
VALUES = st.sampled_from([0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf]) | st.floats()
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["running", "finished", "failed"]),
        "name": TEXT,
        "deleted": st.booleans(),
        "version": st.integers(0, 9),
        "params": st.dictionaries(st.sampled_from("pqr"), NUMBERS, max_size=2),
        "tags": st.dictionaries(st.sampled_from(["é", "z", "a"]), TEXT | st.none(), max_size=2),
        "aliases": st.dictionaries(st.sampled_from("xy"), TEXT | st.none(), max_size=2),
        "artifacts": st.lists(
            st.fixed_dictionaries({"path": TEXT, "bytes": st.integers(0, 9), "sha256": TEXT}),
            max_size=2,
        ),
    },
)
POINTS = st.lists(st.tuples(VALUES, st.integers(-2, 2), st.integers(0, 3)), min_size=1, max_size=6)
WHO = st.tuples(st.sampled_from(ENTITIES), st.sampled_from("ab"))
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("patch"), WHO, FIELDS),
        st.tuples(st.sampled_from(["point", "series"]), WHO, st.sampled_from(["l", "a"]), POINTS),
        st.tuples(st.sampled_from(["flush", "close", "pack"]), WHO),
        st.tuples(st.just("write"), st.sampled_from(ENTITIES), FIELDS),
    ),
    min_size=1,
    max_size=25,
)


@contextlib.contextmanager
def made(actions: list[tuple[Any, ...]]) -> Iterator[LocalStore]:
    """Do what the actions say in a new store, as writers of another machine that still run."""
    writers: dict[Any, writer.RunWriter] = {}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "identity", lambda: ELSEWHERE)
        store = open_store(Path(folder) / "runs", create=True)
        try:
            for action in actions:
                act(store, writers, *action)
            yield store
        finally:
            for one in writers.values():
                one.close()


def act(store: LocalStore, writers: dict[Any, writer.RunWriter], verb: str, *rest: Any) -> None:
    """Do one action."""
    if verb == "write":
        store.write_patch(rest[0], "model", rest[1])
    elif verb == "pack":
        pack(store, grace_s=0)
    elif verb == "close":
        if rest[0] in writers:
            writers.pop(rest[0]).close()
    else:
        if rest[0] not in writers:
            writers[rest[0]] = store.open_writer(rest[0][0], resume=True)
        one = writers[rest[0]]
        if verb == "patch":
            one.patch(**rest[1])
        elif verb == "flush":
            one.flush()
        elif verb == "series":
            one.series(rest[1], *map(list, zip(*rest[2], strict=True)))
        else:
            for value, step, time_us in rest[2]:
                one.point(rest[1], value, step, time_us)


def flip(path: Path, at: int, bit: int) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= 1 << bit
    path.write_bytes(content)


@settings(max_examples=25)
@given(ACTIONS, st.randoms(use_true_random=False))
def test_a_reader_written_from_the_document_reads_the_same(actions, draw: random.Random):
    """States, points and what is alive are the same: running, interrupted, and one byte wrong."""
    with made(actions) as store:
        assert not assert_read_alike(store.root).damaged
        copy = store.root.parent / "copy"
        shutil.copytree(store.root, copy)
        for log in (copy / "live").iterdir():
            os.utime(log, (0, 0))
        assert not assert_read_alike(copy).alive
        files = sorted(path for path in copy.glob("*/*") if path.is_file())
        if files:
            flip(draw.choice(files), draw.randrange(1 << 30), draw.randrange(8))
            assert_read_alike(copy)


@pytest.mark.parametrize("values", [[math.nan, math.inf], [math.nan, -math.inf], [-0.0, 0.0]])
def test_extremes_are_never_nan_and_the_first_of_equal_ones(store, values):
    """Where NaN stands beside infinities alone, these are the extremes, loose and packed."""
    one = store.open_writer(ENTITIES[0])
    for value in values:
        for step, sign in enumerate([value, -value]):
            one.point("loss", sign, step, step)
        one.flush()
    one.close()
    found = assert_read_alike(store.root)
    (summary,) = found.states[ENTITIES[0]]["metrics"]
    low, high = sorted([values[1], -values[1]])
    assert (summary["min"], summary["max"]) == (low, high)
    pack(store, grace_s=0)
    assert text_of(assert_read_alike(store.root)) == text_of(found)


def test_a_log_is_read_past_empty_slots_to_the_first_torn_frame(store, monkeypatch):
    """A slot that was never written costs nothing; a torn frame ends the log, for both readers."""
    monkeypatch.setattr(writer, "identity", lambda: ELSEWHERE)
    one = store.open_writer(ENTITIES[0])
    for step in range(10):
        one.point("loss", step, step, step)
    (log,) = (store.root / "live").iterdir()
    content = bytearray(log.read_bytes())
    one.close()
    for path in (store.root / "log").iterdir():
        path.unlink()
    used = len(content.rstrip(b"\0"))
    used += -used % SLOT
    content[used - 3 * SLOT : used - 2 * SLOT] = bytes(SLOT)
    content[used - SLOT + 9] ^= 1
    log.write_bytes(content)
    found = assert_read_alike(store.root)
    assert [step for _, step, _, _ in found.points[ENTITIES[0]]] == [0, 1, 2, 3, 4, 5, 6, 8]


def test_of_two_parts_of_one_commit_the_longer_one_counts(store):
    """A log that was saved early, and again when its writer came back, counts once and whole."""
    one = store.open_writer(ENTITIES[0])
    for step in range(100):
        if step == 5:
            (log,) = (store.root / "live").iterdir()
            save_segment(store.root, log.read_bytes())
        one.point("loss", step / 3, step, step)
    one.close()
    assert len(list((store.root / "log").iterdir())) == 4
    assert len(assert_read_alike(store.root).points[ENTITIES[0]]) == 100


def test_manifests_of_several_stores_count_together(store, tmp_path):
    """Of each store's manifests the newest counts, and a pack that any has replaced does not."""
    other = open_store(tmp_path / "other", create=True)
    for one in (store, other):
        for _ in range(2):
            log_run(one, points=3)
            pack(one)
    shutil.copytree(other.root, store.root, dirs_exist_ok=True)
    assert len(list((store.root / "manifest").iterdir())) >= 2
    assert len(assert_read_alike(store.root).states) == 4
