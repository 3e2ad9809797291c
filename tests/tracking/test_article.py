"""The scripts of an article about MLflow run with only their imports changed, and say the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import tracksite

ARTICLE = Path(__file__).parent / "article"


def answers(library):
    """What a client finds after the scripts ran in a process that cannot import MLflow."""
    done = subprocess.run(
        [sys.executable, ARTICLE / "run.py", library, "found.json"],
        capture_output=True,
        text=True,
        check=False,
        env={"MPLBACKEND": "agg", "TRACKSITE_CAPTURE": "none"},
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return json.loads(Path("found.json").read_text()), done.stdout


def without_artifacts(runs):
    """The runs without their files, which differ in the names of models and of pages."""
    return [{**run, "artifacts": None} for run in runs]


def test_plain_nested_and_registry_scripts_say_what_mlflow_says():
    """Every param, metric, tag, status, order, parent, version and stage is MLflow's, bit for bit.

    mlflow.json is what MLflow's own client said over SQLite, by the same article/run.py.
    """
    ours, shown = answers("tracksite")
    theirs = json.loads((ARTICLE / "mlflow.json").read_text())
    assert without_artifacts(ours["runs"]) == without_artifacts(theirs["runs"])
    assert ours["versions"] == theirs["versions"]
    assert ours["table"] == theirs["table"]
    assert "Top 5 models by F1 score" in shown
    for own, other in zip(ours["runs"], theirs["runs"], strict=True):
        assert set(other["artifacts"]) - set(own["artifacts"]) <= {"estimator.html"}
    first = ours["runs"][0]
    assert {"training_accuracy_score", "accuracy"} <= first["metrics"].keys()
    assert {"model", "feature_importance.png", "training_roc_curve.png"} <= set(first["artifacts"])


def test_optuna_script_logs_its_trials():
    """The study is a run, its trials are nested in it, and each training is a run of its own."""
    pytest.importorskip("optuna")
    ours, _ = answers("optuna")
    trainings = [run for run in ours["runs"] if run["name"] == "RandomForest_Experiment"]
    trials = [run for run in ours["runs"] if run["parent"] is not None]
    assert len(trainings) == len(trials) == 4
    by_score = [sorted(run["metrics"]["f1"] for run in runs) for runs in (trainings, trials)]
    assert by_score[0] == by_score[1]
    assert len(ours["versions"]) == 4
    tracksite.set_tracking_uri("mlruns")
    assert set(tracksite.search_runs(search_all_experiments=True)["status"]) == {"finished"}
