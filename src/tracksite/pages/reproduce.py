"""How to make a run again: what is known of it, and what is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracksite.query.standing import is_seed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_UNSET = ("", "none", "null", "nan")  # of a seed: it was drawn anew in each run
_HOSTS = {
    "github.com": "commit",
    "gitlab.com": "-/commit",
    "codeberg.org": "commit",
    "bitbucket.org": "commits",
}
_REMOTE = re.compile(
    r"(?:https://|ssh://)?(?:git@)?(?P<host>[a-z0-9.-]+)[:/](?P<path>[\w.-]+(?:/[\w.-]+)+)"
)


@dataclass(frozen=True)
class Item:
    """One thing that a repetition needs: whether it is known, and what is known."""

    name: str
    known: bool
    text: str


def checklist(run: Mapping[str, Any], seed_params: Sequence[str]) -> list[Item]:
    """Return what a repetition of the run needs, each with what was recorded of it."""
    environment = {it["key"]: it["text"] for it in run["environment"] or []}
    packages = sum(key.startswith("package:") for key in environment)
    seeds = [
        it
        for it in run["params"] or []
        if is_seed(it["key"], seed_params) and (it["text"] or "").lower() not in _UNSET
    ]
    inputs = run["inputs"] or []
    digests = sum(it["digest"] is not None for it in inputs)
    return [
        _code(run),
        Item("Command", bool(run["command"]), run["command"] or "not recorded"),
        Item("Python", "python" in environment, environment.get("python", "not recorded")),
        Item("Packages", packages > 0, f"{packages} with versions" if packages else "not recorded"),
        Item(
            "Data",
            bool(inputs) and digests == len(inputs),
            f"{digests} of {len(inputs)} data sets with a digest"
            if inputs
            else "no data set was logged with log_input",
        ),
        Item(
            "Seed",
            bool(seeds),
            ", ".join(f"{it['key']} = {it['text']}" for it in seeds)
            or "no seed among the params: a repetition may differ",
        ),
    ]


def _code(run: Mapping[str, Any]) -> Item:
    if not run["git_commit"]:
        return Item("Code", known=False, text="no commit was recorded")
    commit = run["git_commit"][:12]
    if run["git_dirty"] is None:
        return Item("Code", known=False, text=f"commit {commit}, not known whether it was changed")
    if not run["git_dirty"]:
        return Item("Code", known=True, text=f"commit {commit}, clean")
    tail = "the diff is kept" if run["git_diff"] else "the changes were not recorded"
    return Item("Code", known=False, text=f"commit {commit} with uncommitted changes: {tail}")


def commit_url(remote: str | None, commit: str | None) -> str | None:
    """Return the page of a commit at a well-known host, or None."""
    found = _REMOTE.fullmatch((remote or "").rstrip("/").removesuffix(".git"))
    if not found or not commit or not _COMMIT.fullmatch(commit):
        return None
    middle = _HOSTS.get(found["host"])
    return f"https://{found['host']}/{found['path']}/{middle}/{commit}" if middle else None
