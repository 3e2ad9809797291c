"""The demo site in site/ is, byte for byte, what `tracksite build` makes of the kept store."""

from __future__ import annotations

import filecmp
import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from tracksite.cli.app import app
from tracksite.query import runs as query
from tracksite.query.registry import model_versions, models
from tracksite.store.local import open_store

HERE = Path(__file__).parent
SITE = HERE.parents[1] / "site"
REFRESH = "look at the difference, then refresh site/ with: make site"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A copy of the kept store and its settings: a build makes folders that git does not keep."""
    folder = tmp_path_factory.mktemp("golden")
    shutil.copytree(HERE / "runs", folder / "runs")
    shutil.copy(HERE / "tracksite.toml", folder)
    return folder / "runs"


@pytest.fixture(scope="module")
def built(kept):
    """The site that the command line builds of it."""
    site = kept.parent / "site"
    done = CliRunner().invoke(app, ["build", str(kept), "-o", str(site)])
    assert done.exit_code == 0, done.output
    return site


def _files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_site_has_the_files_that_a_build_makes(built):
    """site/ holds every file of the build and no other."""
    made, shown = _files(built), _files(SITE)
    assert made == shown, f"missing {sorted(made - shown)}, extra {sorted(shown - made)}; {REFRESH}"


def test_site_has_the_bytes_that_a_build_makes(built):
    """Every file of site/ is what the build makes, byte for byte."""
    common = sorted(_files(built) & _files(SITE))
    assert common, REFRESH
    _, different, errors = filecmp.cmpfiles(built, SITE, common, shallow=False)
    assert not different + errors, f"{different + errors} differ; {REFRESH}"


def test_second_build_of_the_kept_store_writes_nothing(kept, built):
    """A build of a store that did not change leaves every file as it is."""
    before = {name: (built / name).stat().st_mtime_ns for name in _files(built)}
    done = CliRunner().invoke(app, ["build", str(kept), "-o", str(built)])
    assert done.exit_code == 0, done.output
    assert {name: (built / name).stat().st_mtime_ns for name in _files(built)} == before


def test_kept_store_shows_every_kind_of_thing(kept):
    """The kept store has what pages must show: failures, nesting, figures, models, NaN and inf."""
    folded = query.fold(open_store(kept).snapshot())
    runs = query.runs(folded)
    metrics = runs.explode("metrics")["metrics"].struct.unnest()
    artifacts = runs.explode("artifacts")["artifacts"].struct.field("path")
    assert {"finished", "failed"} <= set(runs["status"])
    assert runs.filter(pl.col("parent_run_id").is_not_null()).height > 4
    assert metrics["last"].is_infinite().any()
    assert (metrics["nan_count"] > 0).any()
    assert artifacts.str.ends_with(".png").any()
    assert set(model_versions(folded)["stage"].drop_nulls()) >= {"Production", "Staging"}
    assert models(folded).explode("aliases").height
    assert open_store(kept).snapshot().problems == ()


def test_kept_store_is_small_and_says_nothing_of_the_machine_that_trained_it(kept):
    """Less than 2 MB, no live logs, no users, no hosts, no absolute paths."""
    assert sum(path.stat().st_size for path in kept.rglob("*") if path.is_file()) < 2_000_000
    assert not list(kept.glob("live/*"))
    patches = open_store(kept).snapshot().patches
    assert patches["user"].drop_nulls().is_empty()
    assert patches["host"].drop_nulls().is_empty()
    texts = json.dumps(patches.to_dicts(), default=str)
    assert not re.findall(r"[\"' (](?:/[a-z]+){2,}", texts)
