"""What is done with one tracker, in a process of its own.

python -m benchmarks.trials TOOL TRIAL FOLDER SETTINGS   writes FOLDER/TRIAL.json

SETTINGS is JSON: the keyword arguments of the trial. FOLDER/data is the tool's.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import statistics
import struct
import sys
import time
from array import array
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchmarks.tools import Run, Start, Tool

CHUNK = 50  # calls between two looks at the clock
MOST_CALLS = 1_000_000
KEYS = tuple(f"metric_{number}" for number in range(10))
PARAMS = {"lr": 0.1, "layers": 3, "seed": 1}
METRICS = {"loss": 0.1, "accuracy": 0.9, "precision": 0.8, "recall": 0.7}
BEGIN, END = "/benchmark-begin", "/benchmark-end"  # a trace shows that we asked for these names


def main() -> None:
    """Do one trial."""
    name, trial, folder, settings = sys.argv[1:]
    tool = next(tool for tool in TOOLS if tool.name == name)
    data = Path(folder) / "data"
    data.mkdir(parents=True, exist_ok=True)
    answer = TRIALS[trial](tool, data, **json.loads(settings))
    (Path(folder) / f"{trial}.json").write_text(json.dumps(answer))


def speed(
    tool: Tool, data: Path, *, seconds: float, repeats: int, byte_calls: int
) -> dict[str, Any]:
    """Time calls, runs of them, and how long one point takes to be safe."""
    start = tool.begin(data)
    warm = start()
    for step in range(CHUNK):
        warm.one("loss", 0.5, step)
        warm.many(dict.fromkeys(KEYS, 0.5), step)
    warm.finish()
    return {
        "one": _rate(start(), seconds, 1),
        "ten": _rate(start(), seconds, len(KEYS)),
        "call": _calls(start(), 2.5 * seconds),
        "safe": [_until_safe(start()) for _ in range(repeats)],
        "bytes": _bytes(start, data, byte_calls, 4 * seconds),
    }


def _rate(run: Run, seconds: float, metrics: int) -> dict[str, float]:
    """Return points per second: of the calls alone, and of the calls and the run's end."""
    calls, logging = _log(run, seconds, metrics, MOST_CALLS)
    begun = time.perf_counter()
    run.finish()
    ended = time.perf_counter() - begun
    points = calls * metrics
    return {"calls": points / logging, "saved": points / (logging + ended)}


def _log(run: Run, seconds: float, metrics: int, most: int) -> tuple[int, float]:
    """Log for some seconds; return how many calls it were and how long they took."""
    rows = _rows(metrics)
    log: Callable[[Any, int], object] = partial(run.one, "loss") if metrics == 1 else run.many
    done = 0
    begun = time.perf_counter()
    while done < most and time.perf_counter() - begun < seconds:
        for step, row in enumerate(rows, done):
            log(row, step)
        done += len(rows)
    return done, time.perf_counter() - begun


def _rows(metrics: int) -> list[Any]:
    values = random.Random(0)
    if metrics == 1:
        return [values.random() for _ in range(CHUNK)]
    return [{key: values.random() for key in KEYS} for _ in range(CHUNK)]


def _calls(run: Run, seconds: float) -> dict[str, float]:
    """Return the percentiles of one call in ns, and what reading the clock adds to each."""
    took, clock = array("q"), time.perf_counter_ns
    values, one = _rows(1), run.one
    end = clock() + round(1e9 * seconds)
    while clock() < end and len(took) < MOST_CALLS:
        for step, value in enumerate(values, len(took)):
            begun = clock()
            one("loss", value, step)
            took.append(clock() - begun)
    run.finish()
    ordered = sorted(took)
    shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    found = {name: ordered[round(share * (len(ordered) - 1))] for name, share in shares.items()}
    return {**found, "count": len(ordered), "timer": _timer()}


def _timer() -> float:
    clock, took = time.perf_counter_ns, array("q")
    for _ in range(10_000):
        begun = clock()
        took.append(clock() - begun)
    return statistics.median(took)


def _until_safe(run: Run) -> float:
    """Return the seconds from a point until the tool's strongest call returns."""
    run.one("loss", 0.5, 0)
    begun = time.perf_counter()
    _make_safe(run, 1)
    taken = time.perf_counter() - begun
    _finish(run)
    return taken


def _make_safe(run: Run, step: int) -> None:
    run.one("loss", 0.25, step)
    run.safe()


def _finish(run: Run) -> None:
    if run.safe is not run.finish:
        run.finish()


def _bytes(start: Start, data: Path, calls: int, seconds: float) -> dict[str, float]:
    """Return what ten metrics a call leave on disk once the run has ended, per point."""
    before, run = _size(data), start()
    values, done, end = random.Random(1), 0, time.perf_counter() + seconds
    while done < calls and time.perf_counter() < end:
        run.many({key: values.random() for key in KEYS}, done)
        done += 1
    run.finish()
    points = done * len(KEYS)
    return {"each": (_size(data) - before) / points, "points": points}


def _size(folder: Path) -> int:
    """Return the bytes of all files; one that vanishes as we look is no part of the result."""
    sizes = 0
    for path in folder.rglob("*"):
        try:
            sizes += path.lstat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return sizes


def short(tool: Tool, data: Path, *, runs: int, slow_s: float) -> dict[str, Any]:
    """Start and finish short runs; a tenth of them where all would take longer than `slow_s`."""
    start = tool.begin(data)
    _short(start)
    begun, done = time.perf_counter(), 0
    for part in _parts(runs):
        for _ in range(part):
            _short(start)
        done += part
        taken = time.perf_counter() - begun
        if taken / done * runs > slow_s:
            break
    return {"runs": done, "each": taken / done}


def _parts(runs: int) -> Iterator[int]:
    yield max(1, runs // 10)
    yield runs - max(1, runs // 10)


def _short(start: Start) -> None:
    run = start()
    run.params(PARAMS)
    run.many(METRICS, 0)
    run.finish()


def traced(tool: Tool, data: Path) -> dict[str, Any]:
    """Make one point safe between two marks that a trace of system calls shows."""
    run = tool.begin(data)()
    run.one("loss", 0.5, 0)
    os.access(BEGIN, os.F_OK)
    _make_safe(run, 1)
    os.access(END, os.F_OK)
    _finish(run)
    return {}


def paced(tool: Tool, data: Path, *, per_second: int, most_s: float) -> dict[str, Any]:
    """Log at a steady pace until killed; `acknowledged` beside the data counts finished calls."""
    run = tool.begin(data)()
    with (data.parent / "acknowledged").open("w+b") as file:
        file.truncate(8)
        with mmap.mmap(file.fileno(), 8) as count:
            begun = time.perf_counter()
            for step in range(round(most_s * per_second)):
                run.one("loss", 0.5, step)
                struct.pack_into("<Q", count, 0, step + 1)
                time.sleep(max(0.0, begun + (step + 1) / per_second - time.perf_counter()))
    return {}


def count(tool: Tool, data: Path) -> dict[str, Any]:
    """Count the points that are found in the tool's files."""
    return {"points": tool.count(data)}


TRIALS: Mapping[str, Callable[..., Any]] = {
    "speed": speed,
    "short": short,
    "traced": traced,
    "paced": paced,
    "count": count,
}


if __name__ == "__main__":
    main()
