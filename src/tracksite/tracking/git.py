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
        diff: tracked files against HEAD, at most 200 kB.
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
    status = _ask(folder, until, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    commit, branch, dirty = _read_status(status)
    remote = _ask(folder, until, "config", "--get", "remote.origin.url")
    diff = (
        _ask(folder, until, "diff", "--no-ext-diff", "--no-textconv", "--no-color", "HEAD")
        if dirty and commit
        else None
    )
    return GitState(
        root.strip(), commit, branch, dirty, remote and bare_url(remote), diff and _shorten(diff)
    )


def _read_status(status: str | None) -> tuple[str | None, str | None, bool | None]:
    if status is None:
        return None, None, None
    lines = status.splitlines()
    heads = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch."))
    commit, branch = heads.get("branch.oid"), heads.get("branch.head")
    return (
        None if commit in {None, "(initial)"} else commit,
        None if branch in {None, "(detached)"} else branch,
        any(line and not line.startswith("#") for line in lines),
    )


def _ask(folder: Path, until: float, *question: str) -> str | None:
    """Return the answer of one git command, or None when it fails or time is up."""
    left = until - time.monotonic()
    if left <= 0:
        return None
    environment = {
        **os.environ,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
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
            return answer.read(ANSWER_BYTES).decode(errors="replace")
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def bare_url(remote: str) -> str:
    """Return a remote's URL without user name, password, query and fragment."""
    remote = remote.strip()
    parts = urlsplit(remote)
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
