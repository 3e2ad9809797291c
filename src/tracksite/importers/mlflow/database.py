"""SQLite databases of MLflow 1 to 3, read by Python's own sqlite3 and never written.

Tables and columns are those of MLflow's migrations; an older database lacks some of both. Runs are
read in order of id, and what belongs to them beside them, so that memory holds one run.
"""

from __future__ import annotations

import math
import sqlite3
from functools import wraps
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from tracksite.errors import NotFoundError
from tracksite.importers.entry import UnreadableError
from tracksite.importers.mlflow import values
from tracksite.importers.mlflow.places import Places
from tracksite.importers.mlflow.records import (
    Experiment,
    LoggedModel,
    RegisteredModel,
    Run,
    SeriesKey,
    Version,
    skipping,
)
from tracksite.tracking import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tracksite.importers.entry import Series

    Skip = Callable[[str], None]
    Row = dict[str, Any]
    Point = tuple[Any, Any, Any, Any, Any, Any]

Record = TypeVar("Record")
_LARGEST = 1.7976931348623157e308  # what MLflow writes for an infinity
_MODEL_STATUS = {0: "UNSPECIFIED", 1: "PENDING", 2: "READY", 3: "FAILED"}
_BUSY_S = 30.0


def _until_damage(
    read: Callable[[Database, Skip], Iterator[Record]],
) -> Callable[[Database, Skip], Iterator[Record]]:
    """Let a reader end, and say so, where a page of the database is damaged."""

    @wraps(read)
    def whole(database: Database, skip: Skip) -> Iterator[Record]:
        try:
            yield from read(database, skip)
        except sqlite3.Error as error:
            skip(
                f"the {read.__name__.replace('_', ' ')} from here on were skipped: the database "
                f"is damaged ({error}), which `sqlite3 FILE .recover` may mend"
            )

    return whole


