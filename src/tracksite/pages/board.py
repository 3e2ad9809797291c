"""The leaderboard of one experiment as columns: for the rows in its HTML, and for board.js."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from tracksite import schema
from tracksite.charts.numbers import number
from tracksite.query import leaderboard, long, standing
from tracksite.query.goal import direction_of, directions
from tracksite.query.metric_names import read
from tracksite.query.syntax import DATASET_KEYS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tracksite.query.leaderboard import Goal

MOST_PARAMS, MOST_METRICS = 8, 5  # shown at first; the others wait in the menu of columns
_DIGITS = 5  # significant ones, of the number in the middle of a column
_MOST_DECIMALS, _LARGE = 8, 1e6
_SPECIAL = {math.inf: "Infinity", -math.inf: "-Infinity"}
# Attribute → format of its numbers, or None for text.
_ATTRIBUTES = {
    "rank": "number",
    "name": None,
    "status": None,
    "started_at": "time",
    "ended_at": "time",
    "duration_s": "duration",
    "user": None,
    "source": None,
    "git_commit": None,
    "parent_run_id": None,
    "run_id": None,
    "experiment": None,
}
_LABELS = {"rank": "#", "started_at": "started", "ended_at": "ended", "duration_s": "duration"}
_FAMILIES = {"metrics.": "metric", "params.": "param", "tags.": "tag"}


@dataclass(frozen=True)
class Column:
    """One column of the leaderboard.

    Attributes:
        id: as in `leaderboard.wide`: "params.lr", "metrics.f1", "status".
        label: the name without its family.
        kind: attribute, metric, param or tag.
        format: number, time or duration for numbers, None for text.
        values: one value per run: float, datetime or text, None where it is missing.
        better: of a metric: "maximize" or "minimize", None where neither is known.
    """

    id: str
    label: str
    kind: str
    format: str | None
    values: pl.Series
    better: str | None = None

    @property
    def empty(self) -> bool:
        """Whether no run has it."""
        return self.values.null_count() == self.values.len()

    @property
    def same(self) -> bool:
        """Whether this param, tag or attribute has one value, and all of several runs have it."""
        return self.constant and not self.values.has_nulls()

    @property
    def constant(self) -> bool:
        """Whether it has one value in those of several runs that have it."""
        known = self.values.drop_nulls()
        return self.format is None and known.n_unique() == 1 < self.values.len()

    @cached_property
    def decimals(self) -> int | None:
        """How many decimals all its numbers are written with; None where that suits none."""
        return decimals(self.values) if self.format == "number" else None

    def number(self, value: float | None) -> str:
        """Return one of its numbers as `fixed` writes it."""
        return fixed(value, self.decimals)


@dataclass(frozen=True)
class Board:
    """All runs of an experiment, best first, as columns.

    Attributes:
        columns: in the order in which they are shown.
        shown: ids of those that are shown at first.
        same: params that never vary, as (key, text, how many runs have it), those that all runs
            have first, without those that one run has.
        groups: for each run, the number of its setting; None when no setting has repeats.
        seeds: ids of the params that only repeat a run.
        count: how many runs there are.
        datasets: name, digest and context of every data set that a run read.
        read: for each run, which of these; None for none.
    """

    columns: tuple[Column, ...]
    shown: tuple[str, ...]
    same: tuple[tuple[str, str, int], ...]
    groups: tuple[int, ...] | None
    seeds: tuple[str, ...]
    count: int
    datasets: tuple[tuple[str | None, ...], ...] = ()
    read: tuple[list[int] | None, ...] = ()

    def head(self, count: int) -> list[dict[str, Any]]:
        """Return the first rows, as column id → value, with `run_id` and all shown columns."""
        wanted = {*self.shown, "run_id", "name"}
        chosen = [column for column in self.columns if column.id in wanted]
        lists = [column.values.head(count).to_list() for column in chosen]
        return [
            dict(zip((column.id for column in chosen), row, strict=True))
            for row in zip(*lists, strict=True)
        ]

    def column(self, name: str) -> Column:
        """Return the column with this id."""
        return next(column for column in self.columns if column.id == name)


def decimals(values: pl.Series) -> int | None:
    """Return with how many decimals a column of numbers is written.

    Enough for five significant digits of the median magnitude, less the zeros that all of them
    would end in. None where the median is too large or too small to be written without exponent.
    """
    known = values.cast(pl.Float64).drop_nulls().to_frame("value")
    finite = known.filter(pl.col("value").is_finite() & (pl.col("value").abs() < _LARGE))["value"]
    middle = finite.filter(finite != 0).abs().median()
    if not isinstance(middle, float):
        return 0
    most = _DIGITS - 1 - math.floor(math.log10(middle))
    if most > _MOST_DECIMALS:
        return None
    shown = finite.round(max(0, most))
    enough = (n for n in range(max(0, most)) if (shown.round(n) == shown).all())
    return next(enough, max(0, most))


def fixed(value: float | None, digits: int | None) -> str:
    """Return a number with so many decimals; as `numbers.number` where that would say nothing.

    That is where `digits` is None, the value is a million or more, or all its digits would be 0.
    `tracksiteBoard.fixed` follows the same rule.
    """
    if value is None or digits is None or not math.isfinite(value):
        return number(value)
    if abs(value) >= _LARGE or 0 < abs(value) < 10.0**-digits:
        return number(value)
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    text = f"{rounded:,f}" if digits == 0 else f"{rounded:f}"
    return text.replace("-", "−")


def board(runs: pl.DataFrame, goal: Goal | None, seed_params: Sequence[str] = ()) -> Board:
    """Return the leaderboard of one experiment, the best first, runs without a rank last."""
    wide = _ranked(runs, goal)
    seeds = tuple(
        name
        for name in wide.columns
        if name.startswith("params.")
        and standing.is_seed(name.removeprefix("params."), seed_params)
    )
    told = directions(runs)
    columns = tuple(
        replace(column, better=_better(column.label, goal, told))
        if column.kind == "metric"
        else column
        for column in _columns(wide, goal, seeds)
    )
    params = [column for column in columns if column.kind == "param" and column.constant]
    counted = [(it.label, str(it.values.drop_nulls()[0]), it.values.count()) for it in params]
    same = tuple(item for item in sorted(counted, key=lambda it: -it[2]) if item[2] > 1)
    groups = _groups(runs, wide["run_id"], seed_params)
    datasets = _datasets(runs, wide["run_id"])
    return Board(columns, _shown(columns, goal), same, groups, seeds, wide.height, *datasets)


def _better(metric: str, goal: Goal | None, told: Mapping[str, str]) -> str | None:
    """Return which way a metric is better: as the goal has it, the runs said, or its name tells."""
    if goal is not None and goal.metric == metric:
        return goal.direction
    return told.get(metric) or direction_of(metric)


def script_value(board: Board, goal: Goal | None) -> Mapping[str, Any]:
    """Return the value of the data script `leaderboard`, as board.js describes it."""
    return {
        "count": board.count,
        "metric": goal.metric if goal else None,
        "direction": goal.direction if goal else None,
        "groups": board.groups,
        "seeds": board.seeds,
        "shown": board.shown,
        "columns": [_encoded(column) for column in board.columns],
        **({"datasets": board.datasets, "read": board.read} if board.datasets else {}),
    }


def _ranked(runs: pl.DataFrame, goal: Goal | None) -> pl.DataFrame:
    wide = leaderboard.wide(runs)
    if goal is None:
        return wide.with_columns(rank=pl.lit(None, dtype=pl.Int64))
    ranked = standing.rank(runs, goal.metric, goal.direction)
    ranks = ranked.select("run_id", "rank").with_row_index("place")
    joined = wide.join(ranks, on="run_id", how="left", maintain_order="left")
    metric = pl.col(f"metrics.{goal.metric}")
    unranked = pl.when(metric.is_not_nan()).then(-goal.sign * metric)
    others = [unranked] if f"metrics.{goal.metric}" in wide.columns else []
    return joined.sort("place", *others, nulls_last=True, maintain_order=True).drop("place")


def _columns(wide: pl.DataFrame, goal: Goal | None, seeds: Collection[str]) -> list[Column]:
    """Return every column that says anything: rank, name, the metric, status, params, the rest."""
    found = [_column(wide, name) for name in wide.columns]
    kept = [column for column in found if column.kind == "attribute" or not column.empty]
    first = ("rank", "name", f"metrics.{goal.metric}" if goal else "", "status")
    kinds, attributes = ("param", "seed", "metric", "attribute", "tag"), list(_ATTRIBUTES)

    def key(column: Column) -> tuple[Any, ...]:
        if column.id in first:
            return (0, first.index(column.id))
        kind = "seed" if column.id in seeds else column.kind
        if kind == "attribute":
            return (1, kinds.index(kind), False, attributes.index(column.id))
        aside = kind == "metric" and read(column.label).never  # a deviation, a time, a count
        return (1, kinds.index(kind), aside, column.id)

    return sorted(kept, key=key)


def _column(wide: pl.DataFrame, name: str) -> Column:
    values = wide[name]
    for prefix, kind in _FAMILIES.items():
        if name.startswith(prefix):
            label = name.removeprefix(prefix)
            return Column(name, label, kind, "number" if kind == "metric" else None, values)
    return Column(name, _LABELS.get(name, name), "attribute", _ATTRIBUTES[name], values)


def _shown(columns: Collection[Column], goal: Goal | None) -> tuple[str, ...]:
    """Return the columns to begin with: what varies, and not so many that nobody reads them."""
    metrics = [column.id for column in columns if column.kind == "metric"][:MOST_METRICS]
    params = [column.id for column in columns if column.kind == "param" and not column.constant]
    wanted = {"name", "status", "started_at", "duration_s", *metrics, *params[:MOST_PARAMS]}
    if goal is not None:
        wanted.add("rank")
    return tuple(column.id for column in columns if column.id in wanted and not column.empty)


def _groups(
    runs: pl.DataFrame, order: pl.Series, seed_params: Collection[str]
) -> tuple[int, ...] | None:
    """Return the number of each run's setting: runs that differ in seeds alone share it."""
    found = standing.settings(runs, seed_params)
    if found["setting"].n_unique() == found.height:
        return None
    placed = order.to_frame("run_id").join(found, on="run_id", maintain_order="left", how="left")
    return tuple(placed["setting"].rank("dense").cast(pl.Int64))


