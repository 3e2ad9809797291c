"""What the page of an experiment says of its goal: which metric, which way, and who said so."""

from __future__ import annotations

import html
import json
import re

import pytest

import tracksite
from tests.site import stores
from tracksite import paths, site

SWEEPS = {
    "guessed": [{"val_f1": 0.1, "val/box_loss": 0.9, "std_test_score": 0.5, "thing": 1.0}] * 2,
    "unknown <b>": [{"thing": 0.1}, {"thing": 0.2}],
    "no goal": [{"fit_time": 0.1}],
    "nothing": [{}],
    "said": [{"thing": 0.1, "val_f1": 0.2}] * 3,
}
SAID = ("minimize thing", "minimize thing", "maximize val_f1")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A site with an experiment for each way to come by a goal."""
    root = tmp_path_factory.mktemp("goals")
    stores.log(root / "runs")
    for name, runs in SWEEPS.items():
        tracksite.set_experiment(name)
        for metrics, text in zip(runs, SAID, strict=False):
            with tracksite.start_run(tags={"tracksite.goal": text} if name == "said" else {}):
                tracksite.log_metrics(metrics)
    site.build(root / "runs", root / "site")
    return root / "site"


def _line(built, name):
    """The sentences about the goal, as they are read."""
    page = (built / paths.experiment_page(name)).read_text()
    found = re.search(r'<p class="goal-line.*?</p>', page, re.DOTALL)[0]
    return " ".join(html.unescape(re.sub("<[^>]+>", "", found)).split())


def test_a_guess_says_that_it_is_one(built):
    """The page names the word that decided, the way that is better and how to settle it."""
    line = _line(built, "guessed")
    assert line.startswith("Higher val_f1 is better.")
    assert "guessed from the names of 3 metrics, on validation data" in line
    assert 'maximize because its name says "f1"' in line
    assert '[experiments."guessed"]' in line
    assert "tracksite.goal of the runs to maximize val_f1" in line


def test_an_unknown_direction_is_not_claimed(built):
    """Of a name that tells nothing the page does not say that more of it is better."""
    line = _line(built, "unknown <b>")
    assert line.startswith("Whether higher or lower thing is better is not known.")
    assert "direction not known" in (built / paths.HOME).read_text()


def test_runs_without_a_goal_are_told_why(built):
    """A metric that can be no goal is not called missing."""
    assert "No metric here tells by its name which runs are better" in _line(built, "no goal")
    assert "No metric was logged" in _line(built, "nothing")


def test_what_runs_said_is_named_where_they_disagree(built):
    """Most of the runs decide, and the page shows what each said."""
    line = _line(built, "said")
    assert line.startswith("Lower thing is better.")
    assert '2 "minimize thing", 1 "maximize val_f1"' in line


def test_each_column_knows_its_better_end(built):
    """A metric's column says which way it is better, so that a first click puts the best first."""
    script = (built / paths.experiment_page("guessed")).with_name("leaderboard.js").read_text()
    text = re.search(r"JSON\.parse\('(.*)'\)", script)[1]
    columns = json.loads(re.sub(r"\\(x3c|.)", lambda it: "<" if it[1] == "x3c" else it[1], text))
    metrics = [it for it in columns["columns"] if it["kind"] == "metric"]
    assert metrics[-1]["label"] == "std_test_score"  # what is no goal stands behind
    better = {it["label"]: it.get("better") for it in metrics}
    assert better == {
        "val_f1": "maximize",
        "val/box_loss": "minimize",
        "std_test_score": None,
        "thing": None,
    }
