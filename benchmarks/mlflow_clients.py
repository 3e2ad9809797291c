"""MLflow's clients on a tracksite store, beside its own SQLite and file stores, in turns."""

from __future__ import annotations

import contextlib
import logging
import os
import time
import warnings
from typing import TYPE_CHECKING

from benchmarks.measure import Result, ahead, result, seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.sizes import Size

    Case = Callable[[str, int], object]

TOPIC = "mlflow"
OURS = "tracksite"
REPEATS = 3


def measure(folder: Path, size: Size) -> list[Result]:
    """Return how long the same client calls take on each store, ours first."""
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    uris = {
        OURS: f"tracksite:{folder}/runs",
        "SQLite": f"sqlite:///{folder}/mlflow.db",
        "files": f"file:{folder}/files",  # not ./mlruns: SQLite's artifacts are there
    }
    quick = size.name == "quick"
    counts = {"batch": 2, "metric": 20, "run": 3, "search": (10,), "grid": 1}
    if not quick:
        counts = {"batch": 50, "metric": 1000, "run": 1000, "search": (1000, 10_000), "grid": 1}
    with warnings.catch_warnings(), contextlib.chdir(folder):
        warnings.simplefilter("ignore")
        found = [
            *_compared("log_batch of 1,000 metrics", _batches, uris, counts["batch"]),
            *_compared("log_metric", _metrics, uris, counts["metric"]),
            *_compared("short run: 5 params, 5 metrics", _runs, uris, counts["run"]),
            *_compared("GridSearchCV with autolog", _grid, uris, counts["grid"], unit="s"),
        ]
        for runs in counts["search"]:
            _fill(uris, runs)
            found += _compared(f"search of {runs:,} runs", _search, uris, runs, unit="s", per=1)
    return found


def _compared(
    name: str, case: Case, uris: dict[str, str], count: int, *, unit: str = "ms", per: int = 0
) -> list[Result]:
    """Time one case on each store in turns; values are per call."""
    repeats = 1 if count >= 1000 and not per else REPEATS
    times: dict[str, list[float]] = {store: [] for store in uris}
    for _ in range(repeats):
        for store, uri in uris.items():
            scale = 1000 if unit == "ms" else 1
            spent = seconds(lambda uri=uri: case(uri, count))
            times[store].append(spent * scale / (per or count))
    return [
        Result(**{**result(TOPIC, f"{name}, {store}", spent, unit).__dict__, "ahead": place})
        for store, spent in times.items()
        for place in ["" if store == OURS else ahead(times[OURS], spent)]
    ]


def _client(uri: str) -> object:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _batches(uri: str, count: int) -> None:
    from mlflow.entities import Metric

    client = _client(uri)
    run_id = client.create_run(_experiment(uri, "batches")).info.run_id
    now = time.time_ns() // 1_000_000
    for step in range(count):
        points = [Metric(f"m{n}", float(step), now, step) for n in range(1000)]
        client.log_batch(run_id, points)
    client.set_terminated(run_id)


def _metrics(uri: str, count: int) -> None:
    client = _client(uri)
    run_id = client.create_run(_experiment(uri, "metrics")).info.run_id
    for step in range(count):
        client.log_metric(run_id, "loss", 1 / (step + 1), step=step)
    client.set_terminated(run_id)


def _runs(uri: str, count: int) -> None:
    _short_runs(uri, count, "short")


def _short_runs(uri: str, count: int, experiment: str) -> None:
    from mlflow.entities import Metric, Param

    client, place = _client(uri), _experiment(uri, experiment)
    for number in range(count):
        run_id = client.create_run(place).info.run_id
        params = [Param(f"p{n}", str(number % (n + 2))) for n in range(5)]
        client.log_batch(run_id, [Metric(f"m{n}", number / 7, 1, 0) for n in range(5)], params)
        client.set_terminated(run_id)


def _fill(uris: dict[str, str], count: int) -> None:
    for uri in uris.values():
        _short_runs(uri, count - len(_found(uri, "search", count)), "search")


def _found(uri: str, experiment: str, count: int) -> list[object]:
    client, found, token = _client(uri), [], None
    while len(found) < count:
        page = client.search_runs([_experiment(uri, experiment)], page_token=token)
        found += page
        token = page.token
        if not token:
            break
    return found


def _search(uri: str, count: int) -> None:
    client = _client(uri)
    place = _experiment(uri, "search")
    client.search_runs([place], "metrics.m0 > 10 and params.p0 = '1'", order_by=["metrics.m1 DESC"])
    _found(uri, "search", count)


def _grid(uri: str, count: int) -> None:
    import mlflow
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    mlflow.set_experiment("grid")
    mlflow.sklearn.autolog(silent=True, max_tuning_runs=None, log_models=False)
    points = np.random.default_rng(0).normal(size=(200, 4))
    labels = (points[:, 0] > 0).astype(int)
    grid = {"C": [0.01, 0.1, 1.0, 10.0], "tol": [1e-4, 1e-3, 1e-2]}
    for _ in range(count):
        with mlflow.start_run():
            GridSearchCV(LogisticRegression(), grid, cv=2).fit(points, labels)


def _experiment(uri: str, name: str) -> str:
    client = _client(uri)
    found = client.get_experiment_by_name(name)
    return client.create_experiment(name) if found is None else found.experiment_id
