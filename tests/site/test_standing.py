"""Home, the pages of experiments and runs, `ls`, a search and `gc` name the same best run."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

import tracksite
from tracksite import site
from tracksite.cli.app import app
from tracksite.paths import experiment_page, run_page
from tracksite.store.ids import new_run_id
from tracksite.store.local import open_store

NAN, INF = float("nan"), float("inf")
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
# Experiment → its runs in order of time: value of f1, and what else is odd. The best one is "!".
AWKWARD = {
    "plain": [(0.5, {}), (0.9, {"name": "!"}), (0.7, {})],
    "ties": [(0.9, {}), (0.9, {"name": "!"}), (0.7, {})],
    "rounding": [(0.1 + 0.2, {"name": "!"}), (0.3, {}), (0.2, {})],
    "odd values": [(NAN, {}), (INF, {}), (0.5, {"name": "!"}), (-INF, {})],
    "failed": [(0.9, {"status": "failed"}), (0.5, {"name": "!"})],
    "failed with the same": [(0.5, {"name": "!"}), (0.5, {"status": "failed"})],
    "killed": [(0.5, {"name": "!"}), (0.9, {"status": "killed"})],
    "left running": [(0.5, {"name": "!"}), (0.9, {"status": "running"})],
    "deleted": [(0.9, {"deleted": True}), (0.5, {"name": "!"})],
    "nested": [(0.5, {}), (0.8, {"name": "!", "parent": 0}), (0.6, {"parent": 1})],
    "nested alike": [(0.8, {}), (0.8, {"name": "!", "parent": 0})],
    "one seed": [
        (value, {"git_commit": f"c{value}", "name": "!" if value == 0.9 else ""})
        for value in (0.5, 0.9, 0.7, 0.6, 0.8)
    ],
    "all equal": [(0.5, {}), (0.5, {}), (0.5, {"name": "!"})],
    "never began": [(0.5, {"started_at": None}), (0.5, {"name": "!"})],
    "a lucky seed": [
        (0.99, {"name": "!", "params": {"lr": "1", "seed": "0"}}),
        (0.1, {"params": {"lr": "1", "seed": "1"}}),
        (0.8, {"params": {"lr": "2", "seed": "0"}}),
        (0.9, {"params": {"lr": "2", "seed": "1"}}),
    ],
    "a failed repeat": [
        (0.8, {"name": "!", "params": {"lr": "1", "seed": "0"}}),
        (0.1, {"status": "failed", "params": {"lr": "1", "seed": "1"}}),
        (0.9, {"status": "killed", "params": {"lr": "3", "seed": "0"}}),
        (0.7, {"params": {"lr": "2", "seed": "0"}}),
    ],
    "nothing finished": [(0.5, {"status": "failed"}), (0.9, {"status": "killed"})],
}


def log(store, experiment, rows):
    """Log the runs of an experiment, newer ones with ids that may be older."""
    ids = sorted((new_run_id() for _ in rows), reverse=experiment < "m")
    for at, (value, odd) in enumerate(rows):
        fields = {
            "name": f"{experiment} {at}",
            "status": "finished",
            "params": {"seed": "1"},
            **odd,
        }
        fields.setdefault("started_at", BEGAN + timedelta(hours=at))
        parent, deleted = fields.pop("parent", None), fields.pop("deleted", False)
        if parent is not None:
            fields["parent_run_id"] = ids[parent]
        writer = store.open_writer(ids[at])
        writer.patch(experiment=experiment, **fields)
        writer.point("f1", value, 0, 1)
        writer.close()
        if deleted:
            store.write_patch(ids[at], "run", {"deleted": True})
    return next((ids[at] for at, (_, odd) in enumerate(rows) if odd.get("name") == "!"), None)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a store of awkward experiments and its site, and the best run of each."""
    folder = tmp_path_factory.mktemp("standing")
    store = open_store(folder / "runs", create=True)
    best = {name: log(store, name, rows) for name, rows in AWKWARD.items()}
    site.build(folder / "runs", folder / "site")
    return folder, best


def told_by_home(folder, name):
    """Return the run that the card of an experiment links to."""
    page = (folder / "site/index.html").read_text()
    (card,) = (it for it in page.split("<article")[1:] if f">{name}</a></h2>" in it)
    return next(iter(re.findall(r'href="runs/(\w+)/index\.html"', card)), None)


