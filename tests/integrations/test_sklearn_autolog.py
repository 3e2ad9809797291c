"""tracksite.autolog(): what a training with scikit-learn leaves, without a line of its own."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tracksite
import tracksite.sklearn
from tracksite.integrations import sklearn_figures, sklearn_fit
from tracksite.query.goal import primary_metric
from tracksite.query.runs import fold
from tracksite.query.runs import runs as folded_runs
from tracksite.store.local import open_store

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(60, 3)), columns=["a", "b", "c"])
Y = (X["a"] + RNG.normal(size=60) / 4 > 0).astype(int)


@pytest.fixture(autouse=True)
def logging():
    """Autologging without figures, which take long; a test that wants them undoes that."""
    with pytest.MonkeyPatch.context() as without:
        without.setattr(sklearn_figures, "drawable", lambda: True)
        without.setattr(sklearn_figures, "log_figure", lambda *_, **__: None)
        without.setattr("tracksite.integrations.sklearn_importance.log_figure", lambda *_, **__: 0)
        tracksite.autolog()
        yield without
        tracksite.autolog(disable=True)


def runs():
    """All runs of the store, oldest first; none where there is no store yet."""
    if not Path("runs").exists():
        return []
    return tracksite.search_runs(output_format="list")[::-1]


def only_run():
    """The one run of the store."""
    (run,) = runs()
    return run


def test_a_classifier_leaves_params_scores_data_and_model():
    """Params and scores have MLflow's names; the run is the training's own and has ended."""
    model = LogisticRegression(C=2.0).fit(X, Y)
    run = only_run()
    assert run.info.status == "finished"
    assert run.data.params == {key: str(value) for key, value in model.get_params().items()}
    assert run.data.metrics["training_accuracy_score"] == model.score(X, Y)
    names = "accuracy_score f1_score log_loss precision_score recall_score roc_auc score".split()
    assert sorted(run.data.metrics) == [f"training_{name}" for name in names]
    assert run.data.tags["estimator_name"] == "LogisticRegression"
    (given,) = run.inputs.dataset_inputs
    assert (given["context"], given["rows"]) == ("train", 60)
    again = tracksite.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert (again.predict(X) == model.predict(X)).all()
    folder = Path(tracksite.download_artifacts(run_id=run.info.run_id))
    signature = json.loads((folder / "model/model.json").read_text())["signature"]
    assert signature["inputs"] == {"a": "double", "b": "double", "c": "double"}
    assert signature["outputs"] == {"shape": [-1], "dtype": "int64"}
    assert (folder / "importance.csv").read_text().splitlines()[1].startswith("a,")


def test_figures_are_drawn(logging):
    """A classifier of two classes has its confusion matrix and both curves as images."""
    logging.undo()
    LogisticRegression().fit(X, Y)
    folder = Path(only_run().info.artifact_uri)
    drawn = sorted(file.name for file in folder.glob("*.png"))
    assert drawn == [
        "importance.png",
        "training_confusion_matrix.png",
        "training_precision_recall_curve.png",
        "training_roc_curve.png",
    ]
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in drawn)


def test_regression_and_clustering():
    """A regression has MLflow's four errors; a clustering has no scores, but params and model."""
    LinearRegression().fit(X, X["b"] * 2)
    KMeans(2, n_init=1).fit_predict(X)
    line, clusters = runs()
    assert line.data.metrics["training_r2_score"] == pytest.approx(1.0)
    assert "training_root_mean_squared_error" in line.data.metrics
    assert (clusters.data.params["n_clusters"], clusters.data.metrics) == ("2", {})


def test_a_training_within_an_active_run_is_part_of_it():
    """No run is started or ended; a param that is there with another value is named, and kept."""
    with tracksite.start_run(run_name="mine") as run:
        tracksite.log_param("C", 7)
        with pytest.warns(RuntimeWarning, match="is without param C"):
            LogisticRegression(C=2.0).fit(X, Y)
        assert run.info.status == "running"
    mine = only_run()
    assert (mine.data.params["C"], mine.data.params["max_iter"]) == ("7", "100")
    assert mine.data.metrics["training_score"] > 0.5


@pytest.mark.parametrize(
    "train",
    [
        lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y),
        lambda: BaggingClassifier(LogisticRegression(), 3, n_jobs=2).fit(X, Y),
        lambda: RandomForestClassifier(3).fit(X, Y),
    ],
    ids=["pipeline", "bagging", "forest"],
)
def test_what_is_trained_inside_is_logged_once(train):
    """Steps, members and trees belong to the training that was asked for."""
    train()
    assert len(runs()) == 1


def test_preparation_and_cross_validation_are_no_trainings():
    """A scaler alone and the folds of a cross-validation make no runs."""
    StandardScaler().fit_transform(X)
    cross_val_score(LogisticRegression(), X, Y, cv=2)
    assert runs() == []


def test_a_search_has_its_best_candidates_as_nested_runs():
    """GridSearchCV: best params and score, all results, and max_tuning_runs nested runs."""
    tracksite.sklearn.autolog(max_tuning_runs=2)
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0, 100.0]}, cv=2).fit(X, Y)
    parent, *children = runs()
    assert parent.data.metrics["best_cv_score"] == search.best_score_
    assert parent.data.params["best_C"] == str(search.best_params_["C"])
    assert len(children) == 2
    assert {child.info.parent_run_id for child in children} == {parent.info.run_id}
    best = min(children, key=lambda run: run.data.metrics["rank_test_score"])
    assert best.data.metrics["mean_test_score"] == search.best_score_
    assert (best.data.params["C"], best.data.params["max_iter"]) == (
        str(search.best_params_["C"]),
        "100",
    )
    files = {file.path for file in tracksite.list_artifacts(parent.info.run_id)}
    assert {"cv_results.csv", "model", "best_estimator"} <= files


