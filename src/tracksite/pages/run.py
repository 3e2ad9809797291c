"""The page of a run, its machine-readable twin, and the artifacts that are published with it."""

from __future__ import annotations

import math
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from tracksite import paths
from tracksite.budgets import DIFF_CHARACTERS
from tracksite.charts.numbers import machine_time
from tracksite.masking import MASK
from tracksite.model import Masked, Page
from tracksite.pages import curves, files, notes, reproduce, shell
from tracksite.pages.context import digest
from tracksite.pages.hiding import IN_FILE
from tracksite.pages.script import json_text
from tracksite.query.metric_names import read
from tracksite.query.standing import COUNTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracksite.pages.context import Context

DIFF_NAME = "uncommitted.diff"
_CHILD_METRICS = 4
_DIFF_LINES = 200


def pages(context: Context) -> Iterator[Page]:
    """Return the pages of all runs, oldest first, and of runs of which only damage is left."""
    facts = _Facts(context)
    limit, allow = context.settings.artifacts.max_bytes, context.settings.no_secrets
    columns = context.runs.select("run_id", "parent_run_id", "artifacts", "git_diff")
    for at, (run_id, parent, artifacts, diff) in reversed(list(enumerate(columns.iter_rows()))):
        folder = context.artifacts / run_id
        inputs = facts.digest_of(run_id, parent, files.on_disk(artifacts or [], folder))
        yield Page(paths.run_page(run_id), "run.html", inputs, partial(_page, facts, at), run_id)
        yield Page(paths.run_json(run_id), None, inputs, partial(_twin, facts, at), run_id)
        if diff:
            yield Page(_diff_path(run_id), None, digest(diff), partial(str, diff))
        yield from files.pages(run_id, artifacts or [], folder, limit, allow)
    for run_id, problems in context.problems_of.items():
        if run_id not in facts.names and paths.run_id_of(paths.run_page(run_id)):
            inputs = digest([problem.message for problem in problems])
            lost = partial(_lost, run_id, [problem.message for problem in problems])
            yield Page(paths.run_page(run_id), "lost.html", inputs, lost)


def _diff_path(run_id: str) -> str:
    return f"runs/{run_id}/{DIFF_NAME}"


def _lost(run_id: str, messages: Sequence[str]) -> dict[str, Any]:
    return {"run_id": run_id, "messages": messages}


class _Facts:
    """What pages of runs need to know of other entities, gathered once for a build."""

    def __init__(self, context: Context) -> None:
        self.context = context
        rows = context.runs.select("run_id", "name", "status", "parent_run_id", "experiment")
        self.names: dict[str, tuple[str, str, str]] = {}
        self.children: dict[str, list[int]] = {}
        for at, (run_id, name, status, parent, experiment) in enumerate(rows.iter_rows()):
            self.names[run_id] = (name or run_id[:8], status, experiment)
            if parent is not None and parent != run_id:
                self.children.setdefault(parent, []).append(at)
        self.ids: list[str] = rows["run_id"].to_list()
        self.masked: dict[str, list[str]] = dict(_masked_params(context.runs).iter_rows())
        self.versions: dict[str, list[dict[str, Any]]] = {}
        versions = context.versions.drop("claim", "owner_id", "deleted")
        for version in versions.iter_rows(named=True):
            self.versions.setdefault(version["source_run_id"], []).append(version)

    def digest_of(self, run_id: str, parent: str | None, sizes: Sequence[int | None]) -> str:
        """Return the digest of all that the page of a run is made from.

        Args:
            run_id: whose page.
            parent: the run that it is nested in.
            sizes: how much of each of its artifacts is on disk.
        """
        children = [self.ids[at] for at in self.children.get(run_id, [])]
        versions = self.versions.get(run_id, [])
        return digest(
            self.context.stamps([run_id, *children]),
            self.names.get(parent or ""),
            parent and self.context.absent.of(parent),
            self.names[run_id][2],
            self.masked.get(run_id),  # numbered, if other runs have other secrets there
            sizes,
            [[it["name"], it["version"], it["stage"]] for it in versions],
            [problem.message for problem in self.context.problems_of.get(run_id, ())],
        )

    def row(self, at: int) -> dict[str, Any]:
        """Return the folded row of one run, its lists never null."""
        row = self.context.runs.row(at, named=True)
        lists = ("params", "tags", "metrics", "artifacts", "inputs", "outputs", "environment")
        return row | {name: row[name] or [] for name in lists}


def _masked_params(runs: pl.DataFrame) -> pl.DataFrame:
    """Return `run_id, texts`: the params of the runs that have masked ones, as they are shown."""
    text = pl.element().struct.field("text")
    masked = pl.col("params").list.eval(text.filter(text.str.contains(MASK, literal=True)))
    return runs.select("run_id", texts=masked).filter(pl.col("texts").list.len() > 0)


