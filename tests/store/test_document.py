"""docs/store.md says enough: a reader written from it alone reads what tracksite reads."""

from __future__ import annotations

import math
import os
import random
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.actions import ACTIONS, ENTITIES, made
from tests.store.answers import ELSEWHERE, assert_read_alike, text_of
from tests.store.stores import log_run, pack
from tracksite.store import doubled, manifests, parts, purging, writer
from tracksite.store.ids import model_id, new_run_id
from tracksite.store.livelog import SLOT
from tracksite.store.local import LocalStore, open_store
from tracksite.store.merging import merge
from tracksite.store.patches import normalise, to_table
from tracksite.store.saving import save_segment

AT = datetime(2026, 1, 2, tzinfo=UTC)


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
def test_a_file_with_another_form_of_name_is_ignored(store, tmp_path, folder):
    """A number with leading zeros is no name that a writer gives, and stops no reader."""
    run_id, one = log_run(store), store.open_writer(ENTITIES[0])
    copy = shutil.copytree(store.root, tmp_path / "copy")
    for path in list((copy / folder).iterdir()):
        path.rename(path.with_name(path.name.replace(".", ".0", 2).replace(".0", ".", 1)))
    found = assert_read_alike(copy)
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
    """Stores that were packed apart and copied together hold what both held."""
    other = open_store(tmp_path / "other", create=True)
    for one in (store, other):
        for _ in range(2):
            log_run(one, points=3)
            pack(one)
    shutil.copytree(other.root, store.root, dirs_exist_ok=True)
    assert len(list((store.root / "manifest").iterdir())) >= 2
    assert len(assert_read_alike(store.root).states) == 4


def test_a_damaged_manifest_is_missed_only_if_no_other_says_what_it_said(store):
    """One that a later one subsumes is not named; of the last one, that is all that is known."""
    for _ in range(2):
        log_run(store, points=3)
        pack(store)
    first, last = sorted((store.root / "manifest").iterdir())
    first.write_bytes(b"x")
    assert not assert_read_alike(store.root).damaged
    last.write_bytes(b"x")
    assert assert_read_alike(store.root).damaged == {
        f"manifest/{path.name}" for path in (first, last)
    }


def test_a_manifest_of_format_1_may_have_replaced_what_it_lists(store):
    """There a purge wrote a pack that had the bytes, and so the name, of one replaced before."""
    run_id = log_run(store, points=3)
    pack(store, grace_s=0)
    (path,) = (store.root / "manifest").iterdir()
    told, _ = doubled.decode(path.name, path.read_bytes())
    files = [one["file"] for table in ("runs", "points") for one in told[table]]
    told |= {"format": 1, "replaced": files}
    del told["subsumes"]
    (path.parent / f"{'a' * 32}.00000002.json").write_bytes(doubled.encode(told))
    (path.parent / f"{'a' * 32}.00000001.json").write_bytes(b"older, and of no help")
    path.unlink()
    assert set(assert_read_alike(store.root).points) == {run_id}
    manifests.publish(store.root, manifests.Manifest(replaced=frozenset(files)))
    assert not assert_read_alike(store.root).states


def said(store: LocalStore, writer: str, seq: int, fields: dict, edits: dict | None = None) -> None:
    """Write one patch with this number, and with what was said later in its log."""
    later = [{"field": field, "key": key, "seq": at} for (field, key), at in (edits or {}).items()]
    commit = (ENTITIES[0], writer * 12, seq)
    row = to_table(
        {"kind": "run", **normalise(fields)},
        run_id=commit[0],
        writer=commit[1],
        seq=seq,
        timestamp=seq,
        edits=later or None,
    )
    parts.write_part(store.root / "log", commit, "runs", row)


@pytest.mark.parametrize("packed", [False, True])
def test_what_a_log_said_later_is_ordered_by_when_it_was_said(store, packed):
    """An edit from outside beats what was said before it, and not what the log says after it."""
    tags = {"first": "log", "later": "log", "both": "log"}
    edits = {("tags", "later"): 300, ("tags", "both"): 150, ("status", ""): 300}
    art = {"path": "a", "bytes": 1, "sha256": "5" * 64, "file": "a.5555"}
    edits["artifacts", "a"] = 300
    said(store, "a", 100, {"status": "finished", "tags": tags, "artifacts": [art]}, edits)
    outside = dict.fromkeys(tags, "outside")
    old = {**art, "sha256": "6" * 64, "file": None}
    said(store, "b", 200, {"status": "failed", "tags": outside, "artifacts": [old]})
    if packed:
        pack(store, grace_s=0)
    state = assert_read_alike(store.root).states[ENTITIES[0]]
    assert {item["key"]: item["text"] for item in state["tags"]} == {
        "first": "outside",
        "later": "log",
        "both": "outside",
    }
    assert state["status"] == "finished"
    assert state["artifacts"] == [art]


@pytest.mark.parametrize("packed", [False, True])
def test_points_that_have_not_come_yet_are_named_until_they_come(store, tmp_path, packed):
    """Half a copy shows the run and its metrics, says what is missing, and is whole when it is."""
    run_id = log_run(store, points=3)
    half = shutil.copytree(store.root, tmp_path / "half")
    (points,) = (half / "log").glob("*.points.parquet")
    part = parts.parse_name(points.name)
    points.unlink()
    if packed:
        pack(open_store(half), grace_s=0)
    found = assert_read_alike(half)
    assert found.damaged == {f"log/{run_id}.{part.writer}.{part.seq}"}
    assert found.states[run_id]["metrics"][0]["count"] == 3
    shutil.copytree(store.root, half, dirs_exist_ok=True)
    found = assert_read_alike(half)
    assert not found.damaged
    assert len(found.points[run_id]) == 6


def test_what_was_removed_for_good_stays_away_unless_it_was_used_elsewhere(store, tmp_path):
    """Its files may come back; who went on with it, or registered it, keeps what is there."""
    gone, resumed, registered, kept = (log_run(store, points=3) for _ in range(4))
    copy = open_store(shutil.copytree(store.root, tmp_path / "copy"))
    late = copy.write_patch(resumed, "run", {"tags": {"more": "x"}})
    copy.write_patch(model_id("m"), "model", {"name": "m"})
    version = {"name": "m", "version": 1, "source_run_id": registered}
    copy.write_patch(new_run_id(), "model_version", version)
    purging.purge(store, [gone, resumed, registered], at=AT, by="me", why="old", grace_s=0)
    assert assert_read_alike(store.root).purged == {gone, resumed, registered}
    shutil.copy(copy.root / "log" / late.file, store.root / "log")
    found = assert_read_alike(store.root)
    assert found.purged == {gone, resumed, registered}
    assert found.damaged == {f"log/{resumed}"}
    merge(copy, store)
    found = assert_read_alike(store.root)
    assert found.purged == {gone}
    assert not found.damaged
    assert {resumed, registered, kept} <= set(found.states)
    assert set(found.points) == {resumed, registered, kept}
