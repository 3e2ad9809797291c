"""What the head of an experiment's page says of its best setting, best run and lead."""

from __future__ import annotations

import re

import pytest

from tests.query.made import frame_of, later, patch
from tracksite import site
from tracksite.analysis.repeats import repeats
from tracksite.pages import hero as heroes
from tracksite.pages.board import board
from tracksite.paths import experiment_page
from tracksite.query.goal import Goal
from tracksite.store.ids import new_run_id
from tracksite.store.local import open_store

GOAL = Goal("f1", "maximize", inferred=False, why="")
SEEDS = ("seed",)
LUCKY = [("1", 0.99), ("1", 0.1), ("2", 0.8), ("2", 0.9)]


def swept(rows, **fields):
    """Return runs of (lr, value) pairs that share all else but their seeds."""
    return frame_of(
        *(
            patch(
                f"r{at}",
                {"lr": lr, "seed": at, "layers": 3},
                {"f1": value},
                started_at=later(at),
                **{name: values[at] for name, values in fields.items()},
            )
            for at, (lr, value) in enumerate(rows)
        )
    )


def hero(runs):
    """Return the hero of these runs."""
    return heroes.hero(runs, GOAL, repeats(runs, GOAL, seed_params=SEEDS), SEEDS)


def test_the_best_setting_is_that_of_the_lead():
    """The value at the head is the mean of the setting that leads, named by what varies."""
    found = hero(swept(LUCKY))
    assert found.value == found.setting.mean == found.lead.best_mean == pytest.approx(0.85)
    assert (found.setting.label, found.setting.count) == ("lr 2", 2)
    assert (found.run_id, found.run_value, found.setting.has_best_run) == ("r0", 0.99, False)


def test_without_repeats_the_best_run_says_it_all():
    """Where no setting was repeated there is no mean to show."""
    found = hero(swept([("1", 0.5), ("2", 0.7)]))
    assert (found.setting, found.value, found.run_id) == (None, 0.7, "r1")
    assert found.lead.verdict == "unknown"


def test_runs_that_share_the_first_rank_are_counted():
    """Of equal runs the newest is named, and how many others there are."""
    found = hero(swept([("1", 0.5), ("2", 0.7), ("3", 0.7)]))
    assert (found.run_id, found.others) == ("r2", 1)


def test_commits_tell_settings_apart_by_name():
    """Where the code varied, the label says of which commit the best setting is."""
    commits = ["a" * 40, "a" * 40, "b" * 40, "b" * 40]
    rows = [("1", 0.5), ("1", 0.5), ("1", 0.7), ("1", 0.8)]
    assert hero(swept(rows, git_commit=commits)).setting.label == "commit bbbbbbbb"


def test_no_run_that_counts_no_hero():
    """Runs that did not finish come to nothing yet."""
    assert hero(swept([("1", 0.5)], status=["failed"])) is None


def test_what_all_runs_share_is_told_from_what_some_have():
    """A param that a run lacks is not the same in all; what one run alone has is not listed."""
    rows = [{"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 1}, {"a": 1}]
    runs = frame_of(*(patch(f"r{at}", params) for at, params in enumerate(rows)))
    made = board(runs, None)
    assert made.same == (("a", "1", 3), ("b", "1", 2))
    assert made.column("params.a").same
    assert not made.column("params.b").same


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The text of the page of an experiment whose best run is of another setting than the best."""
    folder = tmp_path_factory.mktemp("hero")
    store = open_store(folder / "runs", create=True)
    for at, (lr, value) in enumerate([*LUCKY, ("3", 2.0)]):
        writer = store.open_writer(new_run_id())
        params = {"lr": lr, "seed": str(at), "model": "x"} | ({"extra": "1"} if at < 2 else {})
        status = "failed" if lr == "3" else "finished"
        writer.patch(experiment="e", status=status, params=params, name=f"run {at}")
        writer.point("f1", value, 0, 1)
        writer.close()
    site.build(folder / "runs", folder / "site")
    texts = ((folder / "site" / it).read_text() for it in ("index.html", experiment_page("e")))
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)) for text in texts]


def test_home_and_experiment_say_the_same(page):
    """Both show the mean of the best setting, name it, and show the best run beside it."""
    home, experiment = page
    for text in page:
        assert "mean of 2 runs" in text
        assert "lr 2" in text
    assert re.search(
        r"↑ more is better 0.85 mean of 2 runs: extra –, lr 2 best run 0.99 by run 0", home
    )
    assert re.search(r"Best run 0.99 run 0 , of another setting", experiment)
    assert "The best run is of another setting, which is worse on average." in experiment
    assert "1 run did not finish and has no rank." in experiment


def test_the_page_says_in_how_many_runs_a_param_is_the_same(page):
    """Only what all runs have is the same in all runs."""
    assert "Same in all runs: model = x" in page[1]
    assert "Same in the runs that have it: extra = 1 (in 2 of 5)" in page[1]
