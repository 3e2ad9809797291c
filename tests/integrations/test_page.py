"""docs/integrations.md: each example trains with the real framework, and its runs have all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import tracksite
from tests.docs.pages import ROOT, blocks
from tracksite.integrations import INTEGRATIONS

PAGE = "docs/integrations.md"
TITLES = {
    "Hugging Face Transformers": ("huggingface", "transformers"),
    "PyTorch Lightning": ("lightning", "lightning"),
    "Ray Tune": ("ray", "ray"),
}


def _sections():
    """The examples as {module: (library, blocks)}."""
    text = (ROOT / PAGE).read_text()
    starts = [
        (text.count("\n", 0, found.start()) + 1, found[1])
        for found in re.finditer(r"^## (.*)$", text, re.MULTILINE)
    ]
    sections = {}
    for block in blocks(PAGE):
        title = [title for line, title in starts if line < block.line][-1]
        module, library = TITLES.get(title, (title.lower(), title.lower()))
        sections.setdefault(module, (library, []))[1].append(block)
    return sections


SECTIONS = _sections()


def _run_section(module, tmp_path):
    """Do what a section says, in this process or by its commands; return the runs, oldest first."""
    library, parts = SECTIONS[module]
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    for block in parts:
        if block.file:
            path = tmp_path / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
        elif block.language == "python":
            padding = "\n" * (block.line - 1)
            exec(compile(padding + block.text, ROOT / PAGE, "exec"), {"__name__": "__main__"})
        for command in block.commands:
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            subprocess.run(["bash", "-c", command], env={**os.environ, "PATH": path}, check=True)
    runs = tracksite.search_runs(search_all_experiments=True, output_format="list")
    return sorted(runs, key=lambda run: run.info.run_id)


def _files(run):
    return {file.path for file in tracksite.list_artifacts(run.info.run_id)}


def _history(run, key):
    """The points of a metric as {step: value}, in the order of steps."""
    frame = tracksite.get_metric_history(run.info.run_id, key)
    return dict(frame.select("step", "value").iter_rows())


def test_every_integration_has_an_example():
    """The page shows each integration of our own."""
    assert set(SECTIONS) == set(INTEGRATIONS)


def test_xgboost(tmp_path):
    """XGBoost: params, metrics by iteration and data set, best iteration, importance, model."""
    (run,) = _run_section("xgboost", tmp_path)
    assert (run.info.run_name, run.info.status) == ("xgboost", "finished")
    assert {"max_depth": "3", "eta": "0.3"}.items() <= run.data.params.items()
    best = run.data.metrics["best_iteration"]
    history = _history(run, "valid/rmse")
    assert min(history, key=history.get) == best
    assert run.data.metrics["best_score"] == pytest.approx(min(history.values()))
    assert {"importance.csv", "model"} <= _files(run)
    booster = tracksite.load_model(f"runs:/{run.info.run_id}/model", trusted=True)
    assert booster.num_boosted_rounds() == len(history)


def test_lightgbm(tmp_path):
    """LightGBM: the same, although it stops early without telling its callbacks."""
    (run,) = _run_section("lightgbm", tmp_path)
    assert (run.info.run_name, run.info.status) == ("lightgbm", "finished")
    assert {"num_leaves": "7", "objective": "regression"}.items() <= run.data.params.items()
    history = _history(run, "valid/l2")
    assert min(history, key=history.get) + 1 == run.data.metrics["best_iteration"]
    assert {"importance.csv", "model"} <= _files(run)


@pytest.fixture
def prunes(monkeypatch):
    """Let a study begin with more trials that are good than its pruner asks for, and a bad one.

    When the bad one begins, all but one of the good ones are complete, whichever thread is slow.
    """
    optuna = pytest.importorskip("optuna")
    create_study = optuna.create_study

    def prepared(**options):
        study = create_study(**options)
        for x in [2.0] * 7 + [-5.0]:
            study.enqueue_trial({"x": x})
        return study

    monkeypatch.setattr(optuna, "create_study", prepared)


def test_optuna(tmp_path, prunes):
    """Optuna: a run for the study, one for each trial, pruned ones too, from two threads."""
    study, *trials = _run_section("optuna", tmp_path)
    assert (study.info.run_name, study.info.status) == ("parabola", "finished")
    assert len(trials) == 20
    assert {it.info.parent_run_id for it in trials} == {study.info.run_id}
    complete = [it for it in trials if it.info.status == "finished"]
    assert {it.info.status for it in trials} == {"finished", "killed"}
    assert all(
        {"loss", "distance", "intermediate_value"} <= set(it.data.metrics) for it in complete
    )
    assert study.data.metrics["best_loss"] == min(it.data.metrics["loss"] for it in complete)


def test_lightning(tmp_path):
    """Lightning: hyperparameters, metrics at the global step, checkpoints."""
    (run,) = _run_section("lightning", tmp_path)
    assert (run.info.run_name, run.info.status) == ("line", "finished")
    assert run.data.params == {"lr": "0.1"}
    history = _history(run, "train_loss")
    assert list(history) == list(range(24))
    assert history[23] < history[0]
    assert run.data.tags["best_checkpoint"].endswith(".ckpt")
    assert "checkpoints" in _files(run)


def test_keras(tmp_path):
    """Keras: params, summary, metrics by epoch and batch, the model of the best epoch."""
    (run,) = _run_section("keras", tmp_path)
    assert (run.info.run_name, run.info.status) == ("line", "finished")
    assert {
        "epochs": "5",
        "loss": "mse",
        "optimizer/learning_rate": "0.1",
    }.items() <= run.data.params.items()
    history = _history(run, "val_loss")
    assert list(history) == list(range(5))
    assert len(_history(run, "batch/loss")) == 10
    assert {"model.keras", "model_summary.txt"} <= _files(run)


def test_huggingface(tmp_path):
    """Transformers: arguments and config, logs at the global step, the model's folder."""
    (run,) = _run_section("huggingface", tmp_path)
    assert (run.info.run_name, run.info.status) == ("tiny", "finished")
    wanted = {"num_train_epochs": "2", "model/hidden_size": "8"}
    assert wanted.items() <= run.data.params.items()
    assert not {"None", ""} & set(run.data.params.values())
    history = _history(run, "loss")
    assert list(history) == list(range(1, 9))
    assert {"eval_loss", "learning_rate", "train_runtime"} <= set(run.data.metrics)
    assert "model" in _files(run)


