"""A live log that is saved more than once, in copies of a store too: the longest counts, once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.bodies import point
from tests.faults.looks import look, steps
from tests.store.answers import assert_read_alike
from tests.store.stores import forget_logs
from tracksite.query.curves import history
from tracksite.query.runs import fold
from tracksite.store import manifests, packing, packs, reading, recovery
from tracksite.store.ids import new_run_id
from tracksite.store.local import open_store
from tracksite.store.merging import merge
from tracksite.store.packing import pack
from tracksite.store.purging import purge
from tracksite.store.recovery import recover
from tracksite.store.saving import save_segment
from tracksite.store.verifying import verify

RUN, OTHER = "0" * 31 + "1", "f" * 32
AT = datetime(2026, 1, 1, tzinfo=UTC)


def write(writer, *bounds):
    """Log a point at each step of a range."""
    for step in range(*bounds):
        point(writer, step)


def log(store, run_id, count):
    """Log some points and end the run."""
    writer = store.open_writer(run_id)
    write(writer, count)
    writer.close()
    forget_logs(store, run_id)


def cuts(store, lengths):
    """Log ten points for each length; return the live log's name, and what it was at each."""
    writer = store.open_writer(RUN)
    found = []
    for before, length in zip([0, *lengths], lengths, strict=False):
        write(writer, 10 * before, 10 * length)
        writer.patch(tags={"steps": str(10 * length)})
        (path,) = (store.root / "live").iterdir()
        found.append(path.read_bytes())
    writer._segment.close(remove=True)
    return path.name, found


def saved(store, content, table="runs"):
    """Save what a live log was; return the part of a table that this made."""
    before = set((store.root / "log").iterdir())
    save_segment(store.root, content)
    (made,) = set((store.root / "log").glob(f"*.{table}.parquet")) - before
    return made


def packed(store):
    """Pack all, and remove what was packed."""
    return pack(store.root, grace_s=0)


@pytest.mark.parametrize("how", ["loose", "packed", "both packed", "live"])
def test_the_longest_version_counts_wherever_it_is(store, how):
    """A short one in a pack hides no point of a long one, and no point is there twice."""
    name, (short, long) = cuts(store, [1, 3])
    save_segment(store.root, short)
    if how != "loose":
        packed(store)
    if how == "live":
        (store.root / "live" / name).write_bytes(long)
    else:
        save_segment(store.root, long)
    if how == "both packed":
        packed(store)
    found = look(store.root)
    assert found.points[RUN] == steps(30)
    assert found.states[RUN]["tags"] == [{"key": "steps", "text": "30"}]
    assert found.states[RUN]["metrics"][0]["count"] == 30
    assert_read_alike(store.root)


def test_a_short_version_that_comes_late_changes_nothing(store):
    """An old copy of a log, saved and packed after the whole one, is passed over."""
    _, (short, long) = cuts(store, [1, 3])
    save_segment(store.root, long)
    packed(store)
    before = look(store.root).run(RUN)
    save_segment(store.root, short)
    assert look(store.root).run(RUN) == before
    packed(store)
    assert look(store.root).run(RUN) == before
    assert not list((store.root / "log").iterdir())
    assert_read_alike(store.root)


def test_of_versions_with_the_same_points_the_one_that_ended_counts(store):
    """A copy that was made between the last point and the end does not undo the end."""
    writer = store.open_writer(RUN)
    writer.patch(status="running")
    point(writer, 0)
    (path,) = (store.root / "live").iterdir()
    early = path.read_bytes()
    writer.patch(status="finished")
    writer.close()
    forget_logs(store, RUN)
    save_segment(store.root, early)
    assert look(store.root).states[RUN]["status"] == "finished"
    assert look(store.root).points[RUN] == steps(1)
    assert_read_alike(store.root)


def test_points_without_their_row_leave_the_shorter_version_whole(store):
    """A death between the two parts of the longer version shows the shorter one, no mixture."""
    _, (short, long) = cuts(store, [1, 3])
    save_segment(store.root, short)
    saved(store, long).unlink()
    assert look(store.root).points[RUN] == steps(10)
    assert_read_alike(store.root)
    packed(store)
    assert look(store.root).points[RUN] == steps(10)