class Database:
    """A database of a tracking server, which may be in use."""

    def __init__(self, path: Path, artifacts: Iterable[Path] = ()) -> None:
        """Open a database, and take the folders in which artifacts may be.

        Artifacts are looked for in these and around the database; see `Places.around`.

        Raises:
            NotFoundError: it is no database of MLflow.
        """
        self._places = Places.around(path.absolute().parent, artifacts)
        uri = f"file:{quote(str(path.absolute()))}?mode=ro"
        self._database = sqlite3.connect(uri, uri=True, timeout=_BUSY_S)
        self._database.text_factory = lambda content: content.decode(errors="replace")
        try:
            self._database.execute("PRAGMA trusted_schema = OFF")
            self._columns = self._read_columns()
        except sqlite3.Error as error:
            raise NotFoundError(
                f"{str(path)!r} cannot be read as an SQLite database ({error}): "
                "name the file that MLflow writes."
            ) from error
        if not {"experiments", "runs"} <= self._columns.keys():
            raise NotFoundError(
                f"{str(path)!r} has no tables of MLflow (experiments, runs): name another file."
            )

    def count(self) -> int:
        """Return how many runs there are; 0 where damage hides it."""
        try:
            return int(self._database.execute("SELECT count(*) FROM runs").fetchone()[0])
        except sqlite3.Error:
            return 0

    @_until_damage
    def experiments(self, skip: Skip) -> Iterator[Experiment]:
        """Yield the experiments."""
        tags = _Owned(self._pairs("experiment_tags", "experiment_id"))
        for row in self._rows("experiments", "experiment_id"):
            with skipping(skip, f"experiment {row['experiment_id']}"):
                yield Experiment(
                    str(row["experiment_id"]),
                    str(row["experiment_id"]),
                    values.required(row["name"], "name"),
                    deleted=row.get("lifecycle_stage") == "deleted",
                    created=values.millis(row.get("creation_time")),
                    updated=values.millis(row.get("last_update_time")),
                    tags=values.texts(tags.of(row["experiment_id"]), "tag"),
                )

    @_until_damage
    def runs(self, skip: Skip) -> Iterator[Run]:
        """Yield the runs."""
        params = _Owned(self._pairs("params", "run_uuid"))
        tags = _Owned(self._pairs("tags", "run_uuid"))
        metrics = _Owned(self._points())
        inputs = _Owned(self._datasets())
        links = _Owned(self._links())
        for row in self._rows("runs", "run_uuid"):
            run_id = row["run_uuid"]
            owned = [each.of(run_id) for each in (params, tags, metrics, inputs, links)]
            with skipping(skip, f"run {run_id}"):
                yield self._run(row, owned, skip)
        self._places.tell_missing(skip)

    def _run(self, row: Row, owned: list[list[Any]], skip: Skip) -> Run:
        """Return a run from its row and its params, tags, points, data sets and models."""
        params, tags, metrics, datasets, links = owned
        run_id, uri = str(row["run_uuid"]), values.text(row.get("artifact_uri"))
        return Run(
            run_id,
            str(row.get("experiment_id")),
            name=values.text(row.get("name")),
            user=values.text(row.get("user_id")),
            status=str(row.get("status") or "RUNNING"),
            started=values.millis(row.get("start_time")),
            ended=values.millis(row.get("end_time")),
            deleted=row.get("lifecycle_stage") == "deleted",
            source=values.text(row.get("source_name")),
            commit=values.text(row.get("source_version")),
            artifact_uri=uri,
            params=values.texts(params, "param"),
            tags=values.texts(tags, "tag"),
            series=_run_series(metrics),
            datasets=_with_tags(datasets),
            model_inputs=tuple(str(there) for kind, there, _ in links if kind == "RUN_INPUT"),
            model_outputs={
                str(there): values.whole(step or 0)
                for kind, there, step in links
                if kind == "RUN_OUTPUT"
            },
            files=self._places.files(uri, f"run {run_id}", skip),
        )

    @_until_damage
    def logged_models(self, skip: Skip) -> Iterator[LoggedModel]:
        """Yield the logged models."""
        columns = ("param_key", "param_value"), ("tag_key", "tag_value")
        params = _Owned(self._pairs("logged_model_params", "model_id", *columns[0]))
        tags = _Owned(self._pairs("logged_model_tags", "model_id", *columns[1]))
        metrics = _Owned(self._model_points())
        for row in self._rows("logged_models", "model_id"):
            model_id = row["model_id"]
            owned = [each.of(model_id) for each in (params, tags, metrics)]
            with skipping(skip, f"logged model {model_id}"):
                location = values.text(row.get("artifact_location"))
                yield LoggedModel(
                    str(model_id),
                    str(row["experiment_id"]),
                    values.required(row["name"], "name"),
                    run_id=values.text(row.get("source_run_id")),
                    status=_MODEL_STATUS.get(row.get("status") or 0, "READY"),
                    model_type=values.text(row.get("model_type")),
                    created=values.millis(row.get("creation_timestamp_ms")),
                    updated=values.millis(row.get("last_updated_timestamp_ms")),
                    deleted=row.get("lifecycle_stage") == "deleted",
                    location=location,
                    params=values.texts(owned[0], "param"),
                    tags=values.texts(owned[1], "tag"),
                    series=_model_series(owned[2]),
                    files=self._places.files(location, f"logged model {model_id}", skip),
                )
        self._places.tell_missing(skip)

    @_until_damage
    def registered_models(self, skip: Skip) -> Iterator[RegisteredModel]:
        """Yield the registered models."""
        tags = _Owned(self._pairs("registered_model_tags", "name"))
        aliases = _Owned(self._pairs("registered_model_aliases", "name", "alias", "version"))
        for row in self._rows("registered_models", "name"):
            own_tags, own_aliases = tags.of(row["name"]), aliases.of(row["name"])
            with skipping(skip, f"registered model {row['name']}"):
                yield RegisteredModel(
                    values.required(row["name"], "name"),
                    description=values.text(row.get("description")),
                    created=values.millis(row.get("creation_time")),
                    updated=values.millis(row.get("last_updated_time")),
                    tags=values.texts(own_tags, "tag"),
                    aliases=values.texts(own_aliases, "alias"),
                )

    @_until_damage
    def versions(self, skip: Skip) -> Iterator[Version]:
        """Yield the versions of registered models, those that MLflow says are deleted left out."""
        tags: dict[tuple[Any, Any], list[tuple[Any, Any]]] = {}
        if "model_version_tags" in self._columns:
            query = "SELECT name, version, key, value FROM model_version_tags"
            for name, version, key, value in self._database.execute(query):
                tags.setdefault((name, version), []).append((key, value))
        for row in self._rows("model_versions", "name"):
            if row.get("current_stage") == "Deleted_Internal":
                continue
            with skipping(skip, f"version {row['version']} of model {row['name']}"):
                yield Version(
                    values.required(row["name"], "name"),
                    values.whole(row["version"]),
                    stage=values.text(row.get("current_stage")) or "None",
                    description=values.text(row.get("description")),
                    created=values.millis(row.get("creation_time")),
                    updated=values.millis(row.get("last_updated_time")),
                    source=values.text(row.get("source")),
                    storage=values.text(row.get("storage_location")),
                    run_id=values.text(row.get("run_id")),
                    run_link=values.text(row.get("run_link")),
                    tags=values.texts(tags.get((row["name"], row["version"]), ()), "tag"),
                )

    def _read_columns(self) -> dict[str, set[str]]:
        """Return table → columns; a view could ask for an endless query."""
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        return {
            name: {row[1] for row in self._database.execute(f'PRAGMA table_info("{name}")')}
            for (name,) in self._database.execute(query).fetchall()
            if name.replace("_", "").isalnum()
        }

    def _rows(self, table: str, key: str) -> Iterator[Row]:
        """Yield the rows of a table in order of a key."""
        if table not in self._columns:
            return
        rows = self._database.execute(f"SELECT * FROM {table} ORDER BY {key}")  # noqa: S608 - names are ours
        names = [column[0] for column in rows.description]
        for row in rows:
            yield dict(zip(names, row, strict=True))

    def _select(self, table: str, owner: str, *columns: str) -> Iterator[tuple[Any, ...]]:
        """Yield columns of a table in order of their owner; 0 for a column that it has not."""
        known = self._columns.get(table)
        if known is None:
            return iter(())
        chosen = ", ".join(name if name in known else f"0 AS {name}" for name in columns)
        query = f"SELECT {owner}, {chosen} FROM {table} WHERE {owner} IS NOT NULL ORDER BY {owner}"  # noqa: S608 - names are ours
        return iter(self._database.execute(query))

    def _pairs(
        self, table: str, owner: str, key: str = "key", value: str = "value"
    ) -> Iterator[tuple[Any, ...]]:
        return self._select(table, owner, key, value)

    def _points(self) -> Iterator[tuple[Any, ...]]:
        return self._select("metrics", "run_uuid", "key", "step", "timestamp", "value", "is_nan")

    def _model_points(self) -> Iterator[tuple[Any, ...]]:
        return self._select(
            "logged_model_metrics",
            "model_id",
            *("metric_name", "run_id", "dataset_name", "dataset_digest"),
            *("metric_step", "metric_timestamp_ms", "metric_value"),
        )

    def _datasets(self) -> Iterator[tuple[Any, ...]]:
        """Yield run, input, fields of its data set, tag and value; a row for each tag."""
        if not {"inputs", "datasets", "input_tags"} <= self._columns.keys():
            return iter(())
        return iter(
            self._database.execute(
                "SELECT i.destination_id, i.input_uuid, d.name, d.digest, d.dataset_source_type, "
                "d.dataset_source, d.dataset_schema, d.dataset_profile, t.name, t.value "
                "FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id "
                "LEFT JOIN input_tags t ON t.input_uuid = i.input_uuid "
                "WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' "
                "ORDER BY i.destination_id, i.input_uuid"
            )
        )

    def _links(self) -> Iterator[tuple[Any, ...]]:
        """Yield run, RUN_INPUT or RUN_OUTPUT, logged model and step."""
        found = self._select("inputs", "source_id", "source_type", "destination_id", "step")
        return (row for row in found if row[1] in {"RUN_INPUT", "RUN_OUTPUT"})


