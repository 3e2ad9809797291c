"""Which process writes a live log, and whether it still does."""

from __future__ import annotations

import os
import socket
import time
from functools import cache
from pathlib import Path
from typing import Any

HEARTBEAT_LIMIT_S = 60.0


def identity() -> dict[str, Any]:
    """Return what a live log's header says of this process: pid, its start, where pids count."""
    pid = os.getpid()
    return {"pid": pid, "pid_started": _started(pid), "host": _host(), "pid_space": _pid_space()}


def is_alive(header: dict[str, Any], heartbeat: float, now: float | None = None) -> bool:
    """Tell whether the writer of a live log still runs.

    Args:
        header: the log's header, with what `identity` returned.
        heartbeat: the log's modification time, seconds since 1970: set each second by its writer.
        now: seconds since 1970; the clock when None. Looked at only where the pid means nothing
            here (another host, another container): then a heartbeat counts that is within a
            minute of it. One from a future further off is no sign of life: it comes from a clock
            that is wrong, and would otherwise keep a dead run running for as long.
    """
    if is_local(header):
        pid = header.get("pid")
        return isinstance(pid, int) and _exists(pid) and _started(pid) == header.get("pid_started")
    return abs((time.time() if now is None else now) - heartbeat) < HEARTBEAT_LIMIT_S


def is_local(header: dict[str, Any]) -> bool:
    """Tell whether the pid in a live log's header means something here."""
    return header.get("pid_space") == _pid_space() and header.get("host") == _host()


@cache
def _host() -> str:
    return socket.gethostname()


def _pid_space() -> str:
    """Return the boot and the pid namespace in which our pids mean something."""
    return f"{_read('/proc/sys/kernel/random/boot_id')}/{_link('/proc/self/ns/pid')}"


def _started(pid: int) -> str:
    """Return the start time of a process in clock ticks since boot, or "" where unknown."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] != "Z" else ""  # noqa: PLR2004


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
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
