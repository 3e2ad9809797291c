"""What stands after all copies of a store said their word: what is deleted, and what has moved.

What happened after wins, by `seq`. What is deleted comes back when it is used later: a run by a
writer that opened it later, an experiment by a run that was written to later, a registered model
by such a version. And what one copy made of an experiment or a model that another renamed
belongs to its new name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import polars as pl

from tracksite.schema import RENAMED_TAG
from tracksite.store.clock import FIRST  # a smaller `seq` says nothing about other entities

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_EXPERIMENT = "Default"
CLOCKS = ("opened_seq", "last_seq", "deleted_seq")
_HIDDEN = {"run": "experiment", "model_version": "model"}  # with what they belong to
_MOVED = {**_HIDDEN, "logged_model": "experiment"}

Seq = TypeVar("Seq", int, pl.Expr)
Names = dict[tuple[str, str], str]


def used_after(opened: Seq, deleted: Seq) -> Seq:
    """Return whether what was deleted has been opened since: it is deleted no more."""
    return (opened >= FIRST) & (opened > deleted)


def hides(deleted: Seq, last: Seq) -> Seq:
    """Return whether a deletion hides a member to which nothing was written since.

    A deletion of format 1 hides those alone that it marked.
    """
    return (deleted >= FIRST) & (last <= deleted)


def settled(folded: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of `fold` with `deleted`, `experiment` and `name` as they stand.

    The columns of CLOCKS are left out: rows without them are settled, and are returned as they are.
    """
    if "deleted_seq" not in folded.columns:
        return folded
    later = used_after(pl.col("opened_seq"), pl.col("deleted_seq"))
    told = folded.with_columns(marked="deleted", deleted=pl.col("deleted") & ~later)
    if told.select((pl.col("marked") & _is_owner()).any()).item():
        told = _with_owners(_moved(told))
    return told.select(pl.exclude("marked", *CLOCKS))


def follow(names: Mapping[tuple[str, str], str], kind: str, name: str) -> str:
    """Return the name that an experiment or model goes by now; a circle of names ends."""
    seen = {name}
    while (later := names.get((kind, name))) is not None and later not in seen:
        seen.add(name := later)
    return name


def _moved(told: pl.DataFrame) -> pl.DataFrame:
    """Move what is in an experiment or model that was renamed to its new name."""
    names = _renamed(told)
    for kind, column in (("experiment", "experiment"), ("model", "name")):
        old = [name for whose, name in names if whose == kind]
        if old:
            new = [follow(names, kind, name) for name in old]
            member = pl.col("kind").replace_strict(_MOVED, default=None) == kind
            now = pl.col(column).replace(old, new)
            told = told.with_columns(pl.when(member).then(now).otherwise(column).alias(column))
    return told


def _is_owner() -> pl.Expr:
    return pl.col("kind").is_in(["experiment", "model"]) & pl.col("name").is_not_null()


def _renamed(told: pl.DataFrame) -> Names:
    found: Names = {}
    rows = told.filter("marked", _is_owner()).select("kind", "name", "tags")
    for kind, name, tags in rows.iter_rows():
        for tag in tags or ():
            if tag["key"] == RENAMED_TAG:
                found[kind, name] = tag["text"]
    return found


def _with_owners(told: pl.DataFrame) -> pl.DataFrame:
    """Hide what went with its experiment or model; show those again that something is left of."""
    home = pl.col("experiment").fill_null(DEFAULT_EXPERIMENT)
    told = told.with_columns(
        owner=pl.col("kind").replace_strict(_HIDDEN, default=None),
        owned=pl.when(pl.col("kind") == "run").then(home).otherwise("name"),
    )
    gone = told.filter("marked", _is_owner()).group_by(owner="kind", owned="name")
    told = _beside(told, gone.agg(gone_seq=pl.max("deleted_seq")), ["owner", "owned"])
    hidden = hides(pl.col("gone_seq"), pl.col("last_seq")).fill_null(value=False)
    told = told.with_columns(pl.col("deleted") | hidden)
    left = told.filter(pl.col("owner").is_not_null(), ~pl.col("deleted"))
    alive = left.select(kind="owner", name="owned").unique().with_columns(left=pl.lit(value=True))
    told = _beside(told, alive, ["kind", "name"])
    is_gone = pl.col("deleted") & pl.col("left").is_null()
    return told.with_columns(is_gone).select(pl.exclude("owner", "owned", "gone_seq", "left"))


def _beside(told: pl.DataFrame, facts: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    return told.join(facts, on=key, how="left", maintain_order="left")
