"""The registered models: one page for all of them, and one for each with its versions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from tracksite import paths
from tracksite.model import Page
from tracksite.pages import notes
from tracksite.pages.context import digest
from tracksite.query.registry import IS_PROMPT, PROMPT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tracksite.pages.context import Context


def pages(context: Context) -> Iterator[Page]:
    """Return the page of all models and the page of each; a version alone makes a model too."""
    models = _models(context)
    versions = [it for model in models for it in model["versions"]]
    sources = {it[name] for it in versions for name in ("source_run_id", "owner_id")}
    yield Page(paths.MODELS, "models.html", _inputs(context, models), partial(_index, models))
    rows = _rows(context, sources)
    for model in models:
        inputs = _inputs(context, [model])
        yield Page(
            paths.model_page(model["name"]),
            "model.html",
            inputs,
            partial(_page, context, model, rows),
        )


def _models(context: Context) -> list[dict[str, Any]]:
    """Return every model with its versions, newest first, each with the aliases that name it."""
    entities = {row["name"]: row for row in context.models.iter_rows(named=True)}
    versions: dict[str, list[dict[str, Any]]] = {name: [] for name in entities}
    for row in context.versions.sort("version", descending=True).iter_rows(named=True):
        versions.setdefault(row["name"], []).append(row)
    return [
        _model(context, name, entities.get(name, {}), versions[name])
        for name in sorted(versions, key=str.casefold)
    ]


def _model(
    context: Context, name: str, entity: Mapping[str, Any], versions: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    aliases: dict[int | None, list[str]] = {}
    for alias in context.aliases.get(name, ()):
        aliases.setdefault(alias.version, []).append(alias.name)
    return {
        "name": name,
        "model_id": entity.get("model_id"),
        "description": entity.get("description"),
        "tags": entity.get("tags") or [],
        "is_prompt": _tag(entity.get("tags"), IS_PROMPT) == "true",
        "missing": context.missing_of_models.get(name, []),
        "versions": [
            version
            | {
                "aliases": aliases.get(version["version"], []),
                "tags": [it for it in version["tags"] or [] if it["key"] != PROMPT],
                "prompt": _tag(version["tags"], PROMPT),
            }
            for version in versions
        ],
    }


def _tag(tags: Iterable[Mapping[str, str]] | None, key: str) -> str | None:
    return next((it["text"] for it in tags or () if it["key"] == key), None)


def _inputs(context: Context, models: Sequence[Mapping[str, Any]]) -> str:
    facts = []
    for model in models:
        versions = model["versions"]
        ids = [model["model_id"], *(it["version_id"] for it in versions)]
        sources = {it[name] for it in versions for name in ("source_run_id", "owner_id")}
        stamps = context.stamps(it for it in (*ids, *sources) if it)
        shown = [[it["version_id"], it["version"], it["aliases"]] for it in versions]
        facts.append([model["name"], stamps, shown, model["missing"]])
    goals = {name: goal and goal.metric for name, goal in context.goals.items()}
    return digest("models", facts, goals)


def _rows(context: Context, sources: Iterable[str | None]) -> dict[str, dict[str, Any]]:
    """Return the folded rows of the runs that models came from."""
    wanted = pl.col("run_id").is_in([it for it in sources if it])
    return {row["run_id"]: row for row in context.runs.filter(wanted).iter_rows(named=True)}


def _index(models: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"nav": "models", "models": models}


def _page(
    context: Context, model: Mapping[str, Any], rows: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    return {
        "nav": "models",
        "model": model,
        "missing": model["missing"],
        "description": notes.html(model["description"]),
        "versions": [
            version
            | _origin(context, version, rows)
            | {"absent": version["source_run_id"] and context.absent.of(version["source_run_id"])}
            | {"notes": notes.html(version["description"])}
            for version in model["versions"]
        ],
    }


def _origin(
    context: Context, version: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return what is known of where a version is from: run, metric, size, files, digest, flavour.

    The files are those of its run, or of the one that owns them.
    """
    run, folder = rows.get(version["source_run_id"]), f"{version['source_path']}/"
    owner = rows.get(version["owner_id"], {})
    files = [it for it in owner.get("artifacts") or [] if it["path"].startswith(folder)]
    output = next(
        (it for it in owner.get("outputs") or [] if it["path"] == version["source_path"]), None
    )
    return {
        "run": run,
        "metric": _metric(context, run),
        "bytes": sum(it["bytes"] or 0 for it in files) if files else None,
        "files": len(files),
        "digest": output and output["digest"],
        "flavor": output and output["flavor"],
    }


def _metric(context: Context, run: Mapping[str, Any] | None) -> tuple[str, float] | None:
    """Return the primary metric of a run's experiment, and its last value in that run."""
    goal = context.goals.get(run["experiment"]) if run else None
    if run is None or goal is None:
        return None
    values = {it["key"]: it["last"] for it in run["metrics"] or []}
    value = values.get(goal.metric)
    return None if value is None else (goal.metric, value)
