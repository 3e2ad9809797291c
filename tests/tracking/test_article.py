"""The scripts of an article about MLflow say the same with MLflow over a store, and without MLflow.

mlflow.json and mlflow_optuna.json are what MLflow's own client said over SQLite, by the same
article/run.py. With TRACKSITE_LONG set it is asked again, and the grid is the article's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tracksite

ARTICLE = Path(__file__).parent / "article"
LONG = "TRACKSITE_LONG" in os.environ
MODELS = {"model", "models"}  # a store keeps logged models among the artifacts of their run


def answers(library, *options):
    """What a client finds after the scripts ran in a process of their own, and what it printed."""
    folder = Path("_".join([library, *options]).replace(":", "_"))
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, ARTICLE / "run.py", library, "found.json", *options, *["--full"] * LONG],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"MPLBACKEND": "agg", "TRACKSITE_CAPTURE": "none"},
    )
    assert done.returncode == 0, done.stderr
    assert library == "mlflow" or "Warning" not in done.stderr
    return json.loads((folder / "found.json").read_text()), done.stdout


def theirs(*options):
    """What MLflow's client says over SQLite."""
    if LONG:
        needs_old_callback(*options)
        return answers("mlflow", *options)[0]
    name = "mlflow_optuna.json" if options else "mlflow.json"
    return json.loads((ARTICLE / name).read_text())


def needs_old_callback(*options):
    """Skip a test of MLflow's Optuna script where the callback of the article is not installed."""
    if options:
        pytest.importorskip("optuna_integration", reason="optuna-integration before 6 has it")


def without_artifacts(runs):
    """The runs without their files, which differ in the names of models and of pages."""
    return [{**run, "artifacts": None} for run in runs]


def assert_all_is_equal(ours, expected):
    """Each name, status, parent, param, metric, tag and file, and each version, is MLflow's."""
    assert without_artifacts(ours["runs"]) == without_artifacts(expected["runs"])
    assert ours["versions"] == expected["versions"]
    assert ours.get("table") == expected.get("table")
    for own, other in zip(ours["runs"], expected["runs"], strict=True):
        assert set(own["artifacts"]) - MODELS == set(other["artifacts"])


def trainings(found):
    """The runs of the function that trains, in order."""
    return [
        run for run in without_artifacts(found["runs"]) if run["name"] == "RandomForest_Experiment"
    ]


def scores(trials):
    """Params and score of each trial, best first."""
    return [(run["params"], run["metrics"]["f1"]) for run in trials]


def test_plain_nested_and_registry_scripts_say_what_mlflow_says():
    """Every param, metric, tag, status, order, parent, version and stage is MLflow's, bit for bit.

    MLflow cannot be imported.
    """
    ours, shown = answers("tracksite")
    expected = theirs()
    assert without_artifacts(ours["runs"]) == without_artifacts(expected["runs"])
    assert ours["versions"] == expected["versions"]
    assert ours["table"] == expected["table"]
    assert "Top 5 models by F1 score" in shown
    for own, other in zip(ours["runs"], expected["runs"], strict=True):
        assert set(other["artifacts"]) - set(own["artifacts"]) <= {"estimator.html"}
    first = ours["runs"][0]
    assert {"training_accuracy_score", "accuracy"} <= first["metrics"].keys()
    assert {"model", "feature_importance.png", "training_roc_curve.png"} <= set(first["artifacts"])


def test_mlflow_says_the_same_over_a_store():
    """MLflow itself, logging into a store instead of SQLite, answers every question alike."""
    ours, shown = answers("mlflow", "--uri", "tracksite:runs")
    assert_all_is_equal(ours, theirs())
    assert "Top 5 models by F1 score" in shown


def test_optuna_script_logs_its_trials():
    """The study is a run, its trials are nested in it, and each training is a run of its own.

    Trainings are MLflow's, and so are the params and the score of each trial.
    """
    pytest.importorskip("optuna")
    ours, _ = answers("tracksite", "--optuna")
    expected = theirs("--optuna")
    trials = [run for run in ours["runs"] if run["parent"] is not None]
    other_trials = [run for run in expected["runs"] if "number" in run["tags"]]
    assert trainings(ours) == trainings(expected)
    assert [len(found["versions"]) for found in (ours, expected)] == [len(trials)] * 2
    assert scores(trials) == scores(other_trials)
    tracksite.set_tracking_uri("tracksite_--optuna/mlruns")
    assert set(tracksite.search_runs(search_all_experiments=True)["status"]) == {"finished"}


def test_optunas_own_callback_logs_alike_over_a_store():
    """optuna-integration's callback for MLflow logs into a store as it does into SQLite."""
    needs_old_callback("--optuna")
    ours, _ = answers("mlflow", "--uri", "tracksite:runs", "--optuna")
    assert_all_is_equal(ours, theirs("--optuna"))
