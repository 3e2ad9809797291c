"""XGBoost and LightGBM: their other ways to train, and trainings that fail."""

from __future__ import annotations

import copy
import gc
import pickle
from pathlib import Path

import numpy as np
import pytest

import tracksite

ROWS = np.random.default_rng(0).normal(size=(120, 3))
TARGET = ROWS[:, 0] * 2 + ROWS[:, 1]


def _only():
    (run,) = tracksite.search_runs(search_all_experiments=True, output_format="list")
    return run


def _xgboost(callback, *, fail=False, cv=False):
    xgboost = pytest.importorskip("xgboost")
    data = xgboost.DMatrix(ROWS, TARGET)
    params = {"max_depth": 2, "nthread": 1}

    class Fail(xgboost.callback.TrainingCallback):
        def after_iteration(self, model, epoch, evals_log):
            if fail and epoch == 2:
                raise RuntimeError("no memory")
            return False

    options = {"callbacks": [callback, Fail()], "num_boost_round": 5}
    if cv:
        return xgboost.cv(params, data, nfold=2, **options)
    return xgboost.train(params, data, evals=[(data, "train")], verbose_eval=False, **options)


def _lightgbm(callback, *, fail=False, cv=False):
    lightgbm = pytest.importorskip("lightgbm")
    data = lightgbm.Dataset(ROWS, TARGET)
    params = {"num_leaves": 3, "num_threads": 1, "verbosity": -1, "metric": "rmse"}

    def stop(env):
        if fail and env.iteration == 2:
            raise RuntimeError("no memory")

    options = {"callbacks": [callback, stop], "num_boost_round": 5}
    if cv:
        return lightgbm.cv(params, data, nfold=2, stratified=False, **options)
    return lightgbm.train(params, data, valid_sets=[data], valid_names=["train"], **options)


def _callback(train, **options):
    name = train.__name__.removeprefix("_")
    return pytest.importorskip(f"tracksite.integrations.{name}").TracksiteCallback(**options)


both = pytest.mark.parametrize("train", [_xgboost, _lightgbm])


@both
def test_all_rounds_are_logged_and_the_run_ends(train):
    """A training of all its rounds has a value of each metric for each, and a finished run."""
    train(_callback(train, experiment="e", run_name="r"))
    gc.collect()
    run = _only()
    assert (run.info.experiment, run.info.run_name, run.info.status) == ("e", "r", "finished")
    frame = tracksite.get_metric_history(run.info.run_id, "train/rmse")
    assert frame["step"].to_list() == [0, 1, 2, 3, 4]
    assert "best_iteration" not in run.data.metrics
    path = tracksite.download_artifacts(run_id=run.info.run_id, artifact_path="importance.csv")
    header, first, *_ = Path(path).read_text().splitlines()
    assert header == "feature,importance"
    assert first.startswith(("f0,", "Column_0,"))  # the feature that counts twice


@both
def test_cross_validation_logs_mean_and_deviation(train):
    """What cv gives is logged with its deviation over the folds, and no model."""
    callback = _callback(train)
    result = train(callback, cv=True)
    getattr(callback, "finish", lambda: None)()
    run = _only()
    assert run.info.status == "finished"
    keys = set(run.data.metrics)
    assert any(f"{key}/std" in keys for key in keys)
    for name, column in dict(result).items():
        key = name.removesuffix("-mean").replace("-", "/").replace(" ", "/")
        if name.endswith("-mean"):
            assert run.data.metrics[key] == pytest.approx(list(column)[-1])
    assert tracksite.list_artifacts(run.info.run_id) == []


@both
def test_a_training_that_fails_is_a_failed_run(train):
    """An exception in the training leaves a failed run with what was logged before."""
    callback = _callback(train)
    with pytest.raises(RuntimeError):
        train(callback, fail=True)
    del callback
    gc.collect()
    run = _only()
    assert run.info.status == "failed"
    assert len(tracksite.get_metric_history(run.info.run_id, "train/rmse")) == 3


@both
def test_the_active_run_stays_open(train):
    """Inside a run the callback logs to it, without a model where none is wanted."""
    with tracksite.start_run() as run:
        callback = _callback(train, log_model=False)
        train(callback)
        getattr(callback, "finish", lambda: None)()
        tracksite.log_metric("after", 1.0)
    assert _only().info.run_id == run.run_id
    assert [it.path for it in tracksite.list_artifacts(run.run_id)] == ["importance.csv"]