def _page(facts: _Facts, at: int) -> dict[str, Any]:
    context, run = facts.context, facts.row(at)
    run_id = run["run_id"]
    series = context.series.of(run_id)
    gallery = _gallery(context, run)
    environment = {it["key"]: it["text"] for it in run["environment"]}
    return {
        "run": run,
        "title": run["name"] or run_id[:8],
        "standing": paths.standing_script(run["experiment"]),
        "counts": run["status"] == COUNTED,
        "parent": _parent(facts, run),
        "children": _children(facts, run_id),
        "versions": facts.versions.get(run_id, []),
        "problems": context.problems_of.get(run_id, ()),
        "sections": curves.sections(run["metrics"], series),
        "gallery": gallery,
        "masked": [
            Masked(run_id, f"{IN_FILE}{file.path}", file.secret)
            for file in gallery.files
            if file.secret
        ],
        "most_listed": files.MOST_LISTED,
        "description": notes.html(run["description"]),
        "checklist": reproduce.checklist(run, context.settings.seed_params),
        "missing": context.missing_for(run_id),
        "commands": shell.commands(run, DIFF_NAME),
        "commit_url": reproduce.commit_url(run["git_remote"], run["git_commit"]),
        "diff": _diff(run),
        "machine": {k: v for k, v in environment.items() if not k.startswith("package:")},
        "packages": {
            key.removeprefix("package:"): text
            for key, text in environment.items()
            if key.startswith("package:")
        },
        "twin": paths.run_json(run_id),
    }


def _gallery(context: Context, run: Mapping[str, Any]) -> files.Gallery:
    """Return what is shown of a run's artifacts; which of them hold secrets is remembered."""
    run_id, settings = run["run_id"], context.settings
    gallery = files.gallery(
        run_id,
        run["artifacts"],
        context.artifacts / run_id,
        settings.artifacts.max_bytes,
        settings.no_secrets,
    )
    secret = frozenset(file.path for file in gallery.files if file.secret)
    context.once(_secret_files_name(run_id), lambda: secret)
    return gallery


def _secret_files(context: Context, run: Mapping[str, Any]) -> frozenset[str]:
    """Return the paths of a run's artifacts that are not published for what they hold."""
    name = _secret_files_name(run["run_id"])
    return context.once(
        name, lambda: frozenset(it.path for it in _gallery(context, run).files if it.secret)
    )


def _secret_files_name(run_id: str) -> str:
    return f"files of {run_id} with secrets"


def _parent(facts: _Facts, run: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the parent of a run, if it has one; `absent` says why, where it has no page."""
    parent = run["parent_run_id"]
    if parent is None:
        return None
    name, status, _ = facts.names.get(parent, (parent[:8], "", ""))
    absent = facts.context.absent.of(parent)
    return {"run_id": parent, "name": name, "status": status, "absent": absent}


def _children(facts: _Facts, run_id: str) -> dict[str, Any]:
    """Return the children of a run, oldest first, and the metrics that most of them have.

    Those that measure something come before deviations, times and the like.
    """
    rows = [facts.row(at) for at in reversed(facts.children.get(run_id, []))]
    values = [{it["key"]: it["last"] for it in row["metrics"]} for row in rows]
    counts: dict[str, int] = {}
    for metrics in values:
        for key in metrics:
            counts[key] = counts.get(key, 0) + 1
    keys = sorted(counts, key=lambda key: (read(key).never, -counts[key], key))
    shown = keys[:_CHILD_METRICS]
    return {
        "keys": shown,
        "rows": [
            row | {"values": [metrics.get(key) for key in shown]}
            for row, metrics in zip(rows, values, strict=True)
        ],
    }


def _diff(run: Mapping[str, Any]) -> dict[str, Any] | None:
    if not run["git_diff"]:
        return None
    lines = run["git_diff"].splitlines()
    text = "\n".join(lines[:_DIFF_LINES])
    shown = text[:DIFF_CHARACTERS]
    whole = len(lines[:_DIFF_LINES]) if shown == text else shown.count("\n")
    return {
        "path": _diff_path(run["run_id"]),
        "text": shown,
        "more": len(lines) - whole,
    }


def _twin(facts: _Facts, at: int) -> str:
    """Return run.json: the folded row, with times as text and links to what is published."""
    run = facts.row(at)
    context = facts.context
    limit, allow = context.settings.artifacts.max_bytes, context.settings.no_secrets
    published = files.listed(run["run_id"], run["artifacts"], limit, allow)
    hidden = _secret_files(context, run)
    targets = {file.path: file.target for file in published if file.path not in hidden}
    source = paths.run_json(run["run_id"])
    told = {
        **run,
        "artifacts": [
            {
                **{name: it[name] for name in ("path", "bytes", "sha256")},
                "url": (target := targets.get(it["path"])) and paths.relative(source, target),
            }
            for it in run["artifacts"]
        ],
        "children": [facts.ids[child] for child in facts.children.get(run["run_id"], [])],
        "model_versions": facts.versions.get(run["run_id"], []),
        "problems": [it.message for it in context.problems_of.get(run["run_id"], ())],
    }
    return json_text({key: _plain(told[key]) for key in sorted(told)})


def _plain(value: object) -> object:
    """Return a value as JSON has it: times in UTC as text; NaN and infinities as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, datetime):
        return machine_time(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
