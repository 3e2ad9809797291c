"""What a metric's name tells: held against names that real tools log."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracksite.query.goal import direction_of, metric_range
from tracksite.query.metric_names import read
from tracksite.query.metric_words import LONGEST

NAMES = Path(__file__).parents[1] / "data" / "metric_names.txt"
TOLD = {"+": "maximize", "-": "minimize", ".": None}


def _names():
    """Each (name, direction) of the file."""
    for line in NAMES.read_text(encoding="utf-8").splitlines():
        if line[:2] in {f"{sign} " for sign in TOLD}:
            yield from ((name, TOLD[line[0]]) for name in re.split(" {2,}", line[2:].strip()))


def test_six_hundred_names():
    """Of 600 names that tools log each has its direction, and none is given a wrong one."""
    names = list(_names())
    assert len(names) > 600
    assert [name for name, direction in names if direction_of(name) != direction] == []


@pytest.mark.parametrize(
    ("metric", "bounds"),
    [
        ("val_accuracy", (0, 1)),
        ("metrics/mAP50-95(B)", (0, 1)),
        ("test_r2", (None, 1)),
        ("mcc", (-1, 1)),
        ("val_loss", (0, None)),
        ("dice_loss", (0, None)),
        ("train/policy_gradient_loss", (None, None)),
        ("kid", (None, None)),
        ("rmse_val", (0, None)),
        ("neg_mean_squared_error", (None, 0)),
        ("neg_brier_score", (-1, 0)),
        ("log_likelihood", (None, None)),
        ("reward", (None, None)),
        ("std_test_score", (None, None)),
        ("thing", (None, None)),
    ],
)
def test_ranges(metric, bounds):
    """A metric's values can be what its word allows; of other words nothing is known."""
    assert metric_range(metric) == bounds


@pytest.mark.parametrize(
    ("metric", "split"),
    [
        ("val_loss", "validation"),
        ("evalAUC", "validation"),
        ("validation_0/auc", "validation"),
        ("mean_test_score", "test"),
        ("loss/train", "training"),
        ("training_f1_score", "training"),
        ("valloss", "validation"),
        ("fitness", ""),
        ("evaluate", ""),
    ],
)
def test_splits(metric, split):
    """The data that a metric is of is read from a whole word, also where two are run together."""
    assert read(metric).split == split


@pytest.mark.parametrize("metric", ["std_test_score", "lr", "epoch", "rank_test_f1", "acc_error"])
def test_never(metric):
    """What measures no quality is known to be no goal, which an unknown name is not."""
    assert read(metric).never
    assert not read("thing").never


@given(st.text(max_size=2 * LONGEST))
def test_any_name(metric):
    """Whatever a metric is called, its name is read, in bounds that are in order."""
    low, high = metric_range(metric)
    assert low is None or high is None or low < high
    assert direction_of(metric) in TOLD.values()
