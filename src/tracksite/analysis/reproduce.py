"""Could a run be made again from what was recorded? Which runs could, and what the others lack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping


def verdicts(runs: pl.DataFrame) -> pl.DataFrame:
    """Return `run_id, reproducible, missing`: one row per run, in the order of `runs`.

    `missing` lists what stands in the way, in words for the page; `reproducible` is True where it
    is empty. A run can be made again when the commit of its code is known and nothing was changed
    after it, its command line, Python version and packages are recorded, and it logged at least
    one data set, each with a digest.
    """
    lacks = [pl.when(fails).then(pl.lit(words)) for words, fails in _conditions().items()]
    missing = pl.concat_list(lacks).list.drop_nulls()
    return runs.select("run_id", reproducible=missing.list.len() == 0, missing=missing)


def share(runs: pl.DataFrame) -> float | None:
    """Return the share of runs, 0 to 1, that could be made again; None without runs."""
    mean = verdicts(runs)["reproducible"].mean()
    return None if mean is None else float(str(mean))


def _conditions() -> Mapping[str, pl.Expr]:
    """Return what may be missing -> whether it is."""
    keys = pl.col("environment").list.eval(pl.element().struct.field("key"))
    packages = keys.list.eval(pl.element().str.starts_with("package:")).list.any()
    digests = pl.col("inputs").list.eval(pl.element().struct.field("digest").is_not_null())
    no_data = pl.col("inputs").list.len().fill_null(0) == 0
    no_commit = pl.col("git_commit").is_null()
    return {
        "the commit of its code": no_commit,
        "a clean working tree: the code was changed after the commit": ~no_commit
        & pl.col("git_dirty").fill_null(value=False),
        "whether the code was changed after the commit": ~no_commit & pl.col("git_dirty").is_null(),
        "the command line": pl.col("command").is_null(),
        "the Python version": ~keys.list.contains("python").fill_null(value=False),
        "the versions of its packages": ~packages.fill_null(value=False),
        "its data set: none was logged with log_input": no_data,
        "the digest of a data set": ~no_data & ~digests.list.all(),
    }
