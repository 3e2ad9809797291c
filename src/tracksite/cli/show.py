"""show and diff: one run, and two of them side by side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracksite.cli.options import complete_run, json_option, runs_of, snapshot_of, store_option
from tracksite.cli.output import heading, print_json, print_table, say, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from tracksite.query.compare import Difference
    from tracksite.schema import Snapshot


_SUMMARY = ["last", "last_step", "min", "min_step", "max", "max_step", "count"]


@click.command()
@click.argument("run", shell_complete=complete_run)
@store_option
@json_option
def show(*, run: str, store: str, as_json: bool) -> None:
    """Show everything about one RUN, and its goal.

    RUN is the start of its id, or its name.

    \b
    Examples:
      tracksite show 0190c2f4
      tracksite show baseline --store ~/experiments/runs
      tracksite show 0190c2f4 --json | jq .metrics.f1.last
    """  # noqa: D301 - \b keeps click from wrapping a block
    from tracksite.query.lookup import absences, find_run
    from tracksite.query.runs import fold, one

    snapshot = snapshot_of(store)
    runs = _all_runs(snapshot)
    row = one(runs, find_run(runs, run)) or {}
    value, parent = _whole(row), row.get("parent_run_id")
    value["goal"] = _goal(runs, row, Path(store))
    why = absences(fold(snapshot), snapshot.purged).of(parent) if parent else None
    if as_json:
        print_json({**value, "missing": [f"its parent: {why}"] if why else []})
        return
    families = {name: items for name, items in value.items() if isinstance(items, dict | list)}
    scalars = [
        [name, _shown(name, item)]
        for name, item in value.items()
        if name not in families and item not in (None, False)
    ]
    _section("run", ["field", "value"], scalars)
    for name, items in families.items():
        _section(name, *_cells(items))
    if why:
        say(f"Its parent is not shown: {why}.")


def _goal(runs: pl.DataFrame, row: dict[str, Any], store: Path) -> dict[str, Any]:
    """Return what the run's experiment is after and why; nothing where that is not known."""
    import polars as pl

    from tracksite.cli.options import settings_from
    from tracksite.errors import ConfigError
    from tracksite.query.goal import primary_metric

    try:
        settings = settings_from(None)(store)
    except ConfigError:  # a build says what is wrong with them
        return {}
    beside = runs.filter(pl.col("experiment") == row["experiment"], ~pl.col("deleted"))
    goal = primary_metric(beside, settings.experiments.get(row["experiment"]))
    if goal is None:
        return {}
    return {"metric": goal.metric, "direction": goal.direction, "why": goal.why}


def _all_runs(snapshot: Snapshot) -> pl.DataFrame:
    """Return the runs of a store, and the deleted ones after them."""
    import polars as pl

    return pl.concat([runs_of(snapshot), runs_of(snapshot, deleted=True)])


def _whole(row: dict[str, Any]) -> dict[str, Any]:
    """Return a folded run as an object: params, tags and environment by key, metrics by key."""
    from tracksite.schema import LIST_KEYS

    skipped = {"kind", "aliases", "stage", "version", "source_run_id", "source_path"}
    whole = {key: value for key, value in row.items() if key not in {*LIST_KEYS, *skipped}}
    for name, key in LIST_KEYS.items():
        if name in skipped:
            continue
        items = row[name] or []
        if name == "metrics":
            whole[name] = {item[key]: _without(item, key) for item in items}
        elif items and "text" in items[0]:
            whole[name] = {item[key]: item["text"] for item in items}
        else:
            whole[name] = items if name in {"artifacts", "inputs", "outputs"} else {}
    return whole


def _without(item: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != key}


def _cells(items: dict[str, Any] | list[dict[str, Any]]) -> tuple[list[str], list[list[object]]]:
    """Return the columns and rows of one family of `_whole`."""
    if isinstance(items, list):
        return list(items[0]) if items else [], [list(item.values()) for item in items]
    if any(isinstance(item, dict) for item in items.values()):
        columns = _SUMMARY if sys.stdout.isatty() else list(next(iter(items.values())))
        rows = [[key, *(item[name] for name in columns)] for key, item in items.items()]
        return ["key", *columns], rows
    return ["key", "value"], [[key, value] for key, value in items.items()]


def _section(name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print one table of `show`; in a pipe each line begins with the section's name."""
    if not rows:
        return
    heading(name)
    if sys.stdout.isatty():
        print_table(columns, rows)
    else:
        print_table(["section", *columns], [[name, *row] for row in rows])


def _shown(name: str, value: object) -> object:
    """Return a value for a column of mixed ones: on a terminal as people read it."""
    if not sys.stdout.isatty():
        return value
    lines = value.count("\n") if isinstance(value, str) else 0
    return f"({lines} lines: --json shows them)" if lines > 1 else short(name, value)


@click.command()
@click.argument("left", metavar="RUN", shell_complete=complete_run)
@click.argument("right", metavar="RUN", shell_complete=complete_run)
@store_option
@click.option("-a", "--all", "show_same", is_flag=True, help="What is the same as well.")
@json_option
def diff(
    *,
    left: str,
    right: str,
    store: str,
    show_same: bool,
    as_json: bool,
) -> None:
    """Show what differs between two RUNs.

    Params, metrics (last values), data sets, git, environment, tags; a RUN is the start of its
    id, or its name.

    \b
    Examples:
      tracksite diff 0190c2f4 0190c2f9
      tracksite diff baseline wider --all
      tracksite diff 0190c2f4 0190c2f9 --json | jq '.differences[] | select(.section == "params")'
    """  # noqa: D301 - \b keeps click from wrapping a block
    from tracksite.query.compare import differences
    from tracksite.query.lookup import find_run

    runs = _all_runs(snapshot_of(store))
    ids = find_run(runs, left), find_run(runs, right)
    found = differences(runs, *ids)
    if as_json:
        print_json({"left": ids[0], "right": ids[1], "differences": list(map(_difference, found))})
        return
    shown = [item for item in found if show_same or not item.same]
    print_table(
        ["section", "key", left, right],
        [
            [item.section, item.key, _shown(item.key, item.left), _shown(item.key, item.right)]
            for item in shown
        ],
        dim=[number for number, item in enumerate(shown) if item.same],
    )
    same = sum(item.same for item in found)
    if same and not show_same:
        say(f"{same} more are the same: --all shows them.")


def _difference(item: Difference) -> dict[str, Any]:
    return {
        "section": item.section,
        "key": item.key,
        "left": item.left,
        "right": item.right,
        "same": item.same,
    }
