"""The benchmarks still run; how fast anything is, they say themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.__main__ import TOPICS
from benchmarks.measure import Result, table

ROOT = Path(__file__).parents[1]


def _bench(*words):
    command = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_each_topic_gives_numbers(tmp_path):
    """A quick run measures every topic, prints a line for each result and writes them as JSON."""
    done = _bench("--quick", "--json", str(tmp_path / "results.json"))
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "results.json").read_text())
    results = document["results"]
    assert {it["topic"] for it in results} == set(TOPICS)
    assert all(0 < it["low"] <= it["median"] <= it["high"] for it in results)
    for it in results:
        assert it["name"] in done.stdout


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