def _datasets(
    runs: pl.DataFrame, order: pl.Series
) -> tuple[tuple[tuple[str | None, ...], ...], tuple[list[int] | None, ...]]:
    """Return the data sets, each once, and the numbers of those that each run read."""
    inputs = long.inputs(runs)
    known = inputs.select(DATASET_KEYS).unique(maintain_order=True).with_row_index("place")
    places = inputs.join(known, on=DATASET_KEYS, nulls_equal=True, maintain_order="left")
    by_run = places.group_by("run_id", maintain_order=True).agg("place")
    read = order.to_frame("run_id").join(by_run, on="run_id", how="left", maintain_order="left")
    return tuple(known.select(DATASET_KEYS).iter_rows()), tuple(read["place"].to_list())


def _encoded(column: Column) -> dict[str, Any]:
    shared: dict[str, Any] = {"id": column.id, "label": column.label, "kind": column.kind}
    if column.better is not None:
        shared["better"] = column.better
    if column.empty:
        return {**shared, "same": None}
    if column.format is not None:
        values = _numbers(column)
        return {
            **shared,
            "format": column.format,
            "decimals": column.decimals,
            "values": values,
        }
    if column.same:
        text = column.values[0]
        return {**shared, "same": text, **_spelled([text])}
    texts = column.values.unique(maintain_order=True).drop_nulls()
    codes = {text: code for code, text in enumerate(texts)}
    encoded = {"texts": texts.to_list(), "codes": [codes.get(v) for v in column.values]}
    return {**shared, **encoded, **_spelled(codes)}


def _spelled(texts: Iterable[str]) -> dict[str, Any]:
    """Return the numbers that texts spell, so that scripts need no rule of their own."""
    numbers = [schema.number(text) for text in texts]
    known = any(number is not None for number in numbers)
    return {"numbers": [_exactly(number) for number in numbers]} if known else {}


def _exactly(number: float | None) -> float | str | None:
    """Return a number as JSON can hold it to the last digit: large whole ones as text."""
    if number is None:
        return None
    if abs(number) >= schema.EXACT:
        return str(number)
    return int(number) if number.is_integer() else number


def _numbers(column: Column) -> list[float | str | None]:
    if column.format == "time":
        return column.values.dt.epoch("ms").to_list()
    if not column.values.dtype.is_float():
        return column.values.to_list()
    return [_plain(value) for value in column.values]


def _plain(value: float | None) -> float | str | None:
    """Return a number as JSON can hold it."""
    if value is None or math.isfinite(value):
        return value
    return _SPECIAL.get(value, "NaN")
