"""Train both experiments into a store and build their site."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tracksite
from tracksite import config
from tracksite.errors import StateError, TracksiteError
from tracksite.query import runs as query
from tracksite.site import build
from tracksite.store.local import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NEEDED = ("matplotlib", "sklearn", "skops")
COMPLETE = {"key": "demo", "text": "complete"}  # a tag of the experiment that is trained last
SETTINGS = """\
title = "Reading digits"
description = "The demo of tracksite: two experiments on the digits that ship with scikit-learn."

[experiments.digits-forest]
goal = "Read 97 of 100 digits with a forest that is as small as possible."
metric = "f1"
direction = "maximize"
target = 0.97

[experiments.digits-network]
goal = "Find a learning rate that learns fast and does not diverge."
metric = "validation/accuracy"
direction = "maximize"
"""


@dataclass(frozen=True)
class DemoResult:
    """What `run` made.

    Attributes:
        store: the folder of the runs.
        site: the folder of the site; `index.html` is in it.
        trained: how many runs were trained; 0 when a finished demo was there already.
        pages: how many files of the site were written.
    """

    store: Path
    site: Path
    trained: int
    pages: int


def run(folder: Path, progress: Callable[[int, int], None] | None = None) -> DemoResult:
    """Train the demo's runs into `folder/runs` and build their site into `folder/site`.

    A demo that is there already is not trained again; one that was interrupted starts over.

    Args:
        folder: is made where there is none.
        progress: called with the number of runs that are trained, and of all.

    Raises:
        TracksiteError: a library that it needs is not installed.
        StateError: the folder holds other runs, or a demo that is being trained.
    """
    _check_libraries()
    store, pages = folder / "runs", folder / "site"
    trained = 0 if _is_complete(store) else _train(folder, store, progress)
    report = build(store, pages, settings=config.load(folder))
    return DemoResult(store, pages, trained, len(report.written))


def _check_libraries() -> None:
    from importlib.util import find_spec

    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise TracksiteError(
            f"the demo needs {', '.join(missing)}: install them with pip install 'tracksite[demo]'."
        )


def _is_complete(store: Path) -> bool:
    """Tell whether a whole demo is in the store; remove one that was interrupted."""
    from tracksite.demo import forest, network

    if not (store / "store.json").is_file():
        return False
    snapshot = open_store(store).snapshot()
    folded = query.fold(snapshot)
    experiments = query.experiments(folded)
    if not set(experiments["name"]) <= {forest.EXPERIMENT, network.EXPERIMENT} or snapshot.alive:
        what = "a demo that is being trained" if snapshot.alive else "runs that are not the demo's"
        raise StateError(f"{store} holds {what}: name another folder for the demo.")
    if COMPLETE in experiments["tags"].explode().to_list():
        return True
    shutil.rmtree(store)
    return False


def _train(folder: Path, store: Path, progress: Callable[[int, int], None] | None) -> int:
    from tracksite.demo import forest, network

    forests = math.prod(map(len, forest.GRID.values())) * len(forest.SEEDS)
    networks = len(network.RATES) * len(network.ACTIVATIONS) * len(network.SEEDS)
    total, done = forests + networks, 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    folder.mkdir(parents=True, exist_ok=True)
    (folder / config.FILE_NAME).write_text(SETTINGS)
    before = tracksite.get_tracking_uri() if tracksite.is_tracking_uri_set() else None
    tracksite.set_tracking_uri(store)
    try:
        forest.sweep(forest.GRID, forest.SEEDS, worthy=forest.WORTHY_F1, tick=tick)
        network.sweep(
            network.RATES, network.ACTIVATIONS, network.SEEDS, epochs=network.EPOCHS, tick=tick
        )
        forest.promote()
        tracksite.set_experiment_tag(COMPLETE["key"], COMPLETE["text"])
    finally:
        tracksite.set_tracking_uri(before)
    return total
