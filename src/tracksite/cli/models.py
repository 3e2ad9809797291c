"""models: the registered models and their versions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracksite.cli.options import json_option, snapshot_of, store_argument
from tracksite.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracksite.query.registry import Alias
    from tracksite.schema import Snapshot

_COLUMNS = ("model", "version", "stage", "aliases", "run", "path", "created_at")


@click.command()
@store_argument
@json_option
def models(*, store: str, as_json: bool) -> None:
    """List the registered models and their versions.

    \b
    Examples:
      tracksite models
      tracksite models runs --json | jq '.[] | {name, aliases}'
    """  # noqa: D301 - \b keeps click from wrapping a block
    from tracksite.query.lookup import short_length

    snapshot = snapshot_of(store)
    found = registered(snapshot)
    if as_json:
        print_json(found)
        return
    length = short_length(sorted(snapshot.stamps)) if sys.stdout.isatty() else None
    rows = [
        _row(model, version, length) for model in found for version in model["versions"] or [{}]
    ]
    if rows or not sys.stdout.isatty():
        print_table(_COLUMNS, rows)
    for model in found:
        for text in model["missing"]:
            say(f"{model['name']}: {text}.")
    if not rows:
        say("No model is registered. Register one with tracksite.register_model(run_id, name).")


def registered(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the models, each with its aliases and versions, oldest version first."""
    from tracksite.analysis import links
    from tracksite.query import lookup, registry
    from tracksite.query.runs import fold

    artifacts = Path(snapshot.root) / "artifacts"
    folded = fold(snapshot)
    versions = registry.model_versions(folded).to_dicts()
    aliases, missing = (
        registry.aliases(folded),
        links.missing(folded, lookup.absences(folded, snapshot.purged), artifacts),
    )
    found = []
    for model in registry.models(folded).to_dicts():
        own = [row for row in versions if row["name"] == model["name"]]
        pointing = aliases.get(model["name"], [])
        found.append(
            {
                "name": model["name"],
                "description": model["description"],
                "tags": _pairs(model["tags"]),
                "aliases": {it.name: str(it.version) for it in pointing if it.version is not None},
                "versions": [_version(row, pointing) for row in own],
                "missing": missing.get(model["name"], []),
            }
        )
    return found


def _version(row: dict[str, Any], aliases: Sequence[Alias]) -> dict[str, Any]:
    return {
        "version": row["version"],
        "stage": row["stage"],
        "aliases": [it.name for it in aliases if it.version == row["version"]],
        "description": row["description"],
        "tags": _pairs(row["tags"]),
        "source_run_id": row["source_run_id"],
        "source_path": row["source_path"],
        "created_at": row["first_at"],
    }


def _pairs(items: list[dict[str, Any]] | None) -> dict[str, Any]:
    return {item["key"]: item["text"] for item in items or ()}


def _row(model: dict[str, Any], version: dict[str, Any], length: int | None) -> list[object]:
    """Return the cells of _COLUMNS; the run's id in so many digits."""
    return [
        model["name"],
        version.get("version"),
        version.get("stage"),
        ", ".join(version.get("aliases", ())),
        (version.get("source_run_id") or "")[:length],
        version.get("source_path"),
        version.get("created_at"),
    ]
