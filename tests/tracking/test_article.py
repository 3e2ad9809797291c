"""A training script written for MLflow works with only its imports changed."""

from __future__ import annotations

import subprocess
import sys

import tracksite

SCRIPT = """
import tracksite as mlflow
import tracksite.sklearn
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

X = pd.DataFrame(np.random.rand(60, 2), columns=["feature1", "feature2"])
y = np.random.randint(0, 2, 60)

def train_model(params):
    with mlflow.start_run(run_name="RandomForest_Experiment"):
        mlflow.log_params(params)
        model = RandomForestClassifier(**params, random_state=42).fit(X, y)
        score = model.score(X, y)
        mlflow.log_metrics({"accuracy": score, "f1": score / 2})
        mlflow.sklearn.log_model(model, "model", registered_model_name="RandomForestClassifier")
        plt.figure(figsize=(10, 6))
        pd.Series(model.feature_importances_, index=X.columns).plot(kind="bar")
        mlflow.log_figure(plt.gcf(), "feature_importance.png")
        plt.close()

mlflow.set_tracking_uri("file:./mlruns")
mlflow.set_experiment("RandomForest_Classification")
for n_estimators in (3, 5):
    for max_depth in (2, None):
        train_model({"n_estimators": n_estimators, "max_depth": max_depth})

with mlflow.start_run(run_name="parent_run") as parent_run:
    mlflow.log_param("parent_param", "value")
    with mlflow.start_run(run_name="child_1", nested=True) as child_run:
        mlflow.log_param("child_param", "value1")

df = mlflow.search_runs(
    experiment_ids=[mlflow.get_experiment_by_name("RandomForest_Classification").experiment_id],
    order_by=["metrics.f1 DESC"],
)
print(df[["params.n_estimators", "params.max_depth", "metrics.f1", "metrics.accuracy"]].head())
"""


def test_the_script_runs_and_prints_its_table():
    """Runs, models, figures, nested runs and the last table of the script are all there."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        env={"MPLBACKEND": "agg", "TRACKSITE_CAPTURE": "none"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("shape: (5, 4)", "params.n_estimators", "metrics.accuracy", "None"):
        assert word in done.stdout
    tracksite.set_tracking_uri("mlruns")
    table = tracksite.search_runs(
        experiment_names=["RandomForest_Classification"], order_by=["metrics.f1 DESC"]
    )
    scores = table["metrics.f1"].drop_nulls().to_list()
    assert len(scores) == 4
    assert scores == sorted(scores, reverse=True)
    assert table["metrics.f1"].to_list()[4:] == [None, None]  # the runs without a score come last
    assert [one.version for one in tracksite.search_model_versions()] == [4, 3, 2, 1]
    files = tracksite.list_artifacts(table["run_id"][0])
    assert [file.path for file in files] == ["feature_importance.png", "model"]
