"""What is asked of a store, in a process of its own: `python -m benchmarks.asked QUESTION STORE …`.

Prints one line of JSON. Times are in seconds and leave the imports out.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.bulk import METRIC, loose, packed, run_id
from benchmarks.measure import seconds
from tracksite.query.curves import history as history_of
from tracksite.query.search import search
from tracksite.store.local import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REPEATS = 3
BEST = [f"metrics.{METRIC}"]


def imports(_store: Path) -> dict[str, Any]:
    """Do nothing: what the interpreter and the libraries take."""
    return {}


def make(store: Path, form: str, count: str, points: str) -> dict[str, Any]:
    """Make a store, loose or packed."""
    maker = {"loose": loose, "packed": packed}[form]
    return {"seconds": seconds(lambda: maker(store, int(count), int(points)))}


def pack(store: Path) -> dict[str, Any]:
    """Pack a store and remove the parts."""
    from tracksite.store import packing

    return {"seconds": seconds(lambda: packing.pack(store, grace_s=0))}


def board(store: Path) -> dict[str, Any]:
    """Take a snapshot and ask for the best 50 runs, and for all of them; again and again."""
    rounds = [_board_once(store) for _ in range(REPEATS)]
    return {name: [times[name] for times in rounds] for name in rounds[0]}


def _board_once(store: Path) -> dict[str, float]:
    begun = time.perf_counter()
    snapshot = open_store(store).snapshot()
    times = {"snapshot": time.perf_counter() - begun}
    for name, most in (("best 50", 50), ("all", len(snapshot.stamps))):
        begun = time.perf_counter()
        search(snapshot, order_by=BEST, max_results=most)
        times[name] = time.perf_counter() - begun
    return times


def history(store: Path) -> dict[str, Any]:
    """Read the longest metric of the first run, from opening the store on."""
    run, rows = run_id(0), [0]

    def read() -> None:
        snapshot = open_store(store).snapshot([run])
        rows[0] = history_of(snapshot, run, METRIC).height

    return {"seconds": [seconds(read) for _ in range(REPEATS)], "rows": rows[0]}


def build(store: Path, site: str) -> dict[str, Any]:
    """Build the site once."""
    from tracksite import config
    from tracksite import site as sites

    written: list[int] = []

    def once() -> None:
        written.append(len(sites.build(store, Path(site), settings=config.Settings()).written))

    return {"seconds": seconds(once), "files": written[0]}


QUESTIONS: Mapping[str, Callable[..., Any]] = {
    "imports": imports,
    "make": make,
    "pack": pack,
    "board": board,
    "history": history,
    "build": build,
}

if __name__ == "__main__":
    print(json.dumps(QUESTIONS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])))
