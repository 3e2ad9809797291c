"""The files of an experiment: their bytes, their content, and which of them a new run rewrites."""

from __future__ import annotations

import io
import json
import math
import re
import shutil

import polars as pl
import pytest

import tracksite
from tests.experiment.conftest import CONSTANT, CURVES, EMPTY, GRID
from tracksite import site
from tracksite.charts import impact
from tracksite.paths import experiment_page, standing_script
from tracksite.query import leaderboard, runs
from tracksite.store.local import open_store


def value_of(path):
    """What a data script hands to the page."""
    found = re.fullmatch(r'tracksite\.data\("[^"]+",JSON\.parse\(\'(.*)\'\)\);\n', path.read_text())
    text = re.sub(r"\\(x3c|.)", lambda m: "<" if m[1] == "x3c" else m[1], found[1])
    return json.loads(text)


def folder(built, name):
    """The folder of an experiment's files."""
    return (built / experiment_page(name)).parent


def test_same_store_gives_the_same_bytes(store, built, tmp_path):
    """A second build into another folder writes the same bytes for every file."""
    site.build(store, tmp_path / "again")
    names = [path.relative_to(built) for path in built.rglob("*") if path.is_file()]
    differing = [
        name
        for name in names
        if (built / name).read_bytes() != (tmp_path / "again" / name).read_bytes()
    ]
    assert len(names) > 100
    assert differing == []


def test_new_run_rewrites_its_experiment_alone(store, tmp_path):
    """A run in one experiment leaves the files of the others as they are."""
    own = tmp_path / "runs"
    shutil.copytree(store, own)
    site.build(own, tmp_path / "site")
    tracksite.set_tracking_uri(own)
    try:
        with tracksite.start_run(experiment=CONSTANT, run_name="second"):
            tracksite.log_metric("score", 0.6)
    finally:
        tracksite.set_tracking_uri(store)
    written = set(site.build(own, tmp_path / "site").written)
    mine = folder(tmp_path / "site", CONSTANT).name
    changed = {path.split("/")[1] for path in written if path.startswith("experiments/")}
    assert changed == {mine}
    assert "data/charts.js" not in written
    assert "data/runs.parquet" in written


def test_standing_ranks_as_the_query_does(store, built):
    """standing.js has the goal, the best run with its params, and all values, best first."""
    value = value_of(built / standing_script(GRID))
    frame = runs.runs(runs.fold(open_store(store).snapshot()), experiment=GRID)
    ranked = leaderboard.rank(frame, "f1", "maximize")
    assert value["goal"] == {"metric": "f1", "direction": "maximize"}
    assert value["values"] == ranked["value"].to_list()
    assert value["best"]["run_id"] == ranked["run_id"][0]
    assert value["best"]["params"]["criterion"] == "gini"
    assert value["count"] == 82
    assert value_of(built / standing_script(EMPTY)) is None


def test_leaderboard_script_holds_every_value(store, built):
    """The columns say the same as `leaderboard.wide`, NaN included."""
    value = value_of(folder(built, GRID) / "leaderboard.js")
    columns = {column["id"]: column for column in value["columns"]}
    frame = runs.runs(runs.fold(open_store(store).snapshot()), experiment=GRID)
    wide = leaderboard.wide(frame)
    ids = columns["run_id"]
    order = [ids["texts"][code] for code in ids["codes"]]
    expected = pl.DataFrame({"run_id": order}).join(wide, on="run_id", maintain_order="left")
    f1 = [float(number) for number in columns["metrics.f1"]["values"]]
    assert f1[:-1] == expected["metrics.f1"].to_list()[:-1]
    assert math.isnan(f1[-1])
    depth = columns["params.depth"]
    texts = [None if code is None else depth["texts"][code] for code in depth["codes"]]
    assert texts == expected["params.depth"].to_list()
    assert len(set(value["groups"])) == 28


def test_parquet_twin_has_every_run(built):
    """data/runs.parquet has one row per run of all experiments and their metrics as numbers."""
    frame = pl.read_parquet(io.BytesIO((built / "data/runs.parquet").read_bytes()))
    assert frame.height == 82 + 4 + 1 + 3
    assert frame["metrics.f1"].dtype == pl.Float64
    assert set(frame["experiment"]) >= {GRID, CURVES, CONSTANT}


def test_json_twin_is_strict_json_and_ranks(built):
    """experiment.json is valid JSON without NaN, with the runs best first."""
    text = (folder(built, GRID) / "experiment.json").read_text()
    twin = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert twin["goal"] == {"metric": "f1", "direction": "maximize", "inferred": True}
    assert [run["rank"] for run in twin["runs"][:3]] == [1, 2, 3]
    assert twin["runs"][-1]["metrics"]["f1"] == "NaN"
    assert twin["effects"][0]["param"] == "depth"


def test_curves_script_is_thin_and_shows_gaps_as_null(built):
    """curves.js has each series of the best runs, at most twice its width in points."""
    value = value_of(folder(built, CURVES) / "curves.js")
    assert value["keys"] == ["val_loss", "train_loss"]
    assert len(value["series"]) == 8
    assert all(len(one["steps"]) == len(one["values"]) <= 600 for one in value["series"])
    diverged = [one for one in value["series"] if None in one["values"]]
    assert len(diverged) == 2
    assert all(one["steps"][-1] == 199 for one in value["series"])


def test_header_names_goal_lead_and_failures(built):
    """The first screen says the best value, the lead against seed noise, and what failed."""
    html = (built / experiment_page(GRID)).read_text()
    assert "Higher f1 is better." in html
    assert "Lead over the second" in html
    assert re.search(r"<dt>Failed</dt>\s*<dd class=\"stat-value\">1</dd>", html)
    assert "seed noise" in html


def test_empty_experiment_says_what_to_do(built):
    """An experiment without runs shows how to log the first one."""
    html = (built / experiment_page(EMPTY)).read_text()
    assert "No runs yet" in html
    assert "tracksite.start_run()" in html


def test_specs_are_vega_lite_of_the_vendored_minor():
    """The charts are valid Vega-Lite specs of the vendored version, with data by name alone."""
    import altair as alt

    for name, spec in impact.specs().items():
        assert spec["$schema"].startswith("https://vega.github.io/schema/vega-lite/v6.4")
        assert spec["data"] == {"name": name}
        filled = json.loads(json.dumps(spec).replace('"$low"', "0").replace('"$high"', "1"))
        alt.Chart.from_dict(filled)
