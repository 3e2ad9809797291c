"""The primary metric: from the settings, or read off names, and said so."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.query.made import frame_of, patch
from tracksite.config import ExperimentSettings
from tracksite.query import leaderboard
from tracksite.query.goal import Goal, direction_of, directions, primary_metric
from tracksite.query.metric_names import read
from tracksite.schema import GOAL_TAG, TRAINING_GOAL_TAG

UP, DOWN = "maximize", "minimize"


@pytest.mark.parametrize(
    ("metric", "direction"),
    [
        *(
            (key, UP)
            for key in ("accuracy", "f1", "val_f1_macro", "roc_auc", "R2", "mAP50", "BLEU-4")
        ),
        *(
            (key, UP)
            for key in ("valAccuracy", "test/acc", "top5_accuracy", "recall@5", "hit_rate")
        ),
        *((key, UP) for key in ("neg_mean_squared_error", "neg_log_loss", "log_likelihood")),
        *((key, DOWN) for key in ("loss", "val/loss", "rmse", "MAE", "perplexity", "log_loss")),
        *((key, DOWN) for key in ("error_rate", "cross_entropy", "dice_loss", "f1_loss", "nll")),
        *((key, DOWN) for key in ("neg_log_likelihood", "negative_log_likelihood")),
        *((key, DOWN) for key in ("false_negative_rate", "word_error_rate", "validationLoss")),
        *((key, None) for key in ("learning_rate", "x", "", "__proto__", "😀", "policy_entropy")),
    ],
)
def test_direction_of(metric, direction):
    """A metric's name tells its direction where it holds a telling word, and else nothing."""
    assert direction_of(metric) == direction


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (["accuracy", "precision", "recall", "f1"], "f1"),
        (["train_loss", "val_loss"], "val_loss"),
        (["loss", "accuracy", "test_accuracy"], "test_accuracy"),
        (["train_f1", "val_loss"], "val_loss"),
        (["train_accuracy", "accuracy"], "accuracy"),
        (["val_loss", "val_accuracy"], "val_accuracy"),
        (["epoch_time", "gpu_memory", "rmse"], "rmse"),
        (["system/cpu", "thing"], "thing"),
        (["zeta", "alpha"], "zeta"),
        (["val/box_loss", "metrics/mAP50(B)", "metrics/mAP50-95(B)"], "metrics/mAP50-95(B)"),
        (["train/mAP", "val/box_loss"], "train/mAP"),
        (
            ["mean_fit_time", "std_test_score", "rank_test_score", "mean_test_score"],
            "mean_test_score",
        ),
        (["rollout/ep_rew_mean", "train/loss", "train/explained_variance"], "rollout/ep_rew_mean"),
        (["eval_loss", "eval_runtime", "eval_accuracy", "train_loss"], "eval_accuracy"),
        (["f1_cat", "f1_dog", "accuracy"], "accuracy"),
        (["val_kl_loss", "val_reconstruction_loss", "val_loss"], "val_loss"),
        (["acc,none", "acc_stderr,none"], "acc,none"),
        (["coco/bbox_mAP", "coco/bbox_mAP_s", "acc", "loss_bbox"], "coco/bbox_mAP"),
    ],
)
def test_choice(metrics, expected):
    """The word decides; among equals validation, test, unnamed data; training data counts less."""
    goal = primary_metric(frame_of(patch("a", metrics=dict.fromkeys(metrics, 0.5))))
    assert goal is not None
    assert goal.metric == expected
    assert goal.inferred
    assert expected in goal.why
    assert goal.direction in goal.why


def test_rare_metric():
    """A metric that few runs have is not primary while one that most have tells a direction."""
    runs = [patch(f"r{i}", metrics={"loss": 0.1}) for i in range(5)]
    assert primary_metric(frame_of(*runs, patch("x", metrics={"val_f1": 1.0}))).metric == "loss"


def test_nan_metric():
    """A metric that is NaN in most runs gives way to one with values."""
    runs = [patch(f"r{i}", metrics={"f1": math.nan, "loss": 0.1}) for i in range(3)]
    assert primary_metric(frame_of(*runs)).metric == "loss"
    only = primary_metric(frame_of(patch("a", metrics={"f1": math.nan})))
    assert only.metric == "f1"
    assert "only metric" in only.why


def test_settings_win():
    """What the settings name is taken as it is, and nothing is called inferred."""
    runs = frame_of(patch("a", metrics={"f1": 1.0, "cost": 2.0}))
    goal = primary_metric(runs, ExperimentSettings(metric="cost", direction=UP))
    assert (goal.metric, goal.direction, goal.inferred) == ("cost", UP, False)