def test_ray(tmp_path):
    """Ray Tune: a run for each trial, nested in one, metrics by training iteration."""
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=1, include_dashboard=False, configure_logging=False)
    try:
        grid, *trials = _run_section("ray", tmp_path)
    finally:
        ray.shutdown()
    assert (grid.info.run_name, grid.info.status) == ("grid", "finished")
    assert sorted(it.data.params["x"] for it in trials) == ["0.0", "1.0", "2.0"]
    for trial in trials:
        assert (trial.info.parent_run_id, trial.info.status) == (grid.info.run_id, "finished")
        history = _history(trial, "loss")
        assert list(history) == [1, 2, 3, 4, 5]


def test_hydra(tmp_path):
    """Hydra: a run for each job with its own config; those of a multirun nested in one."""
    single, outer, *jobs = _run_section("hydra", tmp_path)
    assert single.data.params == {"lr": "0.1", "model/depth": "4"}
    assert single.data.tags["hydra.overrides"] == "model.depth=4"
    assert "config.yaml" in _files(single)
    assert [it.data.params["lr"] for it in jobs] == ["0.1", "0.2"]
    assert {it.info.parent_run_id for it in jobs} == {outer.info.run_id}
    assert {it.info.status for it in (single, outer, *jobs)} == {"finished"}
    assert {it.info.experiment for it in (single, outer, *jobs)} == {"hydra"}