def test_recovery_keeps_what_a_saved_version_lacks(store, monkeypatch):
    """A dead log that is longer than the part of it that somebody saved becomes a part, too."""
    name, (short, long) = cuts(store, [1, 3])
    save_segment(store.root, short)
    packed(store)
    path = store.root / "live" / name
    path.write_bytes(long)
    monkeypatch.setattr(recovery, "is_running", lambda _: False)
    assert recover(store.root, now=0, grace_s=0) == [RUN]
    assert not path.exists()
    assert look(store.root).points[RUN] == steps(30)


@given(
    lengths=st.lists(st.integers(1, 5), min_size=2, max_size=4, unique=True).map(sorted),
    acts=st.lists(st.sampled_from(["save", "save and pack", "leave"]), min_size=4, max_size=4),
    order=st.permutations(range(4)),
)
def test_copies_of_a_running_store_merge_to_the_longest(tmp_path_factory, lengths, acts, order):
    """Copies made meanwhile, saved, packed or left alone, merged in any order: the last is all."""
    folder = tmp_path_factory.mktemp("copies")
    name, logs = cuts(open_store(folder / "first", create=True), lengths)
    copies = []
    for place, content in enumerate(logs):
        copy = open_store(folder / f"copy {place}", create=True)
        copies.append(copy)
        if acts[place] == "leave":
            (copy.root / "live" / name).write_bytes(content)
            continue
        save_segment(copy.root, content)
        if acts[place] == "save and pack":
            packed(copy)
    whole = open_store(folder / "whole", create=True)
    for place in order:
        if place < len(copies):
            merge(copies[place], whole)
    found = look(whole.root)
    assert found.points[RUN] == steps(10 * lengths[-1])
    assert found.states[RUN]["tags"] == [{"key": "steps", "text": str(10 * lengths[-1])}]
    assert not found.problems
    assert_read_alike(whole.root)
    shutil.rmtree(folder)


def test_a_reader_of_an_earlier_moment_keeps_the_points_of_runs_that_stay(store):
    """A purge writes packs anew: who took a snapshot before reads the runs that stay from there."""
    log(store, RUN, 20)
    log(store, OTHER, 20)
    packed(store)
    snapshot = store.snapshot()
    purge(store, [OTHER], at=AT, by="a test", why="old")
    assert history(snapshot, RUN, "loss")["step"].to_list() == list(range(20))


def test_a_reader_of_an_earlier_moment_finds_what_was_packed_meanwhile(store):
    """Loose parts that were packed and removed since the snapshot are read from their pack."""
    log(store, RUN, 20)
    snapshot = store.snapshot()
    packed(store)
    assert not list((store.root / "log").iterdir())
    assert history(snapshot, RUN, "loss")["step"].to_list() == list(range(20))


def test_points_that_were_removed_for_good_are_named(store):
    """A run that was purged since the snapshot has no points any more, and that is said."""
    log(store, RUN, 1)
    snapshot = store.snapshot()
    purge(store, [RUN], at=AT, by="a test", why="old")
    with pytest.warns(RuntimeWarning, match="is gone"):
        assert history(snapshot, RUN, "loss").is_empty()


@pytest.mark.parametrize("table", ["runs", "points"])
def test_a_pack_that_is_gone_costs_what_is_in_it_alone(store, table):
    """It is named, every other run is read, and dead logs are recovered all the same."""
    log(store, RUN, 20)
    packed(store)
    (pack_file,) = (store.root / "packs").glob(f"*.{table}.parquet")
    other = new_run_id()
    log(store, other, 1)
    for path in (pack_file, pack_file.with_name(pack_file.name + ".blocks")):
        path.unlink()
    found = look(store.root)
    assert found.points[other] == steps(1)
    (path,) = {problem.path for problem in found.problems}
    assert path == f"packs/{pack_file.name}"
    assert all("is not in this store yet: copy it" in one.message for one in found.problems)
    assert set(fold(store.snapshot())["run_id"]) >= {other}
    assert recover(store.root, now=0) == []


def early_and_ended(store):
    """Log ten points, then the end: the log's name, and what it was before and after the end."""
    writer = store.open_writer(RUN)
    write(writer, 10)
    (path,) = (store.root / "live").iterdir()
    short = path.read_bytes()
    writer.patch(status="finished")
    long = path.read_bytes()
    writer._segment.close(remove=True)
    return path.name, short, long


@pytest.mark.parametrize("later", ["loose", "packed", "live"])
def test_versions_with_the_same_points_share_them(store, later):
    """P1 packed; the writer adds only a status (same points part): points stay."""
    name, short, long = early_and_ended(store)
    save_segment(store.root, short)
    packed(store)
    if later == "live":
        (store.root / "live" / name).write_bytes(long)
    else:
        save_segment(store.root, long)
    if later == "packed":
        packed(store)
    assert look(store.root).points[RUN] == steps(10)
    assert_read_alike(store.root)