def test_half_settings():
    """What the settings leave open is inferred, and said so."""
    runs = frame_of(patch("a", metrics={"f1": 1.0, "cost": 2.0}))
    goal = primary_metric(runs, ExperimentSettings(metric="cost"))
    assert (goal.metric, goal.direction, goal.inferred) == ("cost", DOWN, True)
    goal = primary_metric(runs, ExperimentSettings(direction=DOWN))
    assert (goal.metric, goal.direction, goal.inferred) == ("f1", DOWN, True)
    assert "settings" in goal.why


def test_unknown_direction():
    """Where no name tells, more is better, and the sentence says how to change that."""
    goal = primary_metric(frame_of(patch("a", metrics={"thing": 1.0})))
    assert (goal.direction, goal.assumed) == (UP, True)
    assert "tracksite.toml" in goal.why
    assert not primary_metric(frame_of(patch("a", metrics={"f1": 1.0}))).assumed


def test_no_metrics():
    """Without a metric that could be one there is no goal, unless the settings name it."""
    assert primary_metric(frame_of(patch("a")).clear()) is None
    assert primary_metric(frame_of(patch("a"))) is None
    nothing_good = dict.fromkeys(["std_test_score", "mean_fit_time", "system/cpu"], 1.0)
    assert primary_metric(frame_of(patch("a", metrics=nothing_good))) is None
    assert primary_metric(frame_of(patch("a")), ExperimentSettings(metric="f1")).metric == "f1"


def test_sign():
    """`sign * value` is to be maximised whatever the direction."""
    assert Goal("m", UP, inferred=True, why="").sign == 1.0
    assert Goal("m", DOWN, inferred=True, why="").sign == -1.0


def test_where_pages_find_it():
    """The leaderboard module offers the goal beside the ranks that need it."""
    assert leaderboard.primary_metric is primary_metric


def _said(*texts, **metrics):
    return frame_of(
        *(
            patch(f"r{at}", metrics=metrics, tags={GOAL_TAG: text} if text else {})
            for at, text in enumerate(texts)
        )
    )


def test_said_goal():
    """What the training said it is after counts before any name, and is not called inferred."""
    goal = primary_metric(_said("minimize stuff", None, f1=1.0, stuff=2.0))
    assert (goal.metric, goal.direction, goal.inferred) == ("stuff", DOWN, False)
    assert "the training said" in goal.why


def test_user_before_framework():
    """What somebody said of a run counts before what its framework knew, also if it is nothing."""
    tags = {GOAL_TAG: "maximize f1", TRAINING_GOAL_TAG: "minimize stuff"}
    for text, metric in (("maximize f1", "f1"), ("", "f1"), (None, "stuff")):
        row = patch("a", metrics={"f1": 1.0, "stuff": 1.0}, tags={**tags, GOAL_TAG: text})
        assert primary_metric(frame_of(row)).metric == metric


def test_settings_before_said():
    """The settings count before what was said, which still tells the direction they leave open."""
    runs = _said("minimize stuff\nminimize f1", f1=1.0, stuff=2.0)
    goal = primary_metric(runs, ExperimentSettings(metric="f1"))
    assert (goal.metric, goal.direction, goal.inferred) == ("f1", DOWN, False)
    goal = primary_metric(runs, ExperimentSettings(metric="stuff", direction=UP))
    assert goal.direction == UP


def test_disputed_goal():
    """Runs that said different goals: most of them win, and the page names what was said."""
    said = ("maximize f1", "maximize f1", "minimize stuff")
    for texts in (said, said[::-1]):
        goal = primary_metric(_said(*texts, f1=1.0, stuff=2.0))
        assert (goal.metric, goal.direction, goal.inferred) == ("f1", UP, True)
        assert '2 "maximize f1", 1 "minimize stuff"' in goal.why


def test_said_of_nothing():
    """A goal that was said of a metric that few runs have, or in no words, changes nothing."""
    assert primary_metric(_said("minimize val_loss", f1=1.0)).metric == "f1"
    for text in ("", "f1", "upwards f1", "maximize ", "minimize\nstuff"):
        assert primary_metric(_said(text, f1=1.0, stuff=2.0)).direction == UP


def test_directions():
    """Runs may say of every metric which way is better, and leave open which one decides."""
    runs = _said("\nminimize a\nmaximize some loss", "\nminimize a", a=1.0, f1=1.0)
    assert directions(runs) == {"a": DOWN, "some loss": UP}
    assert primary_metric(runs).metric == "f1"


@given(st.lists(st.text(max_size=30), min_size=1, max_size=5, unique=True))
def test_any_names(keys):
    """Whatever metrics are called, the choice hangs on no order, and is one that could be it."""
    goal = primary_metric(frame_of(patch("a", metrics=dict.fromkeys(keys, 1.0))))
    again = primary_metric(frame_of(patch("a", metrics=dict.fromkeys(reversed(keys), 1.0))))
    assert goal == again
    possible = [key for key in keys if not read(key).never]
    assert goal.metric in possible if possible else goal is None
