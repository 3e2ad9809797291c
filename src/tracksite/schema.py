"""Format 2: the Arrow schemas of a store's files, and the Snapshot that readers get.

History of the format number
    1   the first one.
    2   `seq` is a hybrid logical clock; packs and manifests have names of their own; `runs` has
        `length`, `edits` and `purged`; an artifact says where it lies (`file`).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import polars as pl
    import pyarrow as pa

FORMAT = 2
FORMATS = (1, 2)  # that are read
FORMAT_KEY = b"tracksite.format"

# A logged model is MLflow's: a model that a run made, with params and metrics of its own.
KINDS = ("run", "experiment", "model", "model_version", "logged_model")
STATUSES = ("running", "finished", "failed", "killed", "interrupted")

# The scalar fields of a patch: null where the patch says nothing, last write wins.
TEXT_FIELDS = (
    "experiment",  # the experiment's name; for a model or a version: null
    "name",  # of the run, experiment or model
    "status",
    "parent_run_id",
    "description",  # Markdown
    "user",
    "host",
    "source",  # entry script, relative to the repository where there is one
    "command",  # command line, secrets masked
    "error",  # traceback of a failed run, secrets masked
    "git_commit",
    "git_branch",
    "git_remote",  # without credentials
    "git_diff",  # unified diff of tracked files at start, shortened, secrets masked
    "stage",  # of a model version
    "source_run_id",  # of a model version: the run that made it
    "source_path",  # of a model version: the model's folder among that run's artifacts
)
TIME_FIELDS = ("started_at", "ended_at")
BOOL_FIELDS = ("git_dirty", "deleted")
INT_FIELDS = ("version",)  # of a model version
SCALAR_FIELDS = (*TEXT_FIELDS, *TIME_FIELDS, *BOOL_FIELDS, *INT_FIELDS)

# Microseconds since 1970 that a date can hold: the years 1 to 9999, a day in from either end, so
# that they have a date in every time zone. Other times are refused, and read as missing.
FIRST_TIME, LAST_TIME = -62_135_510_400_000_000, 253_402_214_400_000_000

PRIVATE_TAGS = "tracksite.mlflow."  # tags that begin so are for MLflow's clients, never shown
GOAL_TAG = "tracksite.goal"  # of a run: lines of a direction and a metric, the goal first
TRAINING_GOAL_TAG = "tracksite.goal.training"  # the same as its framework knows it: counts less
RENAMED_TAG = f"{PRIVATE_TAGS}renamed"  # of an experiment or model: the name that it goes by now
OWNER_TAG = f"{PRIVATE_TAGS}owner"  # of a version: whose artifacts its files are, if not its run's

# The list fields of a patch: each item has a key, and the last write of a key wins.
LIST_KEYS: dict[str, str] = {
    "params": "key",
    "tags": "key",  # text null: the tag is removed
    "aliases": "key",  # of a model: alias -> identity of a version; null: removed
    "environment": "key",  # python, os, cpu, memory, gpu…, package:<name>
    "artifacts": "path",
    "inputs": "name",
    "outputs": "path",
    "metrics": "key",  # summaries of the points of this part alone: merged, not replaced
}

# The texts that spell a number: decimal, in ASCII, and nothing around it. No `0x10`, `1_000`, ` 5`,
# `٣`, dates, `inf` or `nan`. Regular expressions of Python, Rust and JavaScript read it alike.
NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
EXACT = 2**53  # from here on doubles skip whole numbers
_NUMBER = re.compile(NUMBER)


def number(text: str | None) -> float | None:
    """Return the finite number that the text of a param or tag spells; None where it spells none.

    It is a float, and from EXACT on an int, so that ids that one double stands for stay apart:
    the whole number that is spelled, or that of the nearest double where a fraction is. Ints and
    floats compare exactly in Python.
    """
    if text is None or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    if abs(value) < EXACT:
        return value
    return _whole(text, value) if math.isfinite(value) else None


def _whole(text: str, nearest: float) -> int:
    from decimal import Decimal

    spelled = Decimal(text)
    return int(spelled if spelled == spelled.to_integral_value() else nearest)


@cache
def runs_schema(number: int = FORMAT) -> pa.Schema:
    """Return the Arrow schema of a `runs` part of a format: one row is one patch."""
    import pyarrow as pa

    time = pa.timestamp("us", tz="UTC")
    pair = [pa.field("key", pa.string()), pa.field("text", pa.string())]
    items: dict[str, list[Any]] = {
        "params": [*pair, pa.field("number", pa.float64())],
        "tags": pair,
        "aliases": pair,
        "environment": pair,
        "artifacts": [
            ("path", pa.string()),
            ("bytes", pa.int64()),
            ("sha256", pa.string()),
            ("file", pa.string()),  # where it lies below artifacts/<run_id>/; null: at path
        ],
        "inputs": [
            ("name", pa.string()),
            ("context", pa.string()),
            ("source", pa.string()),
            ("digest", pa.string()),
            ("schema", pa.string()),  # JSON: {column: type}
            ("rows", pa.int64()),
        ],
        "outputs": [("path", pa.string()), ("flavor", pa.string()), ("digest", pa.string())],
        "metrics": [
            ("key", pa.string()),
            ("count", pa.int64()),  # points, NaN included
            ("nan_count", pa.int64()),
            ("last", pa.float64()),  # value at the greatest (step, timestamp), later write first
            ("last_step", pa.int64()),
            ("last_at", time),
            ("min", pa.float64()),  # NaN left out; null when every value is NaN
            ("min_step", pa.int64()),
            ("max", pa.float64()),
            ("max_step", pa.int64()),
        ],
    }
    edit = [("field", pa.string()), ("key", pa.string()), ("seq", pa.int64())]
    own: list[Any] = [
        ("length", pa.int64()),  # of the live log that this was, bytes
        ("edits", pa.list_(pa.struct(edit))),  # what was said later than at `seq`, and when
        ("purged", pa.list_(pa.string())),  # segments `<writer>.<seq>` that were removed for good
    ]
    if number == 1:
        items["artifacts"].pop()
        own.clear()
    return pa.schema(
        [
            ("run_id", pa.string()),
            ("kind", pa.string()),
            ("writer", pa.string()),
            ("seq", pa.int64()),  # hybrid logical clock: orders patches
            ("timestamp", time),
            *((name, pa.string()) for name in TEXT_FIELDS),
            *((name, time) for name in TIME_FIELDS),
            *((name, pa.bool_()) for name in BOOL_FIELDS),
            *((name, pa.int64()) for name in INT_FIELDS),
            *((name, pa.list_(pa.struct(items[name]))) for name in LIST_KEYS),
            *own,
        ],
        metadata={FORMAT_KEY: str(number).encode()},
    )


@cache
def points_schema(number: int = FORMAT) -> pa.Schema:
    """Return the Arrow schema of a `points` part: sorted by key, step, then order of logging."""
    import pyarrow as pa

    return pa.schema(
        [
            ("run_id", pa.string()),
            ("key", pa.string()),
            ("step", pa.int64()),
            ("timestamp", pa.timestamp("us", tz="UTC")),
            ("value", pa.float64()),
        ],
        metadata={FORMAT_KEY: str(number).encode()},
    )


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a store: which file, whose run (if known), and one sentence."""

    path: str
    run_id: str | None
    message: str


@dataclass(frozen=True)
class Snapshot:
    """What a store holds at one moment; nothing in it changes afterwards.

    Attributes:
        root: the store's folder.
        patches: every patch that counts, columns as `runs_schema()`; in no particular order.
        point_files: run_id -> verified Parquet files (`points_schema()`) that hold its points.
        live_points: points that are in live logs only, columns as `points_schema()`.
        stamps: run_id (or entity id) -> digest that changes whenever any of its parts,
            its live log or its liveness does.
        alive: run_ids that a living writer is still logging to.
        problems: damaged files, left out of all of the above.
        superseded: hashes of points parts in packs that do not count: the same log was saved
            again when it was longer.
        points_parts: `run_id` and `points_part`, the hash of the points part of each patch that
            has one in a file, so that it is found when that file has gone.
        purged: run_id -> when and by whom it was removed for good.
    """

    root: str
    patches: pl.DataFrame
    point_files: Mapping[str, tuple[str, ...]]
    live_points: pl.DataFrame
    stamps: Mapping[str, str]
    alive: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = field(default=())
    superseded: frozenset[str] = frozenset()
    points_parts: pl.DataFrame | None = None  # none are known
    purged: Mapping[str, tuple[datetime, str]] = field(default_factory=dict)
