"""Which process writes a live log, and whether it still does."""

from __future__ import annotations

import os
from typing import Any

from tracksite.store import system

_ENDED = "ended"


def identity() -> dict[str, Any]:
    """Return what a live log's header says of this process: pid, its start, where pids count."""
    pid = os.getpid()
    return {
        "pid": pid,
        "pid_started": _started(pid),
        "host": system.host_name(),
        "pid_space": system.pid_space(),
    }


def is_running(header: dict[str, Any]) -> bool | None:
    """Tell whether the process that a live log's header names runs; None where nobody can tell.

    That is of another machine, another container, or where the system hides the processes of
    others: then `life` goes by the signs that it gave.
    """
    pid, started = header.get("pid"), header.get("pid_started")
    if not is_local(header) or not isinstance(pid, int):
        return None
    exists = system.pid_exists(pid)
    if not exists:
        return exists
    found = _started(pid)
    if found == _ENDED:
        return False
    return found == started if found and started else None


def is_local(header: dict[str, Any]) -> bool:
    """Tell whether the pid in a live log's header means something here: never by a host's name."""
    space = header.get("pid_space")
    boot, _, inner = space.partition("/") if isinstance(space, str) else ("", "", "")
    return bool(boot and inner) and space == system.pid_space()


def _started(pid: int) -> str:
    """Return the start time of a process in clock ticks since boot, or "" where unknown."""
    fields = system.text_of(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if len(fields) <= 19:  # noqa: PLR2004 - the 22nd field, after the number and the name
        return ""
    return _ENDED if fields[0] == "Z" else fields[19]
