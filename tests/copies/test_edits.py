"""The order of edits: what knows of another one counts after it; what does not, by the clock."""

from __future__ import annotations

import pytest

from tests.copies.hosts import BEGIN_NS, Host, World, world
from tests.copies.oracle import Answer
from tests.copies.places import copied
from tests.copies.test_gathering import found_in
from tests.copies.verbs import MINUTE_NS, pack
from tracksite.store.ids import new_run_id
from tracksite.store.local import open_store

FAST_NS = 5 * MINUTE_NS


@pytest.fixture
def made():
    """Yield a world of machines."""
    with world() as one:
        yield one


def logged(made: World, host: Host, *, end: bool = True) -> tuple[str, int]:
    """Log a run whose writer changes its note and description some time after its beginning."""
    with made.turn(host):
        run_id = new_run_id()
        pid = made.begin(host, run_id)
        host.writers[pid].patch(status="running", tags={"note": "at first"})
        made.now_ns += MINUTE_NS
        host.writers[pid].patch(tags={"note": "later"}, description="later")
        if end:
            host.writers[pid].patch(status="finished")
            made.end(host, pid)
    return run_id, pid


def state(root, run_id: str) -> dict:
    """Return what a store says of a run."""
    answer: Answer = found_in(open_store(root))[0]
    return answer.states[run_id]


@pytest.mark.parametrize("form", ["loose", "packed", "sealed", "live"])
def test_an_edit_by_a_clock_behind_counts_after_what_it_knew_of(made, tmp_path, form):
    """Who changes what another one changed last wins, though their clock is minutes behind."""
    fast, slow = Host("fast", tmp_path / "a", FAST_NS), Host("slow", tmp_path / "b")
    run_id, _ = logged(made, fast, end=form != "live")
    with made.turn(fast) as store:
        if form in {"loose", "packed"}:
            for log in (store.root / "live").iterdir():
                log.unlink()
        if form == "packed":
            pack(store, 0.0)
    copied(fast.root, slow.root)
    with made.turn(slow) as store:
        store.write_patch(run_id, "run", {"tags": {"note": "last"}, "description": "last"})
    found = state(slow.root, run_id)
    assert (found["tags"]["note"], found["description"]) == ("last", "last")


def test_a_writer_wins_against_an_edit_that_came_before(made, tmp_path):
    """What a run's own writer says after another process changed it is what counts."""
    host = Host("one", tmp_path / "a")
    with made.turn(host) as store:
        run_id = new_run_id()
        pid = made.begin(host, run_id)
        writer = host.writers[pid]
        writer.patch(status="running", tags={"note": "writer"})
        made.now_ns += MINUTE_NS
        store.write_patch(run_id, "run", {"status": "failed", "tags": {"note": "edit"}})
        made.now_ns += MINUTE_NS
        writer.patch(status="finished", tags={"note": "writer again"})
        made.end(host, pid)
    found = state(host.root, run_id)
    assert (found["status"], found["tags"]["note"]) == ("finished", "writer again")


def test_an_edit_that_knows_nothing_of_the_newest_one_counts_by_the_clock(made, tmp_path):
    """Where the newest change is not seen yet, the later one wins, and none loses for ever."""
    one, other = Host("one", tmp_path / "a"), Host("other", tmp_path / "b")
    run_id, _ = logged(made, one)
    copied(one.root, other.root)
    for number in range(3):
        with made.turn(one) as store:
            store.write_patch(run_id, "run", {"tags": {"note": f"one {number}"}})
    with made.turn(other) as store:
        store.write_patch(run_id, "run", {"tags": {"note": "other"}})
    copied(one.root, other.root)
    copied(other.root, one.root)
    assert [state(it.root, run_id)["tags"]["note"] for it in (one, other)] == ["other", "other"]


def test_a_clock_a_year_ahead_costs_one_round(made, tmp_path):
    """What a clock a year ahead said is undone by whoever knows of it, and by nobody else."""
    mad, sane = Host("mad", tmp_path / "a", 365 * 86_400 * 10**9), Host("sane", tmp_path / "b")
    run_id, _ = logged(made, mad)
    copied(mad.root, sane.root)
    with made.turn(sane) as store:
        store.write_patch(run_id, "run", {"tags": {"note": "sane"}})
        other = new_run_id()
        part = store.write_patch(other, "run", {"tags": {"note": "other"}})
    assert state(sane.root, run_id)["tags"]["note"] == "sane"
    assert part.seq < (BEGIN_NS + 86_400 * 10**9) // 1_000_000 << 16  # its clock stays its own


@pytest.mark.parametrize("packed", [False, True])
def test_a_log_that_was_saved_in_a_copy_and_overwritten_by_its_writer(made, tmp_path, packed):
    """Of two versions of a log that say a tag and a text each, the one of more bytes counts."""
    one, other = Host("one", tmp_path / "a"), Host("other", tmp_path / "b")
    for _ in range(6):  # whatever the hashes are
        run_id, pid = logged(made, one, end=False)
        copied(one.root, other.root)
        with made.turn(Host("one", other.root)) as store:  # its process is gone there
            pack(store, 0.0 if packed else 86_400.0)
        with made.turn(one):
            one.writers[pid].patch(tags={"note": "new"}, description="new")
            made.end(one, pid)
        copied(other.root, one.root)
        copied(one.root, other.root)
        for host in (one, other):
            found = state(host.root, run_id)
            assert (found["tags"]["note"], found["description"]) == ("new", "new")
