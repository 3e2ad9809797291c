"""The state of the git repository that the code of this process comes from."""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from tracksite.masking.files import LEFT_OUT, holds_secrets

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_S = 5.0  # for all questions together
DIFF_BYTES = 200_000
ANSWER_BYTES = 1_000_000


@dataclass(frozen=True)
class GitState:
    """What git says; None where it does not.

    Attributes:
        root: the top folder of the working tree.
        commit: of HEAD, 40 hex digits.
        branch: None when HEAD is detached.
        dirty: whether tracked files differ from HEAD.
        remote: URL of origin, without user name, password and query.
        diff: tracked files against HEAD, at most 200 kB; of files that hold keys or passwords by
            their names only that they were left out. Secrets in other files are still in it.
    """

    root: str
    commit: str | None = None
    branch: str | None = None
    dirty: bool | None = None
    remote: str | None = None
    diff: str | None = None


@functools.cache
def state(folder: Path) -> GitState | None:
    """Return the state of the repository around a folder, or None when there is none.

    It is asked for once per process, because the code of a process is loaded once: the state at
    its first run is the nearest to what really runs. All questions together take at most 5 s; an
    unanswered one costs only its own answer.
    """
    until = time.monotonic() + LIMIT_S
    root = _ask(folder, until, "rev-parse", "--show-toplevel")
    if not root or not root.strip():
        return None
    status = _ask(
        *(folder, until, "status", "--porcelain=v2", "--branch", "--untracked-files=no", "-z"),
        errors="surrogateescape",
    )
    commit, branch, changed = _read_status(status)
    remote = _ask(folder, until, "config", "--get", "remote.origin.url")
    diff = _diff(folder, until, changed) if changed and commit else None
    return GitState(
        root.strip(),
        commit,
        branch,
        None if changed is None else bool(changed),
        remote and bare_url(remote),
        diff and _shorten(diff),
    )


def _read_status(
    status: str | None,
) -> tuple[str | None, str | None, list[tuple[str, ...]] | None]:
    """Return commit, branch, and the paths of each change: two where a file was renamed."""
    if status is None:
        return None, None, None
    records = iter(status.split("\0"))
    heads: dict[str, str] = {}
    changed: list[tuple[str, ...]] = []
    for record in records:
        if record.startswith("# "):
            key, _, value = record[2:].partition(" ")
            heads[key] = value
        elif record.startswith("2 "):
            changed.append((record.split(" ", 9)[-1], next(records, "")))
        elif record:
            changed.append((record.split(" ", 10 if record.startswith("u") else 8)[-1],))
    commit, branch = heads.get("branch.oid"), heads.get("branch.head")
    return (
        None if commit in {None, "(initial)"} else commit,
        None if branch in {None, "(detached)"} else branch,
        changed,
    )


def _diff(folder: Path, until: float, changed: list[tuple[str, ...]]) -> str | None:
    """Return the diff against HEAD without the files that hold secrets, whose names come first."""
    hidden = [paths for paths in changed if any(map(holds_secrets, paths))]
    without = [f":(top,exclude,literal){path}" for paths in hidden for path in paths]
    diff = _ask(
        *(folder, until, "-c", "diff.submodule=short", "-c", "diff.relative=false"),
        *("diff", "--no-ext-diff", "--no-textconv", "--no-color", "HEAD", "--", ":/", *without),
    )
    names = [f"{LEFT_OUT}{' from '.join(paths)}, which may hold secrets]\n" for paths in hidden]
    return None if diff is None else "".join(names).encode(errors="replace").decode() + diff


def _ask(folder: Path, until: float, *question: str, errors: str = "replace") -> str | None:
    """Return the answer of one git command, or None when it fails or time is up.

    Bytes that are no UTF-8 are decoded as `errors` says.
    """
    left = until - time.monotonic()
    if left <= 0:
        return None
    environment = {
        **os.environ,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LITERAL_PATHSPECS": "0",
        "LC_ALL": "C",
    }
    try:
        with tempfile.TemporaryFile() as answer:
            subprocess.run(
                ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *question],
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=subprocess.DEVNULL,
                env=environment,
                timeout=left,
                check=True,
            )
            answer.seek(0)
            return answer.read(ANSWER_BYTES).decode(errors=errors)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def bare_url(remote: str) -> str:
    """Return a remote's URL without user name, password, query and fragment."""
    remote = remote.strip()
    try:
        parts = urlsplit(remote)
    except ValueError:  # such as an address in brackets that is none
        return remote.rpartition("@")[2]
    if not parts.scheme or not parts.netloc:
        host, colon, path = remote.partition(":")  # git@host:path
        return f"{host.rpartition('@')[2]}:{path}" if colon else remote
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _shorten(diff: str) -> str:
    content = diff.encode()
    if len(content) <= DIFF_BYTES:
        return diff
    kept = content[:DIFF_BYTES].decode(errors="ignore").rpartition("\n")[0]
    return f"{kept}\n[shortened: the first {DIFF_BYTES // 1000} kB of the diff are kept]\n"
