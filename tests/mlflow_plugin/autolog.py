"""Train with MLflow's autolog into a store, and write what MLflow's client finds there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import mlflow.models
import mlflow.sklearn
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

# What a model requires is found out by a process for each model, and no store has a part in that.
mlflow.models.infer_pip_requirements = lambda *_, fallback, **__: fallback


def points(metrics):
    """Metrics without their times."""
    return sorted([one.key, one.value, one.step, one.dataset_name] for one in metrics or ())


def main(uri, out):
    """Fit a search of two settings, read all of it back, and write it."""
    mlflow.set_tracking_uri(uri)
    mlflow.sklearn.autolog(max_tuning_runs=2, registered_model_name="Iris")
    features, target = load_iris(return_X_y=True, as_frame=True)
    with mlflow.start_run(run_name="search"):
        search = GridSearchCV(LogisticRegression(max_iter=300), {"C": [0.1, 1.0]}, cv=2)
        search.fit(features, target)
        search.score(features, target)  # a metric after training
    client = mlflow.MlflowClient()
    runs = client.search_runs(["0"], order_by=["start_time", "params.C"])
    names = {one.info.run_id: one.info.run_name for one in runs}
    logged = client.search_logged_models(["0"])
    version = client.search_model_versions("name = 'Iris'", order_by=["version_number"])[-1]
    loaded = mlflow.sklearn.load_model(f"models:/Iris/{version.version}")
    found = {
        "runs": sorted(
            [
                [
                    one.info.status,
                    names.get(one.data.tags.get("mlflow.parentRunId")),
                    one.data.params,
                    {key: value for key, value in one.data.metrics.items() if "time" not in key},
                    {key: it for key, it in one.data.tags.items() if not key.startswith("mlflow.")},
                    [[it.dataset.name, it.dataset.digest] for it in one.inputs.dataset_inputs],
                    len(one.outputs.model_outputs),
                ]
                for one in runs
            ],
            key=str,
        ),
        "models": sorted(
            [
                [
                    one.name,
                    names[one.source_run_id],
                    str(one.status),
                    one.model_type,
                    one.params,
                    [it for it in points(one.metrics) if "time" not in it[0]],
                ]
                for one in logged
            ],
            key=str,
        ),
        "version": [version.name, version.version, names[version.run_id]],
        "loaded": [type(loaded).__name__, loaded.predict(features).tolist()],
    }
    Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
