"""Runs by what people type, and ids as short as they can be."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING

import polars as pl

from tracksite.errors import ArgumentError, NotFoundError
from tracksite.query.lifecycle import settled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

SHORTEST = 8  # hex digits
_SHOWN = 5


def find_run(runs: pl.DataFrame, text: str) -> str:
    """Return the id of the one run whose id begins with `text`, or else has that name.

    Args:
        runs: the columns run_id and name.
        text: the first hex digits of an id, in any case, or a whole name.

    Raises:
        NotFoundError: no run fits.
        ArgumentError: several do.
    """
    by_id = runs.filter(pl.col("run_id").str.starts_with(text.lower())) if text else runs.clear()
    found = by_id if by_id.height else runs.filter(pl.col("name") == text)
    if found.is_empty():
        raise NotFoundError(
            f"No run has an id that begins with {text!r}, or that name; `tracksite ls` lists them."
        )
    if found.height > 1:
        some = ", ".join(found["run_id"].head(_SHOWN)) + (", …" if found.height > _SHOWN else "")
        raise ArgumentError(f"{text!r} fits {found.height} runs ({some}); type more of the id.")
    return str(found["run_id"][0])


def short_length(run_ids: Sequence[str]) -> int:
    """Return how many digits tell all these ids apart, SHORTEST at least."""
    shared = [_shared(left, right) for left, right in pairwise(sorted(run_ids))]
    return max([SHORTEST, *(length + 1 for length in shared)])


def _shared(left: str, right: str) -> int:
    """Return how many characters two texts begin with in common."""
    same = (a == b for a, b in zip(left, right, strict=False))
    return sum(1 for _ in takewhile(bool, same))


@dataclass(frozen=True)
class Absences:
    """Which runs cannot be shown, of those that something names: a parent, a model's source.

    Attributes:
        shown: ids of the runs that can.
        deleted: ids of those that are deleted.
        purged: ids of those that were removed for good → when, and by whom.
    """

    shown: frozenset[str]
    deleted: frozenset[str]
    purged: Mapping[str, tuple[datetime, str]] = field(default_factory=dict)

    def of(self, run_id: str) -> str | None:
        """Return in a few words why a run is not shown, or None where it is."""
        if run_id in self.shown:
            return None
        what = "is deleted" if run_id in self.deleted else "is not in this store"
        if run_id in self.purged:
            at, who = self.purged[run_id]
            what = f"was removed for good on {at:%Y-%m-%d} by {who}"
        return f"run {run_id[:SHORTEST]}… {what}"


def absences(
    folded: pl.DataFrame, purged: Mapping[str, tuple[datetime, str]] | None = None
) -> Absences:
    """Return what tells of runs that are deleted, or not in the store whose folded rows these are.

    Args:
        folded: what `query.runs.fold` returned.
        purged: the runs that were removed for good; others were not copied yet.
    """
    runs = settled(folded).filter(pl.col("kind") == "run")
    gone = frozenset(runs.filter("deleted")["run_id"])
    return Absences(frozenset(runs["run_id"]) - gone, gone, purged or {})
