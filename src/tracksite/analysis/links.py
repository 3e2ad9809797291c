"""Links that lead nowhere: what registered models name, and the store does not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from tracksite.errors import ArgumentError, NotFoundError
from tracksite.paths import inside
from tracksite.query import registry
from tracksite.store.ids import RUN_ID

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tracksite.query.lookup import Absences
    from tracksite.query.registry import Alias


def missing(folded: pl.DataFrame, absent: Absences, artifacts: Path) -> dict[str, list[str]]:
    """Return name of a model → in a few words each, what it names and is not there.

    Args:
        folded: what `query.runs.fold` returned.
        absent: the runs that cannot be shown.
        artifacts: the store's folder of that name.
    """
    told: dict[str, list[str]] = {}
    for name, aliases in registry.aliases(folded).items():
        told[name] = [_of_alias(alias) for alias in aliases if alias.missing]
    versions = registry.model_versions(folded)
    logged = _logged(folded, versions)
    for version in versions.iter_rows(named=True):
        run_id, label = version["source_run_id"], f"version {version['version']}"
        why = absent.of(run_id) if run_id else None
        lost = _lost(version, logged.get(version["owner_id"]), artifacts)
        found = [f"{label} names its run, but {why}"] if why else []
        found += [f"{label} has lost {lost}"] if lost else []
        told.setdefault(version["name"], []).extend(found)
    return told


def _of_alias(alias: Alias) -> str:
    return f"alias {alias.name!r} points at a version that is not in this store"


def _logged(folded: pl.DataFrame, versions: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Return id → artifacts of the runs whose files are those of a version."""
    mine = folded.filter(pl.col("run_id").is_in(versions["owner_id"].drop_nulls().implode()))
    rows = mine.filter(pl.col("kind") != "model_version").select("run_id", "artifacts")
    return {run_id: artifacts or [] for run_id, artifacts in rows.iter_rows()}


def _lost(
    version: Mapping[str, Any], logged: list[dict[str, Any]] | None, artifacts: Path
) -> str | None:
    """Return which files of a version are gone; None where all are there or nobody can tell."""
    owner, path = version["owner_id"], version["source_path"]
    if not path or logged is None or not RUN_ID.fullmatch(owner):
        return None
    files = [it for it in logged if f"{it['path']}/".startswith(f"{path}/")]
    gone = [it for it in files if not _is_there(artifacts / owner, it.get("file") or it["path"])]
    if len(gone) == len(files):
        return f"its files: there is no {path!r} among the artifacts of run {owner[:8]}…"
    return f"{len(gone)} of its {len(files)} files" if gone else None


def _is_there(folder: Path, name: str) -> bool:
    try:
        inside(folder, name)
    except (ArgumentError, NotFoundError, OSError):
        return False
    return True
