"""Stores that MLflow 1, 2 and 3 wrote arrive value for value, and build."""

from __future__ import annotations

import json
import math

import pytest
from mlflow import MlflowClient

from tests.importers.conftest import FIXTURES
from tests.importers.fixtures import make
from tracksite.query import curves, runs
from tracksite.site import build
from tracksite.store.local import open_store

STORES = [
    (path.name, kind)
    for path in sorted(FIXTURES.glob("*.*/"))
    if path.is_dir()
    for kind in ("folder", "database")
]
LARGEST = "1.7976931348623157e+308"  # what MLflow writes into a database for an infinity


def _told(version, kind):
    """What that MLflow's own client read from the store, but for four things.

    Infinities are what they were before MLflow wrote them into a database; with an experiment its
    runs are deleted, in folders too; the files of a logged model lie among those of its run; and
    the step of a point with a data set, which MLflow writes into a folder's files, it does not
    read again.
    """
    text = (FIXTURES / version / f"{kind}.json").read_text(encoding="utf-8")
    told = json.loads(text.replace(LARGEST, "inf"))
    for run in told["runs"].values():
        if told["experiments"][run["experiment"]]["stage"] == "deleted":
            run["info"]["lifecycle_stage"] = "deleted"
        for point in run["histories"].get("auc", ()):
            point[0] = 4
    for model_id, model in told["logged_models"].items():
        told["runs"][model["run"]]["artifacts"][f"models/{model_id}/MLmodel"] = 12
    return told


@pytest.fixture(params=STORES, ids="-".join)
def imported(request, mlflow_source, bring):
    """An imported store of each version and kind: version, kind, summary."""
    version, kind = request.param
    return version, kind, bring(mlflow_source(version, kind))


def test_every_value_arrives(imported, tmp_path):
    """What MLflow's client read from its store, it reads from ours: names, points, files, all."""
    version, kind, done = imported
    want = _told(version, kind)
    assert done.skipped == []
    have = json.loads(json.dumps(make.expected(MlflowClient(f"tracksite:{tmp_path / 'store'}"))))
    want.pop("mlflow")
    assert have.keys() == want.keys()
    for name in have:
        assert have[name].keys() == want[name].keys()
        for key in have[name]:
            assert have[name][key] == want[name][key]


def test_the_store_says_it_in_its_own_words(imported):
    """Fields, params and histories are there for tracksite's own queries."""
    version, kind, _ = imported
    snapshot = open_store("store").snapshot()
    rows = {row["run_id"]: row for row in runs.fold(snapshot).to_dicts()}
    for run_id, run in _told(version, kind)["runs"].items():
        row = rows[run_id]
        assert row["experiment"] == run["experiment"]
        assert row["deleted"] == (run["info"]["lifecycle_stage"] == "deleted")
        assert {one["key"]: one["text"] for one in row["params"] or ()} == run["params"]
        assert row["parent_run_id"] == run["tags"].get("mlflow.parentRunId")
        assert row["description"] == run["tags"].get("mlflow.note.content")
        for key, points in run["histories"].items():
            frame = curves.history(snapshot, run_id, key)
            times = frame["timestamp"].dt.epoch("ms")
            have = zip(frame["step"], times, map(repr, frame["value"]), strict=True)
            assert sorted(map(list, have)) == points


def test_it_builds(imported, tmp_path):
    """A site comes out, with a page for each run that is not deleted."""
    version, kind, _ = imported
    build("store", tmp_path / "site")
    for run_id, run in _told(version, kind)["runs"].items():
        page = tmp_path / "site" / "runs" / run_id / "index.html"
        assert page.is_file() == (run["info"]["lifecycle_stage"] == "active")


def test_a_second_import_adds_nothing(imported, mlflow_source, bring, tmp_path):
    """Nothing is written for what the store has, and nothing is doubled."""
    version, kind, _ = imported
    state = open_store("store").state()
    source = tmp_path / "source" / ("mlruns" if kind == "folder" else "mlflow.db")
    done = bring(source)
    assert (done.added, done.changed, done.others, done.points, done.artifacts) == (0, 0, 0, 0, 0)
    assert done.unchanged == len(_told(version, kind)["runs"])
    assert open_store("store").state() == state


def test_fixtures_hold_what_is_awkward():
    """Each store has NaN, infinities, repeated steps, deleted runs and nested names."""
    for version, kind in STORES:
        told = _told(version, kind)
        values = [
            float(point[2])
            for run in told["runs"].values()
            for points in run["histories"].values()
            for point in points
        ]
        assert any(map(math.isnan, values))
        assert {math.inf, -math.inf} <= set(values)
        assert "deleted" in {run["info"]["lifecycle_stage"] for run in told["runs"].values()}
    assert {version.partition(".")[0] for version, _ in STORES} == {"1", "2", "3"}
