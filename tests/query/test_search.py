"""Search: which runs pass, in which order, with which columns."""

from __future__ import annotations

import pytest

from tests.query.made import later, patch, snapshot_of
from tracksite.errors import ArgumentError
from tracksite.query.search import search
from tracksite.store.ids import experiment_id

RUNS = snapshot_of(
    [
        patch("a", {"lr": 0.1}, {"f1": 0.8}, {"t": "x"}, started_at=later(0)),
        patch("b", {"lr": 0.01}, {"f1": 0.9}, started_at=later(1)),
        patch("c", {"k": 3}, {"loss": 0.1}, experiment="other", started_at=later(2)),
        patch("d", {"lr": 0.1}, {"f1": 0.95}, deleted=True, started_at=later(3)),
        patch("e", name="e", kind="experiment", status=None),
    ]
)
FIRST = ["run_id", "experiment_id", "experiment", "status", "name", "started_at", "ended_at"]


def ids(**arguments):
    """Return the ids that a search finds."""
    return "".join(search(RUNS, **arguments)["run_id"])


def test_all_runs():
    """Without arguments: the runs that are not deleted, newest first."""
    assert ids() == "cba"


def test_columns():
    """Attributes first, then params, metrics and tags of the runs that were searched."""
    found = search(RUNS)
    assert found.columns[: len(FIRST)] == FIRST
    families = ["params.k", "params.lr", "metrics.f1", "metrics.loss", "tags.t"]
    assert [name for name in found.columns if "." in name] == families
    assert found["experiment_id"].to_list() == [experiment_id(name) for name in found["experiment"]]


def test_columns_outlive_the_filter():
    """A filter that nothing passes leaves the columns, so that code that picks some goes on."""
    none = search(RUNS, filter_text="metrics.f1 > 5")
    assert none.is_empty()
    assert none.columns == search(RUNS).columns


def test_filter_order_and_limit():
    """Filter, order and limit work together, and the limit is applied last."""
    assert ids(filter_text="metrics.f1 > 0.1", order_by=["metrics.f1 DESC"]) == "ba"
    assert ids(filter_text="f1 > 0.1", order_by=["metrics.f1 DESC"], max_results=1) == "b"
    assert ids(filter_text="experiment = 'other'") == "c"
    assert ids(filter_text="params.lr = '0.1'") == "a"


def test_experiments():
    """Only runs of the experiments named; an unknown one has none."""
    assert ids(experiments=["other"]) == "c"
    assert ids(experiments=["e", "other"]) == "cba"
    assert ids(experiments=["nothing"]) == ""
    assert ids(experiments=[]) == ""


def test_deleted():
    """Deleted runs are found only when they are asked for."""
    assert ids(deleted=True) == "d"


def test_empty_store():
    """A store without runs gives no rows and the usual first columns."""
    found = search(snapshot_of([]), filter_text="f1 > 0.9", order_by=["start_time DESC"])
    assert found.is_empty()
    assert found.columns[: len(FIRST)] == FIRST


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"experiments": "other"}, "pass a list of names"),
        ({"max_results": 0}, "1 or more"),
        ({"filter_text": "f1 >"}, "at character 5"),
        ({"order_by": ["nothing"]}, "The order fails at character 1"),
        ({"order_by": ["metrics.f2 DESC"]}, "no metric is called `f2`; known are f1, loss"),
        ({"order_by": ["f1", "tags.u"], "filter_text": "f1 > 5"}, "no tag is called `u`"),
    ],
)
def test_refused(arguments, message):
    """Arguments that mean nothing are refused with a remedy."""
    with pytest.raises(ArgumentError, match=message):
        search(RUNS, **arguments)
