"""search_runs and its companions: MLflow's questions, answered from the store."""

from __future__ import annotations

import warnings

import pandas as pd
import polars as pl
import pytest

import tracksite
from tracksite.errors import ArgumentError, NotFoundError


@pytest.fixture
def sweep():
    """Three runs of one experiment and one of another; the experiment "sweep" is active."""
    with tracksite.start_run(experiment="other", run_name="o"):
        tracksite.log_metric("f1", 0.1)
    tracksite.set_experiment("sweep")
    for name, depth, f1 in (("a", 5, 0.7), ("b", None, 0.9), ("c", 10, float("nan"))):
        with tracksite.start_run(run_name=name, tags={"kind": name * 2}):
            tracksite.log_param("depth", depth)
            tracksite.log_metric("f1", f1)


def names(**query):
    """Names of the runs found, in order."""
    return tracksite.search_runs(**query)["name"].to_list()


def test_the_table_has_mlflows_columns(sweep):
    """One row a run: id, experiment, status, params as text, last metrics as numbers, tags."""
    table = tracksite.search_runs(order_by=["metrics.f1 DESC"])
    assert isinstance(table, pl.DataFrame)
    assert table["name"].to_list() == ["b", "a", "c"]
    first = table.row(0, named=True)
    assert (first["params.depth"], first["metrics.f1"], first["tags.kind"]) == ("None", 0.9, "bb")
    assert (first["status"], first["experiment"]) == ("finished", "sweep")
    assert first["experiment_id"] == tracksite.get_experiment_by_name("sweep").experiment_id
    assert table[["params.depth", "metrics.f1"]].head(2).shape == (2, 2)


def test_experiments_are_chosen_by_name_or_id(sweep):
    """The active experiment is the default; names and ids add up; all can be asked for."""
    other = tracksite.get_experiment_by_name("other").experiment_id
    assert sorted(names()) == ["a", "b", "c"]
    assert names(experiment_names=["other"]) == names(experiment_ids=[other]) == ["o"]
    assert sorted(names(experiment_ids=[other], experiment_names=["sweep"])) == list("abco")
    assert sorted(names(search_all_experiments=True)) == list("abco")
    assert names(experiment_names=["none"]) == []


def test_runs_are_filtered_by_where_their_files_are(sweep):
    """`artifact_uri` is a column, and filters and orders know it, as in MLflow."""
    table = tracksite.search_runs()
    for uri, run_id in table.select("artifact_uri", "run_id").iter_rows():
        assert tracksite.get_run(run_id).info.artifact_uri == uri
        found = tracksite.search_runs(filter_string=f"attributes.artifact_uri = '{uri}'")
        assert found["run_id"].to_list() == [run_id]
    assert names(filter_string="artifact_uri LIKE '%/artifacts/%'", order_by=["artifact_uri DESC"])


@pytest.fixture
def readers(sweep):
    """Two runs that read data sets, beside those of the sweep, which read none."""
    with tracksite.start_run(run_name="one"):
        tracksite.log_input({"x": [1]}, name="digits", context="train")
    with tracksite.start_run(run_name="two"):
        tracksite.log_input({"x": [2]}, name="digits", context="eval")
        tracksite.log_input({"x": [3]}, name="Words")
        tracksite.log_param("dataset.name", "mnist")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("dataset.name = 'digits'", ["one", "two"]),
        ("datasets.context = 'train'", ["one"]),
        ("dataset.name = 'digits' and dataset.context = 'eval'", ["two"]),
        ("dataset.name != 'digits'", ["two"]),
        ("dataset.name ILIKE 'w%'", ["two"]),
        ("dataset.name IN ('Words', 'x')", ["two"]),
        ("dataset.digest LIKE 'sha256:%'", ["one", "two"]),
        ("not dataset.name = 'Words'", ["a", "b", "c", "one"]),
        ("dataset.name IS NULL", ["a", "b", "c"]),
        ("dataset.context IS NOT NULL", ["one", "two"]),
        ("params.dataset.name = 'mnist'", ["two"]),
        ("'dataset.name' = 'mnist'", None),
        ('"dataset.name" = mnist', ["two"]),
        ("dataset.size = 'x'", None),
        ("dataset.\"size\" = 'x'", None),
        ("dataset.name = 5", None),
        ("dataset.name < 'x'", None),
    ],
)
def test_runs_are_filtered_by_what_they_read(readers, text, found):
    """A test of data sets holds, as in MLflow, if it holds of one of a run's."""
    if found is None:
        with pytest.raises(ArgumentError):
            names(filter_string=text)
    else:
        assert sorted(names(filter_string=text)) == found