def told_by_experiment(folder, name):
    """Return the best run of the page's head, and the run of the first row if that is ranked 1."""
    page = (folder / "site" / experiment_page(name)).read_text()
    head, table = page.split('id="leaderboard"')[0], page.split("<tbody>")[1]
    stats = next(iter(re.findall(r"runs/(\w+)/index\.html", head)), None)
    row = re.search(r'<td class="num">1</td><th[^>]*><a href="[./]*runs/(\w+)/', table)
    return stats, row and row[1]


def told_by_ls(folder, name):
    """Return the first of the runs that `ls --best` ranks."""
    words = ["ls", str(folder / "runs"), "-e", name, "--best", "--json"]
    first = json.loads(CliRunner().invoke(app, words).stdout)[0]
    return first["run_id"] if first["rank"] == 1 else None


def told_by_search(folder, name):
    """Return the first of the finished runs with a finite value, ordered by it."""
    tracksite.set_tracking_uri(folder / "runs")
    try:
        found = tracksite.search_runs(
            experiment_names=[name],
            filter_string="status = 'finished' and f1 < 1e308 and f1 > -1e308",
            order_by=["metrics.f1 DESC"],
        )
    finally:
        tracksite.set_tracking_uri(None)
    return found["run_id"][0] if found.height else None


def kept_by_gc(folder, name):
    """Return the runs that --keep-best 1 keeps, of those that are not deleted."""
    words = ["gc", str(folder / "runs"), "--older-than", "0h", "--experiment", name]
    words += ["--keep-best", "1", "--dry-run", "--json"]
    gone = {it["run_id"] for it in json.loads(CliRunner().invoke(app, words).stdout)["runs"]}
    snapshot = open_store(folder / "runs").snapshot()
    return set(snapshot.patches.filter(snapshot.patches["experiment"] == name)["run_id"]) - gone


@pytest.mark.parametrize("name", AWKWARD)
def test_all_name_the_same_best_run(made, name):
    """The best run is the same one everywhere, and none where no run counts."""
    folder, best = made
    assert told_by_home(folder, name) == best[name]
    assert told_by_experiment(folder, name) == (best[name], best[name])
    assert told_by_ls(folder, name) == best[name]
    assert told_by_search(folder, name) == best[name]
    kept = kept_by_gc(folder, name)
    assert best[name] in kept if best[name] else len(kept) == 1


def test_run_pages_say_the_ranks_that_the_leaderboard_has(made, page):
    """The page of a run has the rank of its row, and none where the row has none."""
    folder, _ = made
    for name in ("rounding", "failed with the same", "nested alike", "ties"):
        words = ["ls", str(folder / "runs"), "-e", name, "--best", "--json"]
        for run in json.loads(CliRunner().invoke(app, words).stdout):
            page.goto((folder / "site" / run_page(run["run_id"])).as_uri())
            shown = page.locator("[data-standing=rank] .stat-value").inner_text()
            assert shown.split(" ")[0] == str(run["rank"] or "–"), (name, run["name"])


@pytest.mark.parametrize("name", ["failed", "rounding", "ties", "a failed repeat", "odd values"])
def test_rows_stand_alike_with_and_without_javascript(made, new_page, name):
    """Runs without a rank come last and equal ones stay in their order, drawn by either."""
    folder, _ = made
    found = []
    for scripts in (False, True):
        page = new_page(java_script_enabled=scripts)
        page.goto((folder / "site" / experiment_page(name)).as_uri())
        if scripts:
            page.get_by_text(f"{len(AWKWARD[name])} of {len(AWKWARD[name])} runs").wait_for()
        found.append(page.locator(".board-table tbody tr:not(.spacer) .name").all_inner_texts())
    assert found[0] == found[1]


def test_a_setting_stands_by_the_mean_of_its_runs_that_count(made, page):
    """Grouped, a failed repeat spoils no mean, and a setting without a ranked run comes last."""
    folder, _ = made
    page.goto((folder / "site" / experiment_page("a failed repeat")).as_uri())
    page.get_by_label("Group repeats").check()
    rows = page.locator(".board-table tbody tr:not(.spacer)")
    rows.filter(has_text="2 repeats").wait_for()
    values = page.locator(".board-table tbody tr:not(.spacer) td.bar").all_inner_texts()
    assert values == ["0.8", "0.7", "0.9"]


@pytest.mark.parametrize("name", ["ties", "all equal"])
def test_home_does_not_say_that_the_first_run_leads_where_it_names_another(made, name):
    """Of runs with the same best value the newest is named: the first one was not beaten."""
    folder, _ = made
    html = (folder / "site/index.html").read_text()
    card = html[html.index(f">{name}<") :].split("</article>")[0].split("<article")[0]
    assert "no run has beaten the first" in card
    assert "the first measured run leads" not in card
