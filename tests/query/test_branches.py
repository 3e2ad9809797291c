"""Runs that go on from a checkpoint: all points are kept, and the last branch is drawn."""

from __future__ import annotations

import pytest

import tracksite
from tracksite import paths
from tracksite.query import branches, curves
from tracksite.site import build
from tracksite.store.local import open_store
from tracksite.store.packing import pack
from tracksite.tracking import capture


@pytest.fixture(autouse=True)
def store(tmp_path):
    """Log into a store of the test's own; nothing is captured."""
    capture.configure(git=False, git_diff=False, environment=False, command=False)
    tracksite.set_tracking_uri(tmp_path / "runs")
    tracksite.set_experiment("resumed")
    yield tmp_path / "runs"
    tracksite.set_tracking_uri(None)
    capture._chosen.clear()


def session(steps, value, run_id=None, key="loss"):
    """Log one value at some steps in a session of its own; return the run's id."""
    with tracksite.start_run(run_id) as run:
        for step in steps:
            tracksite.log_metric(key, value, step)
    return run.run_id


def shown(store, run_id, key="loss"):
    """Return what is drawn of a metric as {step: value}, and where it went on."""
    drawn = curves.drawn(open_store(store).snapshot(), [run_id], keys=[key])
    pairs = list(drawn.points.select("step", "value").iter_rows())
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs), drawn.resumed.get((run_id, key))


def test_a_curve_that_went_on_from_an_earlier_step_shows_its_last_branch(store):
    """Up to where it went on it is the first branch, from there on the second."""
    run_id = session(range(10), 1.0)
    session(range(6, 14), 2.0, run_id)
    expected = dict.fromkeys(range(6), 1.0) | dict.fromkeys(range(6, 14), 2.0)
    assert shown(store, run_id) == (expected, 6)
    assert tracksite.get_metric_history(run_id, "loss").height == 18


def test_a_branch_that_ends_early_hides_what_came_after_it(store):
    """What the last branch has not reached yet is not that of another one."""
    run_id = session(range(10), 1.0)
    session(range(3, 5), 2.0, run_id)
    session(range(4, 6), 3.0, run_id)
    assert shown(store, run_id) == ({0: 1.0, 1: 1.0, 2: 1.0, 3: 2.0, 4: 3.0, 5: 3.0}, 4)


def test_a_curve_that_went_on_where_it_was_is_whole_and_not_marked(store):
    """Nothing is hidden of a run that was resumed at its end, or logged something else."""
    run_id = session(range(5), 1.0)
    session(range(5, 8), 2.0, run_id)
    session(range(3), 9.0, run_id, key="other")
    assert shown(store, run_id)[0].keys() == {*range(8)}
    assert shown(store, run_id)[1] is None
    assert shown(store, run_id, "other") == (dict.fromkeys(range(3), 9.0), None)


def test_workers_beside_each_other_are_no_branches(store):
    """Who begins before the others have logged their last goes on with nothing."""
    with tracksite.start_run() as run:
        run.log_metric("loss", 1.0, 5)
        other = open_store(store).open_writer(run.run_id, resume=True)
        other.point("loss", 2.0, 3, run._now_ns() // 1000)
        run.log_metric("loss", 1.0, 7)
        other.close()
    assert shown(store, run.run_id) == ({3: 2.0, 5: 1.0, 7: 1.0}, None)


def test_packs_tell_branches_too(store):
    """Where points lie changes nothing."""
    run_id = session(range(10), 1.0)
    session(range(6, 14), 2.0, run_id)
    before = shown(store, run_id)
    pack(store)
    assert branches.resumptions(open_store(store).snapshot().patches).height == 1
    assert shown(store, run_id) == before


def test_pages_mark_a_curve_that_went_on(store, tmp_path):
    """The run's page says from which step, and the experiment's data too."""
    run_id = session(range(10), 1.0)
    session(range(6, 14), 2.0, run_id)
    build(store, tmp_path / "site")
    assert "loss went on from step 6" in (tmp_path / "site" / paths.run_page(run_id)).read_text()
    data = next((tmp_path / "site").glob("experiments/resumed-*/curves.js")).read_text()
    assert '"resumed":6' in data
