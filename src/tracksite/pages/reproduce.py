"""How to make a run again: what is known, what is missing, and the commands."""

from __future__ import annotations

import re
import shlex
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracksite.query.standing import is_seed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_PACKAGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_HOSTS = {
    "github.com": "commit",
    "gitlab.com": "-/commit",
    "codeberg.org": "commit",
    "bitbucket.org": "commits",
}
_REMOTE = re.compile(
    r"(?:https://|ssh://)?(?:git@)?(?P<host>[a-z0-9.-]+)[:/](?P<path>[\w.-]+(?:/[\w.-]+)+)"
)
_OWN = "tracksite"
_LINE_WIDTH = 76


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
    seeds = [it for it in run["params"] or [] if is_seed(it["key"], seed_params)]
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


def commands(run: Mapping[str, Any], diff_name: str) -> str:
    """Return the shell commands that make the run again, as far as they are known.

    Args:
        run: the folded row of the run.
        diff_name: file name of the recorded diff of the working tree.
    """
    lines: list[str] = []
    remote, commit = run["git_remote"], run["git_commit"]
    if commit and _COMMIT.fullmatch(commit):
        if remote:
            lines.append(f"git clone {shlex.quote(_line(remote))} reproduce && cd reproduce")
        lines.append(f"git checkout {commit}")
        if run["git_dirty"] and run["git_diff"]:
            lines.append(f"git apply {diff_name}   # the uncommitted changes, see below")
    environment = {it["key"]: it["text"] for it in run["environment"] or []}
    python = environment.get("python")
    pins = _pins(environment)
    if pins:
        note = f"   # Python {_line(python)}" if python else ""
        lines.append(f"python -m venv .venv && . .venv/bin/activate{note}")
        lines.append(_wrapped("pip install", pins))
    if run["command"]:
        lines.append(_line(run["command"]))
    return "\n".join(lines)


def _wrapped(command: str, words: Sequence[str]) -> str:
    """Return a command with many arguments in lines that fit a page."""
    text = textwrap.fill(
        " ".join(words), _LINE_WIDTH, break_long_words=False, break_on_hyphens=False
    )
    return f"{command} " + text.replace("\n", " \\\n    ")


def _line(text: str) -> str:
    """Return a text in one line, without characters that could hide or break a command."""
    return _CONTROL.sub(" ", text).strip()


def _pins(environment: Mapping[str, str]) -> list[str]:
    return [
        f"{name}=={version}"
        for key, version in sorted(environment.items())
        if key.startswith("package:")
        and _PACKAGE.fullmatch(name := key.removeprefix("package:"))
        and _VERSION.fullmatch(version)
        and name.lower() != _OWN
    ]


def commit_url(remote: str | None, commit: str | None) -> str | None:
    """Return the page of a commit at a well-known host, or None."""
    found = _REMOTE.fullmatch((remote or "").rstrip("/").removesuffix(".git"))
    if not found or not commit or not _COMMIT.fullmatch(commit):
        return None
    middle = _HOSTS.get(found["host"])
    return f"https://{found['host']}/{found['path']}/{middle}/{commit}" if middle else None