def test_versions_with_the_same_points_keep_them_when_they_are_packed_in_turn(store):
    """Neither packing loses the points that both rows are about."""
    _, short, long = early_and_ended(store)
    save_segment(store.root, short)
    save_segment(store.root, long)
    assert look(store.root).points[RUN] == steps(10)
    packed(store)
    packed(store)
    assert look(store.root).points[RUN] == steps(10)
    assert_read_alike(store.root)


def saved_and_going_on(store):
    """Log ten points that become a part, and ten that are in the live log; return the writer."""
    writer = store.open_writer(RUN)
    write(writer, 10)
    writer.save()
    write(writer, 10, 20)
    return writer


def test_a_part_that_is_gone_is_not_read_twice_from_a_pack(store):
    """Two parts of a run, packed within grace; one loose part goes after the snapshot."""
    saved_and_going_on(store).close()
    snap = store.snapshot()
    pack(store.root, grace_s=1e9)
    loose = sorted((store.root / "log").glob("*.points.parquet"))
    assert len(loose) == 2
    loose[0].unlink()
    assert history(snap, RUN, "loss")["step"].to_list() == list(range(20))


def test_a_log_that_was_live_at_a_snapshot_is_not_read_again_from_a_pack(store):
    """What was packed and what was live stay apart, though the log was packed meanwhile."""
    writer = saved_and_going_on(store)
    snap = store.snapshot()
    writer.close()
    packed(store)
    assert history(snap, RUN, "loss")["step"].to_list() == list(range(20))


def test_a_snapshot_does_not_see_what_was_logged_since(store):
    """Points of a resumed run that were logged and packed after the snapshot are not in it."""
    log(store, RUN, 10)
    snap = store.snapshot()
    writer = store.open_writer(RUN, resume=True)
    write(writer, 10, 20)
    writer.close()
    packed(store)
    assert history(snap, RUN, "loss")["step"].to_list() == list(range(10))


def test_a_pack_that_was_damaged_since_a_snapshot_costs_nothing_else(store):
    """The points themselves are read; what cannot be read is passed over."""
    log(store, OTHER, 5)
    packed(store)
    (pf,) = (store.root / "packs").glob("*.runs.parquet")
    log(store, RUN, 5)
    snap = store.snapshot()
    packed(store)
    for p in (store.root / "packs").glob("*.runs.parquet"):
        if p != pf:
            p.write_bytes(b"x" * 10)
            p.with_name(p.name + ".blocks").unlink()
    assert history(snap, RUN, "loss")["step"].to_list() == list(range(5))


def test_verify_names_a_points_pack_that_is_no_parquet(store):
    """A points pack whose bytes match its name, but is no Parquet / newer format, is named."""
    log(store, RUN, 5)
    packed(store)
    old = manifests.in_force(store.root)
    bad = packs.write_pack(store.root, "points", b"not parquet")
    manifests.publish(
        store.root,
        replace(
            old,
            points=(manifests.PackFile(bad, RUN, RUN),),
            replaced=frozenset({old.points[0].file}),
        ),
    )
    assert any(bad in p.path for p in verify(store).problems)


def test_packing_goes_on_beside_a_pack_that_is_gone(store):
    """A copy may be under way: what is here is packed, and `verify` names the file."""
    log(store, RUN, 5)
    packed(store)
    (pf,) = (store.root / "packs").glob("*.runs.parquet")
    for path in (pf, pf.with_name(pf.name + ".blocks")):
        path.unlink()
    log(store, OTHER, 5)
    packed(store)
    assert not list((store.root / "log").iterdir())
    assert look(store.root).points[OTHER] == steps(5)
    assert any(pf.name in p.path for p in verify(store).problems)


def test_damage_in_a_log_that_counts_is_named_beside_its_saved_version(store, monkeypatch):
    """A longer dead log with a flipped byte beside a saved short one: damage is named."""
    name, (short, long) = cuts(store, [1, 3])
    save_segment(store.root, short)
    packed(store)
    bad = bytearray(long)
    at = len(short.rstrip(b"\0")) // 32 * 32 + 32 * 6 + 9
    bad[at] ^= 0xFF
    p = store.root / "live" / name
    p.write_bytes(bytes(bad))
    monkeypatch.setattr(reading, "is_alive", lambda *_: False)
    found = look(store.root)
    assert found.problems