class _Owned:
    """Rows that are sorted by their first column, handed out owner by owner."""

    def __init__(self, rows: Iterator[tuple[Any, ...]]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def of(self, owner: Any) -> list[Any]:  # noqa: ANN401 - a text, or a number of an experiment
        """Return the rows of an owner without their first column; owners must be asked in order."""
        found = []
        while self._next is not None and _before(self._next[0], owner):
            self._next = next(self._rows, None)
        while self._next is not None and self._next[0] == owner:
            found.append(self._next[1:])
            self._next = next(self._rows, None)
        return found


def _before(first: Any, second: Any) -> bool:  # noqa: ANN401 - as SQLite has them
    """Compare as SQLite sorts: numbers before texts."""
    ranks = isinstance(first, str), isinstance(second, str)
    return ranks[0] < ranks[1] if ranks[0] != ranks[1] else bool(first < second)


def _value(value: Any, is_nan: Any = 0) -> float:  # noqa: ANN401 - as SQLite has them
    """Return a value: MLflow writes NaN as a mark, and infinities as the largest numbers."""
    if is_nan or value is None:
        return math.nan
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise UnreadableError(f"a metric has the value {check.shorten(value)}") from None
    return math.copysign(math.inf, number) if abs(number) == _LARGEST else number


def _run_series(rows: list[Any]) -> dict[str, Series]:
    groups: dict[Any, list[Any]] = {}
    for key, step, time, value, is_nan in rows:
        groups.setdefault(key, []).append((step, time, _value(value, is_nan)))
    values.texts(((key, "") for key in groups), "metric")
    return {key: values.series(points) for key, points in groups.items()}


def _model_series(rows: list[Any]) -> dict[SeriesKey, Series]:
    groups: dict[SeriesKey, list[Any]] = {}
    for name, run_id, dataset, digest, step, time, value in rows:
        key = SeriesKey(str(name), str(run_id), dataset or "", digest or "")
        groups.setdefault(key, []).append((step, time, _value(value)))
    return {key: values.series(points) for key, points in groups.items()}


def _with_tags(rows: list[Any]) -> tuple[tuple[Row, dict[str, str]], ...]:
    """Return each data set once with its tags."""
    found: dict[Any, tuple[Row, list[Any]]] = {}
    for input_id, *fields, tag, value in rows:
        texts = map(values.text, fields)
        dataset = dict(zip(values.DATASET_FIELDS, texts, strict=True))
        found.setdefault(input_id, (dataset, []))[1].append((tag, value))
    return tuple(
        (dataset, values.texts((pair for pair in tags if pair[0] is not None), "tag"))
        for dataset, tags in sorted(found.values(), key=lambda one: str(itemgetter("name")(one[0])))
    )
