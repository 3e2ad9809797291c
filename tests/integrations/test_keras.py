"""Keras: evaluations, further fits, fits without validation, and fits that fail."""

from __future__ import annotations

import gc
import os

import numpy as np
import pytest

import tracksite

os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("torch")
keras = pytest.importorskip("keras")
TracksiteCallback = pytest.importorskip("tracksite.integrations.keras").TracksiteCallback

ROWS = np.linspace(-1, 1, 32).reshape(-1, 1)


def _model():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss=keras.losses.MeanSquaredError(), metrics=["mae"])
    return model


def _fit(model, callbacks, **options):
    model.fit(ROWS, 3 * ROWS + 1, verbose=0, callbacks=callbacks, **{"epochs": 2, **options})


def _only():
    (run,) = tracksite.search_runs(search_all_experiments=True, output_format="list")
    return run


def _files(run):
    return {it.path for it in tracksite.list_artifacts(run.info.run_id)}


def test_an_evaluation_and_a_second_fit_go_to_the_same_run():
    """The callback stays with its run: params once, later epochs, and test metrics."""
    callback, model = TracksiteCallback(run_name="r"), _model()
    _fit(model, [callback], epochs=2)
    model.evaluate(ROWS, 3 * ROWS + 1, verbose=0, callbacks=[callback])
    with pytest.warns(RuntimeWarning, match="param 'epochs'"):
        _fit(model, [callback], epochs=4, initial_epoch=2)
    run = _only()
    assert (run.info.run_name, run.info.status) == ("r", "finished")
    steps = tracksite.get_metric_history(run.info.run_id, "loss")["step"].to_list()
    assert steps == [0, 1, 2, 3]
    assert {"test/loss", "test/mae"} <= set(run.data.metrics)
    assert run.data.params["loss"] == "MeanSquaredError"


def test_without_validation_the_last_model_is_kept():
    """A fit that has no val_loss keeps the model as it ends; monitor=None keeps none."""
    _fit(_model(), [TracksiteCallback()])
    assert "model.keras" in _files(_only())
    with tracksite.start_run() as run:
        _fit(_model(), [TracksiteCallback(monitor=None)])
    assert [it.path for it in tracksite.list_artifacts(run.run_id) if "keras" in it.path] == []


def test_the_model_of_the_best_epoch_is_kept():
    """Of several epochs the model is that of the best, by `monitor` and `mode`."""

    class Jump(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["score"] = [1.0, 5.0, 2.0][epoch]
            self.model.layers[0].bias.assign([float(epoch)])

    _fit(_model(), [Jump(), TracksiteCallback(monitor="score", mode="max")], epochs=3)
    run = _only()
    assert run.data.metrics["best_epoch"] == 1
    path = tracksite.download_artifacts(run_id=run.info.run_id, artifact_path="model.keras")
    assert keras.models.load_model(path).layers[0].get_weights()[1].tolist() == [1.0]


def test_a_fit_that_fails_is_a_failed_run():
    """An exception in a fit leaves a failed run."""

    class Fail(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("no memory")

    model = _model()
    with pytest.raises(RuntimeError):
        _fit(model, [TracksiteCallback(), Fail()])
    del model
    gc.collect()
    assert _only().info.status == "failed"


def _goal(*callbacks, **options):
    """The goal that the run of a fit says."""
    _fit(_model(), list(callbacks), validation_data=(ROWS, 3 * ROWS + 1), **options)
    return _only().data.tags.get("tracksite.goal.training")


def test_what_is_monitored_is_the_goal():
    """The run says what a ModelCheckpoint beside the callback monitors, whichever stands first."""
    saved = keras.callbacks.ModelCheckpoint("m.keras", monitor="val_mae", save_best_only=True)
    stop = keras.callbacks.EarlyStopping("loss")
    assert _goal(TracksiteCallback(), stop, saved, epochs=1) == "minimize val_mae"


def test_a_monitor_of_its_own_is_the_goal():
    """A monitor that was given to the callback comes before those beside it."""
    stop = keras.callbacks.EarlyStopping("loss")
    assert _goal(TracksiteCallback(monitor="val_mae"), stop) == "minimize val_mae"


def test_nothing_is_said_where_nothing_was_chosen():
    """The default monitor, one that Keras does not know, and a learning rate's say nothing."""
    rate = keras.callbacks.ReduceLROnPlateau("val_mae")
    assert _goal(TracksiteCallback(), rate) is None


def test_without_a_mode_the_best_accuracy_is_the_highest():
    """Keras is asked which way its own metric is better: the model that is kept is the best one."""

    class Jump(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["accuracy"] = [0.1, 0.9, 0.5][epoch]

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", metrics=["accuracy"])
    _fit(model, [Jump(), TracksiteCallback(monitor="accuracy")], epochs=3)
    assert _only().data.metrics["best_epoch"] == 1
    assert _only().data.tags["tracksite.goal.training"] == "maximize accuracy"
