"""docs/store.md says enough: a reader written from it alone reads what tracksite reads."""

from __future__ import annotations

import math
import os
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.actions import ACTIONS, ENTITIES, made
from tests.store.answers import ELSEWHERE, assert_read_alike, text_of
from tests.store.stores import log_run, pack
from tracksite.store import writer
from tracksite.store.livelog import SLOT
from tracksite.store.local import open_store
from tracksite.store.saving import save_segment


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
        one.save()
    one.close()
    found = assert_read_alike(store.root)
    (summary,) = found.states[ENTITIES[0]]["metrics"]
    low, high = sorted([values[1], -values[1]])
    assert (summary["min"], summary["max"]) == (low, high)
    pack(store, grace_s=0)
    assert text_of(assert_read_alike(store.root)) == text_of(found)


def test_a_log_is_read_past_empty_slots_and_torn_frames(store, monkeypatch):
    """An empty slot costs nothing, a torn frame only itself; in the midst of a log it is named."""
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
    os.utime(log, (0, 0))
    found = assert_read_alike(store.root)
    assert [step for _, step, _, _ in found.points[ENTITIES[0]]] == [0, 1, 2, 3, 4, 5, 6, 8]
    assert not found.damaged
    content[used - 5 * SLOT + 9] ^= 1
    log.write_bytes(content)
    assert not assert_read_alike(store.root).damaged, "its writer may be writing there"
    os.utime(log, (0, 0))
    found = assert_read_alike(store.root)
    assert [step for _, step, _, _ in found.points[ENTITIES[0]]] == [0, 1, 2, 3, 4, 6, 8]
    assert found.damaged == {f"live/{log.name}"}


@pytest.mark.parametrize("folder", ["log", "live"])
def test_a_file_with_another_form_of_name_is_ignored(store, folder):
    """A number with leading zeros is no name that a writer gives, and stops no reader."""
    run_id, one = log_run(store), store.open_writer(ENTITIES[0])
    for path in list((store.root / folder).iterdir()):
        path.rename(path.with_name(path.name.replace(".", ".0", 2).replace(".0", ".", 1)))
    found = assert_read_alike(store.root)
    assert set(found.states) == ({ENTITIES[0]} if folder == "log" else {run_id})
    assert not found.damaged
    one.close()


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