def test_data_sets_neither_order_runs_nor_belong_to_anything_else(readers):
    """A run may have several of them, and an experiment has none."""
    with pytest.raises(ArgumentError, match="several data sets"):
        names(order_by=["dataset.name"])
    with pytest.raises(ArgumentError, match="only runs"):
        tracksite.search_experiments(filter_string="dataset.name = 'x'")


def test_an_order_by_what_no_run_has_is_not_silent(sweep):
    """A metric, param or tag that is misspelt orders nothing: a warning says which is near."""
    known = {
        "metrics.f2 DESC": "known are f1",
        "params.dept": "mean `depth`",
        "tags.king": "`kind`",
    }
    for order, said in known.items():
        with pytest.warns(RuntimeWarning, match=said):
            assert names(order_by=[order])[0] == "c"
    with pytest.warns(RuntimeWarning, match="no tag is called `owner`"):
        tracksite.search_experiments(order_by=["tags.owner"])


def test_an_order_by_what_a_run_has_is_silent(sweep):
    """No warning where the filter leaves none of the runs that have it, or there are no runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert names(order_by=["metrics.f1"], filter_string="metrics.f1 > 5") == []
        assert names(order_by=["metrics.f2"], experiment_names=["none"]) == []
        assert names(order_by=["start_time", "tags.mlflow.runName"]) == ["a", "b", "c"]


def test_filters_orders_and_limits(sweep):
    """Filter strings take either case of a status; orders and limits apply in that order."""
    assert names(filter_string="metrics.f1 > 0.8 and params.depth = 'None'") == ["b"]
    for status in ("FINISHED", "finished"):
        assert len(names(filter_string=f"attributes.status = '{status}'")) == 3
    assert names(order_by=["metrics.f1 ASC"], max_results=1) == ["a"]
    assert names(order_by=["params.depth"])[0] == "a"
    assert names()[0] == "c"  # newest first


def test_other_forms_of_the_answer(sweep):
    """The same runs come as pandas or as a list of Run where that is asked for."""
    frame = tracksite.search_runs(output_format="pandas", order_by=["name"])
    assert isinstance(frame, pd.DataFrame)
    assert frame["metrics.f1"].tolist()[:2] == [0.7, 0.9]
    listed = tracksite.search_runs(output_format="list", order_by=["name"])
    assert [run.info.run_name for run in listed] == ["a", "b", "c"]
    assert listed[0].data.params == {"depth": "5"}


@pytest.mark.parametrize(
    "query",
    [
        {"filter_string": "metrics.f1 >"},
        {"order_by": "metrics.f1 DESC"},
        {"order_by": ["metrics.f1 UPWARDS"]},
        {"max_results": 0},
        {"max_results": True},
        {"experiment_names": "sweep"},
        {"output_format": "excel"},
        {"run_view_type": "gone"},
        {"run_view_type": 7},
    ],
)
def test_wrong_questions_are_refused(sweep, query):
    """A filter, order or option that is not understood raises with what would be."""
    with pytest.raises(ArgumentError):
        tracksite.search_runs(**query)


def test_views(sweep):
    """Deleted runs are asked for by "deleted" or "all", or by MLflow's numbers."""
    (gone,) = tracksite.search_runs(filter_string="name = 'a'")["run_id"]
    tracksite.delete_run(gone)
    assert sorted(names()) == sorted(names(run_view_type=1)) == ["b", "c"]
    assert names(run_view_type="deleted") == names(run_view_type=2) == ["a"]
    assert sorted(names(run_view_type=3)) == ["a", "b", "c"]


def test_an_empty_store_answers_with_an_empty_table(sweep):
    """Without runs the fixed columns are there; without a store the error says what to do."""
    tracksite.set_experiment("nothing yet")
    table = tracksite.search_runs()
    assert (table.height, table.columns[:3]) == (0, ["run_id", "experiment_id", "experiment"])
    tracksite.set_tracking_uri("nowhere")
    for ask in (tracksite.search_runs, lambda: tracksite.get_run("f" * 32)):
        with pytest.raises(NotFoundError, match="no store at"):
            ask()
    assert tracksite.get_experiment_by_name("x") is None


def test_histories_of_nothing(sweep):
    """A metric that a run does not have has an empty history; a run that is not there raises."""
    (run_id,) = tracksite.search_runs(filter_string="name = 'a'")["run_id"]
    assert tracksite.get_metric_history(run_id, "f1")["value"].to_list() == [0.7]
    assert tracksite.get_metric_history(run_id, "none").columns == ["step", "timestamp", "value"]
    with pytest.raises(NotFoundError, match="check the id"):
        tracksite.get_metric_history("f" * 32, "f1")
