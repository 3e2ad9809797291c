"""The settings of an experiment that have curves, best first, and their means as table rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from tracksite.analysis.intervals import with_interval
from tracksite.charts.curves import MOST_SETTINGS, Setting
from tracksite.pages.hero import MOST_NAMED
from tracksite.query import long

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracksite.pages.board import Board


def settings(board: Board, groups: pl.DataFrame, run_ids: Sequence[str]) -> tuple[Setting, ...]:
    """Return the best settings by the mean of the goal's metric; nothing if none has repeats.

    Args:
        board: of the experiment.
        groups: what `repeats` returned: the settings that were measured, the best first. Others
            follow them, as their first runs stand.
        run_ids: of the runs that have curves, best first.
    """
    if board.groups is None:
        return ()
    best_first = groups["run_ids"].to_list()
    standing = {run_id: place for place, ids in enumerate(best_first) for run_id in ids}
    members: dict[int, list[int]] = {}
    ids, curved = board.column("run_id").values.to_list(), set(run_ids)
    for place, (run_id, group) in enumerate(zip(ids, board.groups, strict=True)):
        if run_id in curved:
            members.setdefault(group, []).append(place)
    if max(map(len, members.values()), default=1) == 1:
        return ()

    def key(group: int) -> tuple[int, int]:
        own = members[group]
        return min(standing.get(ids[at], len(best_first)) for at in own), own[0]

    best = sorted(members, key=key)[:MOST_SETTINGS]
    labels = _labels(board, [members[group][0] for group in best])
    return tuple(
        Setting(group, label, tuple(ids[at] for at in members[group]))
        for group, label in zip(best, labels, strict=True)
    )


def mean_rows(
    runs: pl.DataFrame, shown: Sequence[Setting], keys: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the last values of repeats: key, label, count, mean, low, high, min, max.

    One row per metric and setting, in their order; the interval is the 95 % t-interval.
    """
    places = [(run_id, place) for place, one in enumerate(shown) for run_id in one.run_ids]
    placed = pl.DataFrame(places, schema={"run_id": pl.String, "place": pl.Int64}, orient="row")
    order = pl.DataFrame({"key": list(keys)}, schema={"key": pl.String}).with_row_index("key_place")
    last = long.metrics(runs).filter(pl.col("last").is_finite())
    joined = last.select("run_id", "key", "last").join(placed, on="run_id").join(order, on="key")
    value = pl.col("last")
    made = joined.group_by("key_place", "key", "place").agg(
        count=pl.len().cast(pl.Int64),
        mean=value.mean(),
        sd=value.std(),
        min=value.min(),
        max=value.max(),
    )
    rows = with_interval(made.sort("key_place", "place")).to_dicts()
    return [{**row, "label": shown[row["place"]].label} for row in rows]


def _labels(board: Board, places: Sequence[int]) -> list[str]:
    """Return of each run the params in which these runs differ, as text."""
    params = [
        one
        for one in board.columns
        if (one.kind == "param" and one.id not in board.seeds) or one.id == "git_commit"
    ]
    texts = {
        "commit" if one.id == "git_commit" else one.label: [
            (one.values[place] or "")[:8] if one.id == "git_commit" else one.values[place]
            for place in places
        ]
        for one in params
    }
    varied = [label for label, found in texts.items() if len(set(found)) > 1]
    named, more = varied[:MOST_NAMED], ", …" if len(varied) > MOST_NAMED else ""
    return [
        ", ".join(f"{label} {texts[label][n] or '–'}" for label in named) + more
        or f"all {len(board.groups or ())} runs"
        for n in range(len(places))
    ]
