"""Registered models: their versions, the numbers that these are known by, and their aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tracksite.query.lifecycle import settled
from tracksite.query.runs import public_tags
from tracksite.schema import OWNER_TAG
from tracksite.store.ids import RUN_ID, model_id

if TYPE_CHECKING:
    from collections.abc import Mapping

IS_PROMPT, PROMPT = "mlflow.prompt.is_prompt", "mlflow.prompt.text"  # tags of MLflow's
_MOST = (1 << 63) - 1


class Alias(NamedTuple):
    """An alias of a registered model.

    Attributes:
        name: such as "champion".
        version_id: identity of the version that it was set on; None where nobody can tell.
        version: number of that version; None where it is deleted or not in the store.
        missing: whether that version is not in the store.
    """

    name: str
    version_id: str | None
    version: int | None
    missing: bool


def numbers(claims: Mapping[str, int]) -> dict[str, int]:
    """Return the number of each version of one model.

    Copies of a store may give out one number twice. The eldest version keeps it; the others, in
    order of age, get the next numbers that no version claims.

    Args:
        claims: version_id → the number that it was registered with; deleted versions too.
    """
    following = {number: number + 1 for number in claims.values()}
    given: dict[str, int] = {}
    kept: set[int] = set()
    for version_id in sorted(claims):
        number = claims[version_id]
        if number in kept:
            number = _free(following, number)
            following[number] = number + 1
        kept.add(number)
        given[version_id] = number
    return given


def _free(following: dict[int, int], number: int) -> int:
    """Return the first number that is not taken; the way there is shorter the next time."""
    passed = []
    while number in following:
        passed.append(number)
        number = following[number]
    following.update(dict.fromkeys(passed, number))
    return number if number <= _MOST else _free(following, 1)


def target(text: str, claims: Mapping[str, int]) -> str | None:
    """Return the identity of the version that the text of an alias names.

    Args:
        text: an identity, or, as format 1 had it, the number that the version claimed.
        claims: of the model's versions, as for `numbers`.
    """
    if RUN_ID.fullmatch(text):
        return text
    return min((one for one, claim in claims.items() if str(claim) == text), default=None)


def models(folded: pl.DataFrame) -> pl.DataFrame:
    """Return the registered models, those too that only versions name, sorted by name.

    Columns: model_id, name, description, tags, aliases (as they were set), first_at (when it was
    made), last_at (when it was last written to here).
    """
    folded = settled(folded)
    known = folded.filter(
        pl.col("kind") == "model", ~pl.col("deleted"), pl.col("name").is_not_null()
    ).select("name", "description", public_tags(), "aliases", _made_at(), "last_at")
    versions = _versions(folded).filter(~pl.col("deleted"))
    others = versions.group_by("name").agg(_made_at().min(), pl.max("last_at"))
    unknown = others.join(known, on="name", how="anti")
    identity = pl.col("name").map_elements(model_id, return_dtype=pl.String).alias("model_id")
    both = pl.concat([known, unknown], how="diagonal_relaxed")
    return both.select(identity, *known.columns).sort("name")


def model_versions(folded: pl.DataFrame, *, deleted: bool = False) -> pl.DataFrame:
    """Return the versions of all models, sorted by name and version.

    Columns: version_id, name (of the model), version (see `numbers`), claim (the number that it
    was registered with), stage, description, tags, source_run_id, source_path, owner_id (whose
    artifacts its files are among), first_at and last_at as in `models`, deleted.

    Args:
        folded: what `query.runs.fold` returned.
        deleted: the deleted versions too.
    """
    versions = _versions(settled(folded))
    shown = versions.with_columns(_shown_numbers(versions), claim="version")
    if not deleted:
        shown = shown.filter(~pl.col("deleted"))
    return shown.select(
        pl.col("run_id").alias("version_id"),
        *("name", "version", "claim", "stage", "description", public_tags()),
        *("source_run_id", "source_path", pl.coalesce(_owner(), "source_run_id").alias("owner_id")),
        *(_made_at(), "last_at", "deleted"),
    ).sort("name", "version")


def _made_at() -> pl.Expr:
    """Return when a model or version was made, which may be before it was brought in here."""
    return pl.coalesce("started_at", "first_at").alias("first_at")


def _versions(folded: pl.DataFrame) -> pl.DataFrame:
    return folded.filter(
        pl.col("kind") == "model_version",
        pl.col("name").is_not_null(),
        pl.col("version").is_not_null(),
    )


def _owner() -> pl.Expr:
    mine = pl.element().filter(pl.element().struct.field("key") == OWNER_TAG)
    return pl.col("tags").list.eval(mine.struct.field("text")).list.first()


def _shown_numbers(versions: pl.DataFrame) -> pl.Series:
    given: dict[str, int] = {}
    for claims in _claims(versions).values():
        given |= numbers(claims)
    return pl.Series("version", [given[one] for one in versions["run_id"]], pl.Int64)


def _claims(versions: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Return name of a model → version_id → the number that the version claims."""
    claims: dict[str, dict[str, int]] = {}
    for name, version_id, claim in versions.select("name", "run_id", "version").iter_rows():
        claims.setdefault(name, {})[version_id] = claim
    return claims


def aliases(folded: pl.DataFrame) -> dict[str, list[Alias]]:
    """Return name of a model → its aliases, sorted; those too that point nowhere."""
    folded = settled(folded)
    claims = _claims(_versions(folded))
    living = dict(model_versions(folded).select("version_id", "version").iter_rows())
    found: dict[str, list[Alias]] = {}
    for name, items in models(folded).select("name", "aliases").iter_rows():
        own = claims.get(name, {})
        for item in items or ():
            points_at = target(item["text"], own)
            known = points_at in own
            version = living.get(points_at) if known else None
            found.setdefault(name, []).append(Alias(item["key"], points_at, version, not known))
    return found
