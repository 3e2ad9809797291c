"""ls: the runs of a store."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracksite.cli.options import (
    DEFAULT_STORE,
    STORE_VARIABLE,
    config_option,
    json_option,
    runs_of,
    settings_from,
    snapshot_of,
)
from tracksite.cli.output import fitting, print_json, print_table, record, say
from tracksite.errors import ArgumentError

if TYPE_CHECKING:
    import polars as pl

    from tracksite.config import Settings
    from tracksite.schema import Snapshot

_ON_TERMINAL = 50  # runs; pipes get all
_OPERATOR = re.compile(r"[=<>]|\b(?:like|ilike|in|is)\b", re.IGNORECASE)
_LEADING = ("run_id", "name", "experiment", "status", "started_at", "duration_s")


@click.command(options_metavar="[OPTIONS]")
@click.argument("words", nargs=-1, metavar="[STORE] [FILTER]", type=click.Path())
@click.option("-e", "--experiment", multiple=True, help="Only runs of this experiment; repeatable.")
@click.option(
    "--order-by",
    multiple=True,
    metavar="COLUMN [ASC|DESC]",
    help="For example 'metrics.f1 DESC'; repeatable. Newest first by default.",
)
@click.option(
    "--best", is_flag=True, help="Best first, with ranks, by each experiment's primary metric."
)
@config_option
@click.option("--columns", metavar="A,B,…", help="Show these columns, as in 'name,lr,metrics.f1'.")
@click.option("-n", "--limit", type=click.IntRange(min=1), help="At most so many runs.")
@click.option("--deleted", is_flag=True, help="The deleted runs instead of the others.")
@json_option
def ls(
    *,
    words: tuple[str, ...],
    experiment: tuple[str, ...],
    order_by: tuple[str, ...],
    best: bool,
    settings_file: Path | None,
    columns: str | None,
    limit: int | None,
    deleted: bool,
    as_json: bool,
) -> None:
    """List the runs of a store that pass a filter.

    FILTER speaks MLflow's search language, with bare names, not, or and parentheses besides.
    With one word that is no folder but has an operator, it is the filter and STORE the default.
    With --best, runs stand as the site ranks them, and those without a rank follow.

    \b
    Examples:
      tracksite ls
      tracksite ls 'lr < 0.01 and f1 > 0.9' --order-by 'metrics.f1 DESC' -n 10
      tracksite ls runs "status = 'failed'" --columns name,started_at,duration_s
      tracksite ls -e digits --best -n 3
      tracksite ls -e digits --json | jq -r '.[0].run_id'
    """  # noqa: D301 - \b keeps click from wrapping a block
    from tracksite.query.search import search

    if best and order_by:
        raise ArgumentError("--best and --order-by are two orders; leave one of them out.")
    store, text = _store_and_filter(words)
    shown = limit or (_ON_TERMINAL if sys.stdout.isatty() and not as_json else None)
    snapshot = snapshot_of(store)
    found = search(
        snapshot,
        experiments=experiment or None,
        filter_text=text,
        order_by=order_by,
        deleted=deleted,
    )
    if best:
        found = _best_first(found, snapshot, settings_from(settings_file)(Path(store)))
    rows = found if shown is None else found.head(shown)
    if as_json:
        print_json([record(row) for row in _chosen(rows, found, columns).to_dicts()])
        return
    _print_runs(rows, found, columns)
    _tell_rest(found.height, rows.height)


def _best_first(found: pl.DataFrame, snapshot: Snapshot, settings: Settings) -> pl.DataFrame:
    """Return the runs by experiment and rank, with the column `rank`."""
    from tracksite.query.standing import ranks

    told = ranks(runs_of(snapshot), settings.experiments.get)
    joined = found.join(told, on="run_id", how="left", maintain_order="left")
    ordered = joined.sort("experiment", "place", nulls_last=True, maintain_order=True)
    return ordered.select("rank", *found.columns)


def _store_and_filter(words: tuple[str, ...]) -> tuple[str, str]:
    """Return the store and the filter among the words of `ls`."""
    import os

    default = os.environ.get(STORE_VARIABLE) or DEFAULT_STORE
    match words:
        case ():
            return default, ""
        case (word,):
            is_filter = not Path(word).is_dir() and _OPERATOR.search(word)
            return (default, word) if is_filter else (word, "")
        case (store, text):
            return store, text
        case _:
            raise click.UsageError("Give a store and a filter at most; put quotes around a filter.")


def _chosen(rows: pl.DataFrame, found: pl.DataFrame, columns: str | None) -> pl.DataFrame:
    """Return the columns that were asked for; every one that holds something when None."""
    if columns is not None:
        from tracksite.query import filters
        from tracksite.query.syntax import parse_order

        wanted = [name.strip() for name in columns.split(",")]
        places = [filters.column(found, parse_order(name).name, name, "column") for name in wanted]
        missing = [name for name, place in zip(wanted, places, strict=True) if place is None]
        if missing:
            raise ArgumentError(
                f"No run here has the column {missing[0]!r}; see `tracksite ls --json`."
            )
        return rows.select(list(dict.fromkeys(place for place in places if place is not None)))
    return rows


def _print_runs(rows: pl.DataFrame, found: pl.DataFrame, columns: str | None) -> None:
    from tracksite.query.lookup import short_length

    shown = _chosen(rows, found, columns)
    if columns is None:
        shown = shown.select(_usual(shown))
    if sys.stdout.isatty() and "run_id" in shown.columns:
        import polars as pl

        length = short_length(found["run_id"].to_list())
        shown = shown.with_columns(pl.col("run_id").str.head(length))
    headers = list(map(_header, shown.columns))
    if not sys.stdout.isatty():
        print_table(headers, shown.rows())
    elif rows.height:
        count = len(headers) if columns is not None else fitting(headers, shown.rows())
        print_table(headers[:count], shown.select(shown.columns[:count]).rows())
        if headers[count:]:
            say(f"Not shown for lack of room: {', '.join(headers[count:])} (see --columns).")


def _usual(rows: pl.DataFrame) -> list[str]:
    """Return the columns that say something: on a terminal only params that differ."""
    leading = [*(name for name in rows.columns if name == "rank"), *_LEADING]
    metrics = [name for name in rows.columns if name.startswith("metrics.")]
    params = [name for name in rows.columns if name.startswith("params.")]
    if not sys.stdout.isatty():
        return [*leading, *metrics, *params]
    leading = [name for name in leading if name != "experiment" or rows[name].n_unique() > 1]
    logged = [name for name in metrics if rows[name].null_count() < rows.height]
    return [*leading, *logged, *(name for name in params if rows[name].n_unique() > 1)]


def _header(column: str) -> str:
    """Return a column's short name on a terminal, its whole one elsewhere."""
    return column.partition(".")[2] or column if sys.stdout.isatty() else column


def _tell_rest(found: int, shown: int) -> None:
    if not found:
        say("No run passes. Log one with `import tracksite`, or ask for less.")
    elif found > shown:
        say(f"{found - shown:,} more of {found:,} runs: -n {found} shows all.")
