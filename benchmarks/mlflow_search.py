"""MLflow's `search_runs` on SQLite: `python -m benchmarks.mlflow_search FOLDER RUNS`.

MLflow makes its tables itself; the rows are inserted directly, because logging them would take
hours. Prints one line of JSON: seconds of the best 50 runs and of all of them as a frame.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow

from benchmarks.asked import REPEATS
from benchmarks.bulk import KEYS, METRIC, PARAMS, POINTS
from benchmarks.measure import seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = {
    "runs": "run_uuid name source_type source_name entry_point_name source_version user_id status "
    "start_time end_time deleted_time lifecycle_stage artifact_uri experiment_id",
    "params": "key value run_uuid",
    "tags": "key value run_uuid",
    "latest_metrics": "key value timestamp step is_nan run_uuid",
}


def main() -> None:
    """Make the store and ask it."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    path = folder / "mlflow.db"
    mlflow.set_tracking_uri(f"sqlite:///{path}")
    experiment = mlflow.create_experiment("benchmark", folder.as_uri())
    _insert(path, experiment, count)
    times: dict[str, list[float]] = {"best 50": [], "all": []}
    for _ in range(REPEATS):
        for name, most in (("best 50", 50), ("all", count)):
            times[name].append(seconds(lambda most=most: _search(experiment, most)))
    print(json.dumps(times))


def _search(experiment: str, most: int) -> None:
    order = [f"metrics.`{METRIC}` ASC"]
    found = mlflow.search_runs([experiment], order_by=order, max_results=most)
    if len(found) != most:
        raise RuntimeError(f"MLflow found {len(found)} runs of {most}")


def _insert(path: Path, experiment: str, count: int) -> None:
    ids = [f"{number:032x}" for number in range(count)]
    runs = [
        (one, f"run {number}", "LOCAL", "", "", "", "ada", "FINISHED", 60_000 * number,
         60_000 * number + 50_000, "", "active", "", experiment)
        for number, one in enumerate(ids)
    ]  # fmt: skip
    params = [(f"param_{n}", str((number + n) % 5), one)
              for number, one in enumerate(ids) for n in range(PARAMS)]  # fmt: skip
    tags = [("team", "vision" if number % 2 else "speech", one) for number, one in enumerate(ids)]
    latest = [(key, (number * 7919 % 1000) / 1000, 0, POINTS - 1, False, one)
              for number, one in enumerate(ids) for key in KEYS]  # fmt: skip
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        for table, rows in (("runs", runs), ("params", params), ("tags", tags)):
            _fill(database, table, rows)
        _fill(database, "latest_metrics", latest)


def _fill(database: sqlite3.Connection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    columns = COLUMNS[table]
    marks = ", ".join("?" * len(columns.split()))
    names = ", ".join(columns.split())
    database.executemany(f"insert into {table} ({names}) values ({marks})", rows)


if __name__ == "__main__":
    main()