@both
def test_scikit_learn_classes_take_the_callback(train):
    """XGBRegressor and LGBMRegressor log as their own train functions do."""
    library = pytest.importorskip(train.__name__.removeprefix("_"))
    pytest.importorskip("sklearn")
    if train is _xgboost:
        model = library.XGBRegressor(n_estimators=4, max_depth=2, callbacks=[_callback(train)])
        model.fit(ROWS, TARGET, eval_set=[(ROWS, TARGET)], verbose=False)
    else:
        model = library.LGBMRegressor(n_estimators=4, num_leaves=3, verbosity=-1)
        model.fit(ROWS, TARGET, eval_set=[(ROWS, TARGET)], callbacks=[_callback(train)])
    model = None
    gc.collect()
    run = _only()
    assert run.info.status == "finished"
    (metric,) = [key for key in run.data.metrics if "/" in key]
    assert len(tracksite.get_metric_history(run.info.run_id, metric)) == 4


def test_a_run_that_ended_before_the_result_is_named():
    """LightGBM's callback, kept beyond the run's end, says that the result was not logged."""
    callback = _callback(_lightgbm)
    with tracksite.start_run() as run:
        _lightgbm(callback)
    with pytest.warns(RuntimeWarning, match=f"{run.run_id} ended before"):
        callback.finish()


@pytest.mark.parametrize(
    ("metrics", "goal"),
    [(["rmse", "mae"], "minimize valid/mae"), (["rmse", "ndcg"], "maximize valid/ndcg")],
)
def test_what_xgboost_stopped_by_is_the_goal(metrics, goal):
    """The run says by which metric early stopping chose, and which way that is better."""
    xgboost = pytest.importorskip("xgboost")
    callback = _callback(_xgboost, log_model=False)
    data = xgboost.DMatrix(ROWS, np.abs(TARGET).round())
    data.set_group([len(ROWS)])
    xgboost.train(
        {"eval_metric": metrics, "nthread": 1},
        data,
        8,
        evals=[(data, "train"), (data, "valid")],
        early_stopping_rounds=3,
        verbose_eval=False,
        callbacks=[callback],
    )
    assert _only().data.tags["tracksite.goal.training"] == goal


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ("rmse", "minimize valid/rmse\nminimize train/rmse"),
        (
            "rmse,r2",
            "\nminimize valid/rmse\nmaximize valid/r2\nminimize train/rmse\nmaximize train/r2",
        ),
    ],
)
def test_lightgbm_says_which_way_is_better(metrics, said):
    """One metric on data that is held out is the goal; of several LightGBM knows the directions."""
    lightgbm = pytest.importorskip("lightgbm")
    data = lightgbm.Dataset(ROWS[:60], TARGET[:60])
    held = lightgbm.Dataset(ROWS[60:], TARGET[60:], reference=data)
    lightgbm.train(
        {"metric": metrics, "num_threads": 1, "verbosity": -1},
        data,
        2,
        valid_sets=[data, held],
        valid_names=["train", "valid"],
        callbacks=[_callback(_lightgbm, log_model=False)],
    )
    assert _only().data.tags["tracksite.goal.training"] == said


@pytest.mark.parametrize("kind", ["XGBClassifier", "XGBRegressor"])
def test_a_boosted_model_can_be_saved_and_copied_after_it_was_logged(kind):
    """The callback that XGBoost keeps in a model holds nothing of its run when that travels."""
    xgboost = pytest.importorskip("xgboost")
    base = pytest.importorskip("sklearn.base")
    callback = _callback(_xgboost, log_model=False)
    model = getattr(xgboost, kind)(n_estimators=2, n_jobs=1, callbacks=[callback])
    model.fit(ROWS, TARGET > 0, eval_set=[(ROWS, TARGET > 0)], verbose=False)
    for copied in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert (copied.predict(ROWS) == model.predict(ROWS)).all()
    base.clone(model).fit(ROWS, TARGET > 0, verbose=False)
    assert tracksite.search_runs(search_all_experiments=True).height == 2


@both
def test_a_callback_can_be_pickled_while_it_logs_and_when_it_is_done(train):
    """What is loaded knows what the callback was told and begins anew."""
    callback = _callback(train, run_name="told", log_model=False)
    pickle.dumps(callback)
    train(callback)
    getattr(callback, "finish", bool)()
    again = pickle.loads(pickle.dumps(callback))
    train(again)
    getattr(again, "finish", bool)()
    names = tracksite.search_runs(search_all_experiments=True)["name"]
    assert names.to_list() == ["told", "told"]


@pytest.mark.parametrize("train", [_xgboost, _lightgbm])
def test_a_callback_can_name_its_store(tmp_path, train):
    """The run is there, and nothing is in the chosen store."""
    train(_callback(train, tracking_uri=str(tmp_path / "named"), log_model=False))
    assert not (tmp_path / "runs").exists()
    tracksite.set_tracking_uri(tmp_path / "named")
    assert _only().info.status == "finished"
