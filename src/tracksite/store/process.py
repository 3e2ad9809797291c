"""Which process writes a live log, and whether it still does."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path
from typing import Any

_ENDED = "ended"


def identity() -> dict[str, Any]:
    """Return what a live log's header says of this process: pid, its start, where pids count."""
    pid = os.getpid()
    return {"pid": pid, "pid_started": _started(pid), "host": _host(), "pid_space": _pid_space()}


def is_running(header: dict[str, Any]) -> bool | None:
    """Tell whether the process that a live log's header names runs; None where nobody can tell.

    That is of another machine, another container, or where the system hides the processes of
    others: then `life` goes by the signs that it gave.
    """
    pid, started = header.get("pid"), header.get("pid_started")
    if not is_local(header) or not isinstance(pid, int):
        return None
    if not _exists(pid):
        return False
    found = _started(pid)
    if found == _ENDED:
        return False
    return found == started if found and started else None


def is_local(header: dict[str, Any]) -> bool:
    """Tell whether the pid in a live log's header means something here: never by a host's name."""
    space = header.get("pid_space")
    boot, _, inner = space.partition("/") if isinstance(space, str) else ("", "", "")
    return bool(boot and inner) and space == _pid_space()


@cache
def _host() -> str:
    return socket.gethostname()


def _pid_space() -> str:
    """Return the boot and the pid namespace in which our pids mean something."""
    return f"{_read('/proc/sys/kernel/random/boot_id')}/{_link('/proc/self/ns/pid')}"


def _started(pid: int) -> str:
    """Return the start time of a process in clock ticks since boot, or "" where unknown."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if len(fields) <= 19:  # noqa: PLR2004 - the 22nd field, after the number and the name
        return ""
    return _ENDED if fields[0] == "Z" else fields[19]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # no system has that many
        return False
    except OSError:
        return True
    return True


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""
