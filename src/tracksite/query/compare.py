"""What differs between two runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracksite.errors import NotFoundError
from tracksite.query.runs import one

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

_GIT = ("git_commit", "git_branch", "git_dirty", "git_remote", "git_diff")
_RUN = (
    *("name", "experiment", "status", "started_at", "duration_s"),
    *("source", "command", "user", "host", "parent_run_id"),
)
_INPUT = ("digest", "source", "context", "rows")


@dataclass(frozen=True)
class Difference:
    """One thing that two runs can differ in.

    Attributes:
        section: params, metrics (last values), inputs (data sets), git, environment, tags, run.
        key: which one.
        left: its value in the first run; None when it has none.
        right: its value in the second run; None when it has none.
    """

    section: str
    key: str
    left: Any
    right: Any

    @property
    def same(self) -> bool:
        """Whether both runs have the same value; NaN is the same as NaN."""
        return self.left == self.right or (_is_nan(self.left) and _is_nan(self.right))


def differences(runs: pl.DataFrame, left: str, right: str) -> tuple[Difference, ...]:
    """Return everything that the runs `left` and `right` have: what differs first, by section.

    Args:
        runs: the frame of `query.runs.runs`.
        left: a run's id.
        right: another run's id.

    Raises:
        NotFoundError: one of them is not in `runs`.
    """
    before, after = _sections(runs, left), _sections(runs, right)
    found = [
        Difference(section, key, values.get(key), after[section].get(key))
        for section, values in before.items()
        for key in sorted({*values, *after[section]})
    ]
    return tuple(sorted(found, key=lambda item: item.same))


def _sections(runs: pl.DataFrame, run_id: str) -> dict[str, dict[str, Any]]:
    row = one(runs, run_id)
    if row is None:
        raise NotFoundError(f"There is no run {run_id!r}; `tracksite ls` lists them.")
    return {
        "params": _values(row, "params", "text"),
        "metrics": _values(row, "metrics", "last"),
        "inputs": {
            f"{item['name']}.{field}": item[field]
            for item in row["inputs"] or ()
            for field in _INPUT
            if item[field] is not None
        },
        "git": {name.removeprefix("git_"): row[name] for name in _GIT if row[name] is not None},
        "environment": _values(row, "environment", "text"),
        "tags": _values(row, "tags", "text"),
        "run": {name: row[name] for name in _RUN if row[name] is not None},
    }


def _values(row: Mapping[str, Any], family: str, field: str) -> dict[str, Any]:
    return {item["key"]: item[field] for item in row[family] or ()}


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
