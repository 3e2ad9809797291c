"""Optuna: what becomes of trials that fail, of several objectives, of a study that goes on."""

from __future__ import annotations

import json
import pickle

import pytest

import tracksite
from tracksite.errors import ArgumentError

optuna = pytest.importorskip("optuna")
TracksiteCallback = pytest.importorskip("tracksite.integrations.optuna").TracksiteCallback
optuna.logging.set_verbosity(optuna.logging.ERROR)


def _runs():
    """The study's run and those of the trials by number."""
    found = tracksite.search_runs(search_all_experiments=True, output_format="list")
    (study,) = [run for run in found if run.info.parent_run_id is None]
    trials = [run for run in found if run.info.parent_run_id == study.info.run_id]
    assert len(trials) + 1 == len(found)
    return study, {int(run.data.tags["optuna.trial"]): run for run in trials}


@pytest.mark.parametrize("tracked", [False, True])
def test_each_trial_ends_as_it_ended(tracked):
    """Complete, pruned and failed trials are finished, killed and failed runs, with all params."""
    callback = TracksiteCallback()

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        trial.report(x, 7)
        if trial.number == 1:
            raise optuna.TrialPruned
        if trial.number == 2:
            raise RuntimeError("no convergence")
        return float("nan") if trial.number == 3 else x

    study = optuna.create_study(study_name="s")
    chosen = callback.track_in_run()(objective) if tracked else objective
    study.optimize(chosen, n_trials=4, callbacks=[callback], catch=(RuntimeError,))
    callback.end()
    parent, trials = _runs()
    assert (parent.info.run_name, parent.info.status) == ("s", "finished")
    assert parent.data.params["directions"] == "minimize"
    assert [trials[n].info.status for n in range(4)] == ["finished", "killed", "failed", "failed"]
    assert [trials[n].data.tags["optuna.state"] for n in range(4)] == [
        "complete",
        "pruned",
        "fail",
        "fail",
    ]
    assert all(run.data.metrics["intermediate_value"] >= 0 for run in trials.values())
    assert all(
        "FloatDistribution" in run.data.tags["optuna.distribution.x"] for run in trials.values()
    )
    assert trials[0].data.metrics["value"] == study.trials[0].value
    assert "value" not in trials[1].data.metrics
    if tracked:
        assert "no convergence" in trials[2].info.error
    best = json.loads(parent.data.tags["optuna.best_params"])
    assert best == {"0": study.best_params}


def test_several_objectives_from_several_threads():
    """Each objective has its metric, and the study's run names the Pareto front."""
    callback = TracksiteCallback(["error", "size"])
    study = optuna.create_study(
        directions=["minimize", "maximize"], sampler=optuna.samplers.RandomSampler(seed=0)
    )

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        return x, x * x

    study.optimize(objective, n_trials=12, n_jobs=3, callbacks=[callback])
    callback.end()
    parent, trials = _runs()
    assert len(trials) == 12
    for number, run in trials.items():
        assert [run.data.metrics[key] for key in ("error", "size")] == study.trials[number].values
    front = {trial.number for trial in study.best_trials}
    assert set(map(int, parent.data.tags["optuna.best_trials"].split(", "))) == front
    assert parent.data.metrics["best_error"] == min(it.values[0] for it in study.best_trials)
    assert parent.data.metrics["best_size"] == max(it.values[1] for it in study.best_trials)


def test_a_study_that_goes_on_goes_on_in_its_run(tmp_path):
    """A study from a database resumes its run; the run it had elsewhere is not looked for."""
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    for _ in range(2):
        study = optuna.create_study(study_name="s", storage=storage, load_if_exists=True)
        study.optimize(
            lambda trial: trial.suggest_float("x", 0, 1), 2, callbacks=[TracksiteCallback()]
        )
    parent, trials = _runs()
    assert sorted(trials) == [0, 1, 2, 3]
    assert parent.info.status == "finished"  # nobody holds the callback any more
    tracksite.set_tracking_uri("elsewhere")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 1, callbacks=[TracksiteCallback()])
    assert sorted(_runs()[1]) == [4]


def test_the_active_run_is_the_study_s_run_in_threads_too():
    """The run that is active where the callback is made holds the trials, and stays open."""
    with tracksite.start_run(run_name="around") as run:
        study = optuna.create_study()
        callback = TracksiteCallback("loss")
        study.optimize(
            lambda trial: trial.suggest_float("x", 0, 1), 4, n_jobs=2, callbacks=[callback]
        )
        callback.end()
        assert run.info.status == "running"
    parent, trials = _runs()
    assert parent.info.run_id == run.run_id
    assert all("loss" in it.data.metrics for it in trials.values())


def test_names_that_do_not_fit_the_study_are_refused():
    """A metric name too many is an error, not a metric of another meaning."""
    study = optuna.create_study()
    callback = TracksiteCallback(["a", "b"])
    with pytest.raises(ArgumentError, match="names 2 values"):
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 1, callbacks=[callback])
    callback.end()


@pytest.mark.parametrize(
    ("directions", "said"),
    [
        (["maximize"], "maximize a"),
        (["minimize"], "minimize a"),
        (["maximize", "minimize"], "\nmaximize a\nminimize b"),
    ],
)
def test_the_direction_of_a_study_is_that_of_its_goal(directions, said):
    """Study and trials say which value is better; of several objectives none is said to decide."""
    callback = TracksiteCallback(["a", "b"][: len(directions)])
    study = optuna.create_study(directions=directions)
    study.optimize(lambda trial: [trial.number] * len(directions), 2, callbacks=[callback])
    callback.end()
    parent, trials = _runs()
    assert {run.data.tags["tracksite.goal.training"] for run in (parent, *trials.values())} == {
        said
    }


def test_a_callback_can_be_sent_to_a_worker_before_and_while_it_logs():
    """What arrives logs to the study's run, which the callback that began it ends."""
    callback = TracksiteCallback(metric_name="loss")
    assert pickle.loads(pickle.dumps(callback))._names == ["loss"]
    study = optuna.create_study()
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1, callbacks=[callback])
    copied = pickle.loads(pickle.dumps(callback))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1, callbacks=[copied])
    copied.end()
    parent, trials = _runs()
    assert parent.info.status == "running"
    assert {*trials} == {0, 1}
    callback.end()
    assert _runs()[0].info.status == "finished"


@pytest.mark.parametrize("tracked", [False, True])
def test_a_callback_can_name_its_store(tmp_path, tracked):
    """The study's run and those of its trials are there, and nothing is in the chosen store."""
    uri = str(tmp_path / "named")
    callback = TracksiteCallback(tracking_uri=uri)

    def objective(trial):
        return trial.suggest_float("x", 0, 1)

    chosen = callback.track_in_run()(objective) if tracked else objective
    optuna.create_study().optimize(chosen, n_trials=2, callbacks=[callback])
    callback.end()
    assert not (tmp_path / "runs").exists()
    tracksite.set_tracking_uri(uri)
    assert len(_runs()[1]) == 2