def test_a_failed_training_is_a_failed_run():
    """The estimator's own exception passes through, and the run says how it ended."""
    with pytest.raises(ValueError, match="inconsistent"):
        LogisticRegression().fit(X, Y[:5])
    run = only_run()
    assert run.info.status == "failed"
    assert "inconsistent" in run.info.error


def test_trouble_in_logging_is_one_warning_and_no_more(monkeypatch):
    """Whatever cannot be logged, the model is trained, and one warning says what is missing."""

    def broken(*_, **__):
        raise OSError("no such luck")

    monkeypatch.setattr(tracksite.ActiveRun, "log_model", broken)
    monkeypatch.setattr(sklearn_fit, "_log_params", broken)
    with pytest.warns(RuntimeWarning) as caught:
        model = LogisticRegression().fit(X, Y)
    (warning,) = caught
    assert "params (no such luck); the model (no such luck)" in str(warning.message)
    assert warning.filename == __file__
    assert model.score(X, Y) > 0.5
    tracksite.autolog(silent=True)
    LogisticRegression().fit(X, Y)


def test_a_store_that_cannot_be_made_stops_no_training():
    """Without a run the training goes on as if nothing were logged."""
    Path("runs").write_text("a file")
    with pytest.warns(RuntimeWarning, match="is without the run"):
        assert LogisticRegression().fit(X, Y).score(X, Y) > 0.5


class Careless(ClassifierMixin, BaseEstimator):
    """A classifier of a user's own that changes the data that it is given."""

    def fit(self, X, y):  # noqa: N803
        """Forget the rows."""
        self.classes_ = np.unique(y)
        X[:] = 0.0
        return self

    def predict(self, X):  # noqa: N803
        """The first class for every row."""
        return np.repeat(self.classes_[0], len(X))


def test_no_score_is_computed_from_data_that_the_training_changed():
    """Wrong numbers are worse than none: the warning says why they are missing."""
    rows = X.to_numpy().copy()
    with pytest.warns(RuntimeWarning, match="changed its data in place"):
        Careless().fit(rows, Y)
    assert only_run().data.metrics == {}


def test_classes_that_are_defined_later_are_logged_and_all_is_undone():
    """A class defined while autologging is on is logged; disable=True leaves no trace of it."""
    tracksite.autolog(disable=True)
    before = (LogisticRegression.fit, GridSearchCV.fit, dict(vars(BaseEstimator)).keys())
    tracksite.autolog()
    tracksite.autolog(log_models=False)

    class Late(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):  # noqa: N803
            self.classes_ = np.unique(y)
            return self

        def predict(self, X):  # noqa: N803
            return np.repeat(self.classes_[0], len(X))

    plain = Late.fit.__wrapped__
    Late().fit(X, Y)
    assert only_run().data.metrics["training_score"] == pytest.approx((Y == 0).mean())
    tracksite.autolog(disable=True)
    assert Late.fit is plain
    after = (LogisticRegression.fit, GridSearchCV.fit, dict(vars(BaseEstimator)).keys())
    assert after == before
    LogisticRegression().fit(X, Y)
    assert len(runs()) == 1


def test_threads_log_to_runs_of_their_own():
    """Trainings in several threads at once do not meet."""

    def train(strength):
        with tracksite.start_run(run_name=f"C={strength}"):
            LogisticRegression(C=strength).fit(X, Y)

    threads = [threading.Thread(target=train, args=(float(c),)) for c in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((run.info.run_name, run.data.params["C"]) for run in runs()) == [
        (f"C={c}.0", f"{c}.0") for c in (1, 2, 3)
    ]


def test_a_wrong_setting_is_refused():
    """A negative number of runs raises at the call."""
    with pytest.raises(tracksite.ArgumentError, match="max_tuning_runs=-1"):
        tracksite.autolog(max_tuning_runs=-1)


@pytest.mark.parametrize(
    ("scoring", "metric"),
    [
        (None, "mean_test_score"),
        ("neg_log_loss", "mean_test_score"),
        (["accuracy", "neg_log_loss"], "mean_test_neg_log_loss"),
    ],
)
def test_a_search_is_after_the_score_by_which_it_chooses(scoring, metric):
    """The site ranks the candidates by the mean test score, greatest first, never by its std."""
    refit = "neg_log_loss" if isinstance(scoring, list) else True
    options = {"cv": 2, "scoring": scoring, "refit": refit}
    GridSearchCV(LogisticRegression(), {"C": [0.001, 1.0]}, **options).fit(X, Y)
    assert {run.data.tags["tracksite.goal.training"] for run in runs()} == {f"maximize {metric}"}
    goal = primary_metric(folded_runs(fold(open_store(Path("runs")).snapshot())))
    assert (goal.metric, goal.direction, goal.inferred) == (metric, "maximize", False)


def test_what_the_user_says_counts_before_what_is_trained():
    """The goal that the user gave a run stands, whatever is trained in it and says another."""
    with tracksite.start_run(tags={"tracksite.goal": "minimize cost"}):
        tracksite.log_metric("cost", 1.0)
        GridSearchCV(LogisticRegression(), {"C": [0.1]}, cv=2).fit(X, Y)
    every = folded_runs(fold(open_store(Path("runs")).snapshot()))
    asked = primary_metric(every.filter(every["parent_run_id"].is_null()))
    assert (asked.metric, asked.direction) == ("cost", "minimize")
