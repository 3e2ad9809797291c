"""Stores of thousands of runs, loose and packed: packing, questions, builds, and peak memory.

Everything is done in a process of its own; its times leave the imports out, and its peak memory
has them in it. This process stays small: Linux counts what a parent held at the fork as that of
its child.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks import bulk
from benchmarks.measure import Result, ahead, child, result
from benchmarks.others import PYTHON, QUIET, ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.sizes import Size

LOOSE_BUILT = 10_000  # a build packs what has more loose parts than a few thousand anyway
MLFLOW_RUNS = 10_000
CHANGES = 3


def measure(folder: Path, size: Size) -> list[Result]:
    """Make the stores, one size after the other, and ask them."""
    _, memory = _ask("imports", folder / "no store")
    results = [_row("imports alone, peak memory", [memory], "MB")]
    for count in size.stores:
        place = folder / str(count)
        place.mkdir(parents=True)
        results += _of_size(place, count, size)
        shutil.rmtree(place)
    return results


def _of_size(place: Path, count: int, size: Size) -> list[Result]:
    _say(f"{count:,} runs")
    if count > size.loose:
        _say("not made loose: that takes minutes, ask for it with --large")
        made = _made(place, "packed", count, size)
        return [made, *_asked(place, "packed", count, size)]
    results = [_made(place, "loose", count, size), *_asked(place, "loose", count, size)]
    (place / "loose").rename(place / "packed")
    results += _packing(place / "packed", count, size.history)
    return [*results, *_asked(place, "packed", count, size)]


def _made(place: Path, form: str, count: int, size: Size) -> Result:
    answer, memory = _ask("make", place / form, form, str(count), str(size.history))
    note = f"not synced; peak {memory:,.0f} MB"
    return _row(f"{count:,} runs, {form}: made", [answer["seconds"]], "s", note)


def _packing(root: Path, count: int, history: int) -> list[Result]:
    loose = sum(entry.stat().st_size for entry in os.scandir(root / "log"))
    points = len(bulk.KEYS) * bulk.POINTS * count + history - bulk.POINTS
    answer, memory = _ask("pack", root)
    taken = answer["seconds"]
    smaller = sum(entry.stat().st_size for entry in os.scandir(root / "packs")) / 1e6
    name = f"{count:,} runs: packed"
    return [
        _row(name, [count / taken], "runs/s", f"{taken:.3g} s, peak {memory:,.0f} MB"),
        _row(name, [points / taken], "points/s", f"{points:,} points"),
        _row(name, [loose / 1e6 / taken], "MB/s", f"{loose / 1e6:,.3g} MB become {smaller:,.3g}"),
    ]


def _asked(place: Path, form: str, count: int, size: Size) -> list[Result]:
    """Return what questions and builds take on one store."""
    store, name = place / form, f"{count:,} runs, {form}"
    _say(f"{name}: questions")
    board, memory = _ask("board", store)
    history, history_memory = _ask("history", store)
    both = [sum(pair) for pair in zip(board["snapshot"], board["best 50"], strict=True)]
    results = [
        _row(f"{name}: first snapshot", board["snapshot"][:1], "s", "hashes of parts are checked"),
        _row(f"{name}: snapshot", board["snapshot"][1:], "s"),
        _row(f"{name}: leaderboard query", board["best 50"], "s", "fold, order, best 50"),
        _row(f"{name}: … and its snapshot", both[1:], "s", f"peak {memory:,.0f} MB"),
        _row(f"{name}: all runs as a table", board["all"], "s"),
        _row(
            f"{name}: one run's history",
            history["seconds"],
            "s",
            f"{history['rows']:,} points; peak {history_memory:,.0f} MB",
        ),
    ]
    if form == "packed" and size.others and count <= MLFLOW_RUNS:
        results += _beside_mlflow(place, count, both[1:], board)
    if count <= (size.built if form == "packed" else min(size.built, LOOSE_BUILT)):
        results += _builds(place, store, name)
    return results


def _beside_mlflow(
    place: Path, count: int, both: Sequence[float], board: dict[str, list[float]]
) -> list[Result]:
    """Ask MLflow on SQLite the same; our times are those with the snapshot."""
    if not PYTHON.exists():
        _say("without MLflow's search_runs: make bench-others installs it")
        return []
    folder = place / "mlflow"
    folder.mkdir()
    words = ("benchmarks.mlflow_search", str(folder), str(count))
    answer, memory = _child(PYTHON, *words, cache=folder)
    everything = [sum(it) for it in zip(board["snapshot"], board["all"], strict=True)][1:]
    rows = []
    for name, ours in (("best 50", both), ("all", everything)):
        theirs = answer[name][1:]
        note = f"search_runs; ours with its snapshot; peak {memory:,.0f} MB"
        row = _row(f"{count:,} runs, MLflow SQLite: {name}", theirs, "s", note)
        rows.append(replace(row, ahead=ahead(ours, theirs)))
    return rows


def _builds(place: Path, store: Path, name: str) -> list[Result]:
    """Build from scratch, with nothing new, and after each of some new runs."""
    _say(f"{name}: builds")
    site = place / "site"
    shutil.rmtree(site, ignore_errors=True)
    build = partial(_ask, "build", store, str(site))
    full = build()
    same = [build() for _ in range(CHANGES)]
    new = [(_add_run(store), build())[1] for _ in range(CHANGES)]
    rows = []
    for what, answers in (("full build", [full]), ("nothing new", same), ("one new run", new)):
        times = [answer["seconds"] for answer, _ in answers]
        peak = max(memory for _, memory in answers)
        note = f"{answers[0][0]['files']:,} files; peak {peak:,.0f} MB"
        rows.append(_row(f"{name}: {what}", times, "s", note))
    return rows


def _add_run(store: Path) -> None:
    import tracksite

    tracksite.set_tracking_uri(store)
    with tracksite.start_run(experiment=bulk.EXPERIMENT):
        tracksite.log_params({"lr": 0.1, "layers": 3, "seed": 0})
        for step in range(bulk.POINTS):
            tracksite.log_metrics(dict.fromkeys(bulk.KEYS, 0.5), step)
    tracksite.set_tracking_uri(None)


def _ask(question: str, store: Path, *words: str) -> tuple[Any, float]:
    """Return the answer to a question of `benchmarks.asked`, and the peak memory in MB."""
    words = ("benchmarks.asked", question, str(store), *words)
    return _child(sys.executable, *words, cache=store.parent / "cache")


def _child(python: str | Path, *words: str, cache: Path) -> tuple[Any, float]:
    env = {**os.environ, **QUIET, "XDG_CACHE_HOME": str(cache)}
    written, _, memory = child([str(python), "-m", *words], cwd=ROOT, env=env)
    return json.loads(written), memory


def _row(name: str, values: Sequence[float], unit: str, note: str = "") -> Result:
    return result("scale", name, values, unit, note)


def _say(what: str) -> None:
    print(f"  {what}", file=sys.stderr, flush=True)
