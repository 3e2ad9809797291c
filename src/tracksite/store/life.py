"""Life: whether the writer of a live log is still there, whatever the clocks say.

Of this machine, the number of the process tells. Of another one, its sign of life: the time of the
log, which the file server sets as the writer writes a byte each second. It is held against the
clock of the same file system, not against ours. And a log that moved between two looks of this
process is alive, even if the clocks speak against it; one that did not for long enough is not.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracksite.store import ages, process

if TYPE_CHECKING:
    from pathlib import Path

HEARTBEAT_LIMIT_S = 180.0  # for which a sign of life counts
ABANDONED_S = 86_400.0  # after which a silent log of another machine is given up
_MOST_LOOKS = 4096


@dataclass(frozen=True)
class _Look:
    """The time of a log when we looked, since when it has that, and if it had moved then."""

    heartbeat: float
    since: float
    moved: bool


_looks: dict[Path, _Look] = {}


def is_alive(header: dict[str, Any], log: Path, heartbeat: float) -> bool:
    """Tell whether the writer of a live log still runs.

    Args:
        header: the log's header, with what `process.identity` returned.
        log: the log's path.
        heartbeat: its modification time, seconds since 1970.
    """
    known = process.is_running(header)
    if known is not None:
        return known
    silent_s, moved = _looked(log, heartbeat)
    if silent_s >= HEARTBEAT_LIMIT_S:
        return False
    return moved or abs(ages.recent_clock_of(log.parent) - heartbeat) < HEARTBEAT_LIMIT_S


def is_abandoned(log: Path, heartbeat: float, now: float) -> bool:
    """Tell whether a log of another machine was silent for a day, also between looks of ours."""
    silent_s, moved = _looked(log, heartbeat)
    return now - heartbeat > ABANDONED_S and not (moved and silent_s < ABANDONED_S)


def _looked(log: Path, heartbeat: float) -> tuple[float, bool]:
    """Return for how long a log has been as it is, as far as we saw, and if we saw it move."""
    now, before = time.monotonic(), _looks.get(log)
    if before is None or before.heartbeat != heartbeat:
        if len(_looks) >= _MOST_LOOKS:
            _looks.clear()
        moved = before is not None and heartbeat > before.heartbeat  # an older copy goes back
        _looks[log] = _Look(heartbeat, now, moved)
        return 0.0, moved
    return now - before.since, before.moved
