"""One run's data never costs another page: odd runs beside sound ones."""

from __future__ import annotations

import os

import pytest
from click.testing import CliRunner

import tracksite
from tests.site import odd, stores
from tracksite import paths
from tracksite.cli.app import app
from tracksite.schema import LAST_TIME
from tracksite.site import build
from tracksite.store import verifying
from tracksite.store.local import open_store

COUNT = int(os.environ.get("TRACKSITE_ODD_RUNS", "25"))
BROKEN = "could not be built"
MICROS = (
    1_700_000_000_123_456_000  # an older release kept microseconds as if they were milliseconds
)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """Return a store, its five sound runs, its odd runs, the site and what the build said."""
    folder = tmp_path_factory.mktemp("odd")
    sound = stores.plain(folder / "runs", 5)
    homes = ("plain", "odd")
    runs = [odd.odd_run(folder / "runs", seed, homes) for seed in range(COUNT)]
    return folder / "runs", sound, runs, folder / "site", build(folder / "runs", folder / "site")


def test_every_page_of_sound_runs_is_built_whatever_others_hold(crowd):
    """No page is lost, whatever odd runs hold."""
    _, sound, _, site, _ = crowd
    broken = [file for file in site.rglob("*.html") if BROKEN in file.read_text()]
    assert not broken
    for run_id in sound:
        assert (site / paths.run_page(run_id)).is_file()
        assert (site / paths.run_json(run_id)).is_file()
    assert (site / paths.experiment_page("plain")).is_file()


def test_each_warning_of_a_build_names_its_run(crowd):
    """Whoever reads the warning knows whose data it is about."""
    _, _, odd_runs, _, report = crowd
    named = {problem.run_id for problem in report.problems}
    assert named
    assert named <= {*odd_runs}


def test_the_page_of_an_odd_run_is_built_too(crowd):
    """What is odd costs itself, not the page."""
    *_, report = crowd
    pages = [problem for problem in report.problems if problem.path.endswith("index.html")]
    assert not pages, pages[0].message


def test_odd_runs_can_be_read_listed_and_verified(crowd):
    """Runs, searches, histories and verify read a store of odd runs."""
    store, sound, odd_runs, _, _ = crowd
    with tracksite.tracking.target.using(str(store)):
        frame = tracksite.search_runs(search_all_experiments=True)
        assert {*sound} <= {row["run_id"] for row in frame.to_dicts()}
        for run_id in frame["run_id"].head(40):
            run = tracksite.get_run(run_id)
            for key in run.data.metrics:
                tracksite.get_metric_history(run_id, key).rows()
                tracksite.MlflowClient().get_metric_history(run_id, key)
    named = {problem.run_id for problem in verifying.verify(open_store(store)).problems}
    assert named <= {*odd_runs, None}


@pytest.fixture
def late(tmp_path):
    """Return the id of a run whose points, start and end are at times that no date can hold."""
    stores.plain(tmp_path / "runs", 2)
    tracksite.set_experiment("plain")
    with tracksite.start_run(run_name="late") as run:
        for step in range(3):
            run._writer.point("loss", 1.0, step, MICROS + step)
    open_store(tmp_path / "runs").write_patch(run.run_id, "run", {"ended_at": LAST_TIME + 1})
    return run.run_id


def test_a_time_that_no_date_can_hold_costs_itself_alone(late, tmp_path):
    """Run, history, search and pages are there without the time."""
    assert tracksite.get_run(late).data.metrics == {"loss": 1.0}
    history = tracksite.get_metric_history(late, "loss")
    assert history["timestamp"].null_count() == 3
    assert history["value"].to_list() == [1.0] * 3
    assert tracksite.search_runs().to_pandas().shape[0] == 3
    build(tmp_path / "runs", tmp_path / "site")
    assert BROKEN not in (tmp_path / "site" / paths.experiment_page("plain")).read_text()
    assert BROKEN not in (tmp_path / "site" / paths.run_page(late)).read_text()


def test_a_time_that_no_date_can_hold_is_named_with_run_and_page(late, tmp_path):
    """Build says the page, verify and the rest the run."""
    done = CliRunner().invoke(app, ["build", "runs", "-o", "site"])
    lines = [one for one in done.stderr.splitlines() if "which no date can hold" in one]
    assert len(lines) == 2  # of the points, and of the end
    assert all(paths.run_page(late) in line for line in lines)
    checked = CliRunner().invoke(app, ["verify", "runs"])
    assert checked.exit_code == 1
    assert late in checked.stderr
    for command in (["show", late, "--store", "runs"], ["export", "mlflow", "runs", "out"]):
        assert isinstance(CliRunner().invoke(app, command).exception, SystemExit | None)
