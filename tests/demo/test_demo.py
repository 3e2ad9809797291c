"""`tracksite demo`: a real sweep through the public names, and its site."""

from __future__ import annotations

import math

import polars as pl
import pytest

import tracksite
from tracksite import demo
from tracksite.demo import forest, network, sweep
from tracksite.errors import StateError, TracksiteError
from tracksite.query import runs as query
from tracksite.store.local import open_store


@pytest.fixture(scope="module")
def small():
    """A demo of six runs."""
    grid = {"n_estimators": (2, 20), "max_depth": (8,), "min_samples_split": (2,)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forest, "GRID", grid)
        patch.setattr(forest, "SEEDS", (0,))
        patch.setattr(forest, "WORTHY_F1", 0.5)
        patch.setattr(network, "RATES", (0.1, 1.0))
        patch.setattr(network, "ACTIVATIONS", ("relu", "identity"))
        patch.setattr(network, "SEEDS", (0,))
        patch.setattr(network, "EPOCHS", 18)
        yield


@pytest.fixture(scope="module")
def trained(small, tmp_path_factory):
    """A demo that was run: its result, what it told, and its folder."""
    folder, told = tmp_path_factory.mktemp("trained") / "demo", []
    return demo.run(folder, lambda done, total: told.append((done, total))), told, folder


def _runs(result):
    return query.runs(query.fold(open_store(result.store).snapshot()))


def test_demo_trains_both_experiments_and_builds_their_site(trained):
    """The runs of both experiments are in the store, each has a page, and progress was told."""
    result, told, _ = trained
    runs = _runs(result)
    assert told == [(n, 6) for n in range(1, 7)]
    assert result.trained == 6
    assert dict(runs["experiment"].value_counts().iter_rows()) == {
        forest.EXPERIMENT: 3,
        network.EXPERIMENT: 4,
    }
    for run_id in runs["run_id"]:
        assert (result.site / "runs" / run_id / "index.html").is_file()
    assert "Reading digits" in (result.site / "index.html").read_text()


def test_forests_are_children_with_metrics_figures_and_data(trained):
    """Each forest is in the parent run, and logs params, scores, pictures and its data sets."""
    runs = _runs(trained[0]).filter(experiment=forest.EXPERIMENT)
    (parent,) = runs.filter(pl.col("parent_run_id").is_null())["run_id"]
    children = runs.filter(parent_run_id=parent).to_dicts()
    for child in children:
        assert {"accuracy", "precision", "recall", "f1"} <= {it["key"] for it in child["metrics"]}
        assert {"n_estimators", "max_depth", "min_samples_split", "seed"} == {
            it["key"] for it in child["params"]
        }
        paths = {it["path"] for it in child["artifacts"]}
        assert {"confusion_matrix.png", "feature_importance.png", "per_digit.csv"} <= paths
        assert [it["rows"] for it in child["inputs"]] == [898, 899]
    f1 = [{it["key"]: it["last"] for it in child["metrics"]}["f1"] for child in children]
    assert f1[0] > f1[1] > 0.5  # newest first: more trees read better


def test_network_that_diverges_is_failed_and_its_loss_infinite(trained):
    """A rate that is too high ends in a failed run with a traceback and a loss of infinity."""
    runs = _runs(trained[0]).filter(experiment=network.EXPERIMENT)
    (failed,) = runs.filter(status="failed").to_dicts()
    assert "non-finite" in failed["error"]
    loss = {it["key"]: it["last"] for it in failed["metrics"]}["train/loss"]
    assert loss == math.inf
    assert runs.filter(status="finished").height == 3


def test_best_forest_is_in_production_and_loads(trained):
    """The newest version is the champion in production, the one before in staging; both work."""
    tracksite.set_tracking_uri(trained[0].store)
    try:
        versions = tracksite.search_model_versions(forest.MODEL)
        stages = {it.version: it.current_stage for it in versions}
        champion = tracksite.load_model(f"models:/{forest.MODEL}@champion", trusted=True)
    finally:
        tracksite.set_tracking_uri(None)
    assert stages == {1: "Staging", 2: "Production"}
    assert champion.predict([[0.0] * 64]).shape == (1,)


def test_finished_demo_is_not_trained_again(trained):
    """A second call builds what is there; the store stays as it is."""
    first, _, folder = trained
    before = open_store(first.store).state()
    again = demo.run(folder)
    assert (again.trained, again.pages) == (0, 0)
    assert open_store(first.store).state() == before


def test_interrupted_demo_starts_over(small, tmp_path, monkeypatch):
    """What an interrupted demo left is replaced by a whole one."""

    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(network, "sweep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            demo.run(tmp_path)
    assert _runs(demo.run(tmp_path)).height == 7


def test_store_of_somebody_else_is_refused(small, tmp_path):
    """A folder that holds other runs is left alone, and the error names the remedy."""
    store = open_store(tmp_path / "runs", create=True)
    store.write_patch("ab" * 16, "run", {"experiment": "mine", "status": "finished"})
    before = store.state()
    with pytest.raises(StateError, match="name another folder"):
        demo.run(tmp_path)
    assert store.state() == before


def test_missing_library_is_named_with_the_remedy(tmp_path, monkeypatch):
    """Without one of its libraries the demo says which, and how to install it."""
    monkeypatch.setattr(sweep, "NEEDED", ("sklearn", "no_such_library"))
    with pytest.raises(TracksiteError, match=r"no_such_library: .*tracksite\[demo\]"):
        demo.run(tmp_path)


def test_demo_gives_the_tracking_uri_back(small, tmp_path):
    """The store that was chosen before is chosen afterwards."""
    tracksite.set_tracking_uri("mine")
    try:
        demo.run(tmp_path)
        assert tracksite.get_tracking_uri() == "mine"
    finally:
        tracksite.set_tracking_uri(None)
