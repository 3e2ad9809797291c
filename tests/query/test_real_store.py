"""The same questions to a store on disk: what was logged is what is found."""

from __future__ import annotations

import math

import pytest

from tracksite.analysis import impact, repeats
from tracksite.config import ExperimentSettings
from tracksite.query import curves, leaderboard
from tracksite.query.runs import fold, runs
from tracksite.query.search import search
from tracksite.store.ids import new_run_id
from tracksite.store.local import open_store

POINTS = 3000


@pytest.fixture
def store(tmp_path):
    """Return a store with a sweep of two settings and two seeds, each with a long curve."""
    made = open_store(tmp_path / "runs", create=True)
    for at, (lr, seed) in enumerate([(0.1, 0), (0.1, 1), (0.01, 0), (0.01, 1)]):
        writer = made.open_writer(new_run_id())
        writer.patch(experiment="sweep", status="finished", name=f"run {at}")
        writer.patch(params={"lr": str(lr), "seed": str(seed)})
        steps = range(POINTS)
        writer.series("val_loss", [math.exp(-lr * step) for step in steps], steps, steps)
        writer.point("f1", lr + seed / 100, 0, 0)
        writer.point("grad", math.nan, 0, 0)
        writer.close()
    return made


def test_search(store):
    """Filter and order see the params and the last values that were logged."""
    found = search(store.snapshot(), filter_text="lr > 0.05", order_by=["metrics.f1 DESC"])
    assert found["name"].to_list() == ["run 1", "run 0"]
    assert found["metrics.val_loss"].to_list() == [math.exp(-0.1 * (POINTS - 1))] * 2
    assert found["metrics.grad"].is_nan().all()


def test_points(store):
    """A history has every point, a curve of it both ends."""
    snapshot = store.snapshot()
    run_id = search(snapshot)["run_id"][0]
    whole = curves.history(snapshot, run_id, "val_loss")
    assert whole["step"].to_list() == list(range(POINTS))
    thin = curves.curves(snapshot, [run_id], keys=["val_loss"], width=100)
    assert thin.height <= 200
    assert thin.select(whole.columns).row(0) == whole.row(0)
    assert thin.select(whole.columns).row(-1) == whole.row(-1)


def test_running_run(store):
    """Points that are still in a live log are found with the others."""
    run_id = new_run_id()
    writer = store.open_writer(run_id)
    writer.patch(experiment="sweep", status="running")
    writer.point("f1", 0.5, 7, 0)
    found = curves.curves(store.snapshot(), [run_id])
    assert found.select("key", "step", "value").rows() == [("f1", 7, 0.5)]
    assert search(store.snapshot(), filter_text="status = RUNNING")["run_id"].to_list() == [run_id]
    writer.close()


def test_analysis(store):
    """Goal, repeats, lead and impact of a real sweep fit together."""
    found = runs(fold(store.snapshot()), experiment="sweep")
    assert leaderboard.primary_metric(found).metric == "f1"
    goal = leaderboard.primary_metric(found, ExperimentSettings(metric="val_loss"))
    assert (goal.metric, goal.direction) == ("val_loss", "minimize")
    groups = repeats.repeats(found, goal)
    assert groups["count"].to_list() == [2, 2]
    assert repeats.lead(found, goal).verdict == "clear"
    assert impact.main_effects(found, goal).select("param", "share").rows() == [("lr", 1.0)]
    assert impact.slices(found, goal)["level"].to_list() == ["0.01", "0.1"]