def test_points_that_wait_for_their_row_are_not_packed_with_another(store):
    """P1 without points, P2.points there and P2.runs later, a pack between: nothing is lost."""
    writer = store.open_writer(RUN)
    writer.patch(tags={"a": "b"})
    (path,) = (store.root / "live").iterdir()
    short = path.read_bytes()
    write(writer, 10)
    long = path.read_bytes()
    writer._segment.close(remove=True)
    save_segment(store.root, short)
    row = saved(store, long)
    kept = row.read_bytes()
    row.unlink()
    pack(store.root, grace_s=1e9)
    row.write_bytes(kept)
    assert look(store.root).points[RUN] == steps(10)
    packed(store)
    assert look(store.root).points[RUN] == steps(10)


def test_versions_outlive_a_purge_of_another_run(store):
    """Packs that are written anew keep what counts of a run that stays."""
    _, (short, long) = cuts(store, [1, 3])
    save_segment(store.root, short)
    packed(store)
    save_segment(store.root, long)
    packed(store)
    log(store, OTHER, 3)
    packed(store)
    purge(store, [OTHER], at=AT, by="t", why="w")
    assert look(store.root).points[RUN] == steps(30)


def test_any_number_of_versions_is_packed(store):
    """Packing comes to an end, leaves no part behind and changes nothing."""
    _, logs = cuts(store, list(range(1, 12)))
    for content in logs:
        save_segment(store.root, content)
    packed(store)
    assert look(store.root).points[RUN] == steps(110)
    packed(store)
    assert not list((store.root / "log").iterdir())
    assert look(store.root).points[RUN] == steps(110)
    assert_read_alike(store.root)


def test_damaged_points_of_a_short_version_cost_nothing(store):
    """Damaged short points beside a sound long version cost nothing."""
    _, (short, long) = cuts(store, [1, 3])
    points = saved(store, short, "points")
    save_segment(store.root, long)
    points.write_bytes(b"x")
    assert look(store.root).points[RUN] == steps(30)
    packed(store)
    assert look(store.root).points[RUN] == steps(30)


def test_a_damaged_long_row_leaves_the_short_version_whole(store):
    """The long row damaged: short counts whole, the damage is named; pack keeps both."""
    _, (short, long) = cuts(store, [1, 3])
    save_segment(store.root, short)
    saved(store, long).write_bytes(b"x")
    found = look(store.root)
    assert found.problems
    assert found.points[RUN] == steps(10)
    packed(store)
    found = look(store.root)
    assert found.problems
    assert found.points[RUN] == steps(10)
    assert_read_alike(store.root)


def test_points_of_a_shorter_version_do_not_stand_in_for_those_that_have_not_come(store):
    """Of half a copy with the long row and the short version's points alone, the long one waits."""
    name, (short, long) = cuts(store, [1, 3])
    save_segment(store.root, short)
    late = saved(store, long, "points")
    content = late.read_bytes()
    late.unlink()
    (problem,) = store.snapshot().problems
    assert "points of segment" in problem.message
    assert look(store.root).states[RUN]["metrics"][0]["count"] == 30
    assert_read_alike(store.root)
    (store.root / "live" / name).write_bytes(long)
    assert look(store.root).points[RUN] == steps(30)  # an equally long log has them
    assert_read_alike(store.root)
    (store.root / "live" / name).unlink()
    late.write_bytes(content)
    assert not store.snapshot().problems
    assert look(store.root).points[RUN] == steps(30)


def test_replaced_packs_are_read_until_the_one_that_replaces_them_is_here(store, monkeypatch):
    """A copy may bring manifests first: both readers read what they stand for where it was."""
    monkeypatch.setattr(packing, "SMALL_PACKS", 1)
    for run_id in (RUN, OTHER):
        log(store, run_id, 3)
        pack(store.root)
        before = set((store.root / "packs").iterdir())
    (merged,) = (one.file for one in manifests.in_force(store.root).runs)
    assert store.root / "packs" / merged in before
    for path in (store.root / "packs").glob(f"{merged}*"):
        path.unlink()
    for path in (store.root / "log").iterdir():
        path.unlink()
    found = assert_read_alike(store.root)
    assert set(found.states) == {RUN, OTHER}
    assert found.damaged == {f"packs/{merged}"}
