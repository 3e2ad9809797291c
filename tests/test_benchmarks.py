"""The benchmarks still run; how fast anything is, they say themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import tracksite
from benchmarks import bulk
from benchmarks.__main__ import TOPICS
from benchmarks.measure import Result, ahead, table
from benchmarks.tools import OURS, TOOLS
from tracksite.query.curves import history
from tracksite.query.search import search

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def no_tracking_uri():
    """Adapters set the store that this process logs to."""
    yield
    tracksite.set_tracking_uri(None)


def _bench(*words):
    command = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """One quick run of all topics: what was printed, and the results as JSON."""
    file = tmp_path_factory.mktemp("quick") / "results.json"
    done = _bench("--quick", "--json", str(file))
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(file.read_text())["results"]


def test_each_topic_gives_numbers(quick):
    """A quick run measures every topic, prints a line for each result and writes them as JSON."""
    printed, results = quick
    assert {it["topic"] for it in results} == set(TOPICS)
    for it in results:
        assert 0 <= it["low"] <= it["median"] <= it["high"]
        assert it["median"] > 0 or it["unit"] == "points"  # lost: ours loses none
        assert it["name"] in printed


def test_unknown_topic_is_refused_with_the_known_ones():
    """A topic that does not exist is an error that lists those that do."""
    done = _bench("speed")
    assert done.returncode == 2
    assert "there is no topic 'speed'" in done.stderr
    assert all(topic in done.stderr for topic in TOPICS)


def test_table_lines_its_columns_up():
    """Every line of the table has its columns in the same places."""
    lines = table(
        [Result("a", "b", 1, 0.5, 20_000, "s"), Result("long", "name", 2, 1, 3, "ms", "x")]
    )
    first, second = lines.splitlines()[2:]
    assert first.index(" s") + 1 == second.index("ms")


def test_every_tool_is_measured_for_the_same(quick):
    """Ours and each tool that needs nothing have a line in each measure; theirs says the ratio."""
    lines: dict[str, dict[str, dict[str, object]]] = {}
    for it in quick[1]:
        if it["topic"] == "others":
            measure, _, tool = it["name"].rpartition(": ")
            lines.setdefault(measure, {})[tool] = it
    names = [tool.name for tool in TOOLS if not tool.package]
    for measure, found in lines.items():
        assert list(found) == names, measure
        assert not found[OURS.name]["ahead"]
        rest = [bool(found[name]["ahead"]) for name in names[1:]]
        assert all(rest) or measure.startswith("lost"), measure
    assert lines["lost by SIGKILL"][OURS.name]["high"] == 0


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if not tool.package])
def test_adapter_logs_what_it_is_given(tool, tmp_path):
    """What an adapter logs is found by the count that a kill is judged by."""
    run = tool.begin(tmp_path)()
    for step in range(7):
        run.one("loss", 0.5, step)
    run.safe()
    run.finish()
    assert tool.count(tmp_path) == 7


def test_packed_store_is_what_packing_a_loose_one_gives(tmp_path):
    """The two makers of large stores make the same runs with the same points."""
    stores = [
        make(tmp_path / make.__name__, 3, 100).snapshot() for make in (bulk.loose, bulk.packed)
    ]
    boards = [search(snapshot) for snapshot in stores]
    assert boards[0].equals(boards[1])
    curves = [history(snapshot, bulk.run_id(0), bulk.METRIC) for snapshot in stores]
    assert curves[0].height == 100
    assert curves[0].equals(curves[1])


def test_ratio_says_who_is_ahead():
    """A ratio is the median of the rounds, and says so where ours is behind."""
    assert ahead([1.0, 1.0, 1.0], [2.0, 4.0, 3.0]) == "×3"
    assert ahead([2.0], [4.0], more_is_better=True) == "×0.5, behind"
