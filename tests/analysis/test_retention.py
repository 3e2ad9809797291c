"""Retention: what may go, and what never does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tracksite.analysis.retention import expired, judged
from tracksite.query.runs import fold
from tracksite.store.ids import new_run_id
from tracksite.store.local import LocalStore, open_store

FUTURE = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def store(tmp_path) -> LocalStore:
    """Return an empty store."""
    return open_store(tmp_path / "runs", create=True)


def log(store: LocalStore, f1: float = 0.0, **fields) -> str:
    """Log one finished run and return its id."""
    run_id = new_run_id()
    writer = store.open_writer(run_id)
    writer.patch(**{"experiment": "e", "status": "finished", **fields})
    writer.point("f1", f1, 0, 1)
    writer.close()
    return run_id


def gone(store: LocalStore, before: datetime = FUTURE, **rules) -> set[str]:
    """Return the ids of the runs that may go."""
    return set(expired(judged(fold(store.snapshot()), before, **rules))["run_id"])


def reasons(store: LocalStore, **rules) -> dict[str, str | None]:
    """Return why each old run stays; None where it may go."""
    frame = judged(fold(store.snapshot()), FUTURE, **rules)
    return dict(frame.select("run_id", "stays").iter_rows())


def test_only_old_runs_go(store):
    """A run that was written since the given time stays."""
    run = log(store)
    assert gone(store) == {run}
    assert gone(store, datetime.now(UTC) - timedelta(hours=1)) == set()


def test_the_best_of_each_experiment_stay(store):
    """So many of the best runs by the primary metric stay, in each experiment."""
    scores = {log(store, score): score for score in (0.1, 0.9, 0.5)}
    other = log(store, 0.2, experiment="other")
    assert {scores.get(run) for run in gone(store, keep_best=1)} == {0.1, 0.5}
    assert other not in gone(store, keep_best=1)
    assert gone(store, experiment="other") == {other}


def test_tagged_runs_stay(store):
    """A run with the tag, or with the tag of that value, stays."""
    kept, other = log(store, tags={"keep": "yes"}), log(store, tags={"keep": "no"})
    assert gone(store, keep_tagged=["keep"]) == set()
    assert gone(store, keep_tagged=["keep=yes"]) == {other}
    assert gone(store, keep_tagged=["keep=no"]) == {kept}
    assert gone(store, keep_tagged=["nothing"]) == {kept, other}


def test_ancestors_of_what_stays_stay(store):
    """A nested run that stays keeps its parent and its parent's parent."""
    top = log(store)
    middle = log(store, parent_run_id=top)
    log(store, parent_run_id=middle, tags={"keep": "yes"})
    assert gone(store, keep_tagged=["keep"]) == set()


def test_the_run_behind_a_model_version_stays(store):
    """Neither age nor deletion removes the run that a registered model came from."""
    run = log(store)
    fields = {"name": "m", "version": 1, "source_run_id": run, "source_path": "model"}
    store.write_patch(new_run_id(), "model_version", fields)
    store.write_patch(run, "run", {"deleted": True})
    assert gone(store) == set()


def test_runs_in_progress_stay_and_deleted_runs_go(store):
    """A run that is being logged to stays; a deleted one goes whatever its tags."""
    writer = store.open_writer(new_run_id())
    writer.patch(status="running")
    deleted = log(store, tags={"keep": "yes"})
    store.write_patch(deleted, "run", {"deleted": True})
    assert gone(store, keep_tagged=["keep"]) == {deleted}
    writer.close()


def test_what_a_living_version_needs_stays_and_it_is_said_why(store):
    """The run of a version, the run with its files, and all above them stay; once it is gone, none.

    What a version that was deleted came from may go.
    """
    top = log(store)
    run, owner = log(store, parent_run_id=top), log(store)
    version = new_run_id()
    tags = {"tracksite.mlflow.owner": owner}
    fields = {"name": "m", "version": 1, "source_run_id": run, "source_path": "x", "tags": tags}
    store.write_patch(version, "model_version", fields)
    assert reasons(store) == {top: "parent", run: "model", owner: "model"}
    store.write_patch(version, "model_version", {"deleted": True})
    assert reasons(store) == {top: None, run: None, owner: None}


def test_parents_of_runs_in_other_experiments_stay(store):
    """A run stays while one that is nested in it does, also where that is not looked at."""
    parent, other = log(store), log(store)
    child = log(store, parent_run_id=parent, experiment="other")
    assert reasons(store, experiment="e") == {parent: "parent", other: None}
    assert gone(store) == {parent, other, child}


def test_what_stays_as_best_is_what_the_site_calls_best(store):
    """A failed run with a better value does not push out the best, nor does a tie push out one.

    The newest of equal runs is the first, and the best setting keeps its best run beside the best
    run of all.
    """
    began = datetime(2026, 1, 1, tzinfo=UTC)
    times = [began + timedelta(hours=hour) for hour in range(3)]
    newest = log(store, 0.9, started_at=times[2])
    log(store, 0.9, started_at=times[0])
    failed = log(store, 0.99, status="failed", started_at=times[1])
    assert set(reasons(store, keep_best=1).values()) == {"best", None}
    assert reasons(store, keep_best=1)[newest] == "best"
    assert reasons(store, keep_best=1)[failed] is None
    assert reasons(store, keep_best=3)[failed] == "best"  # nothing else is left to keep


def test_the_best_of_the_best_setting_stay(store):
    """The lucky run of a setting that is worse by its mean does not push out the best setting."""
    lucky = [{"params": {"lr": "1", "seed": str(n)}, "f1": f1} for n, f1 in enumerate([0.99, 0.1])]
    steady = [{"params": {"lr": "2", "seed": str(n)}, "f1": f1} for n, f1 in enumerate([0.8, 0.9])]
    ids = [log(store, **fields) for fields in (*lucky, *steady)]
    kept = {run for run, why in reasons(store, keep_best=1).items() if why == "best"}
    assert kept == {ids[0], ids[3]}
    other_seeds = reasons(store, keep_best=1, seed_params=["shuffle"])
    assert {run for run, why in other_seeds.items() if why == "best"} == {ids[0]}
