"""Ages: for how long a file has been where it is, by the clock of the file system that it is on.

On a network mount that is the server's clock: a machine whose own is an hour ahead takes nothing
for an hour older than it is.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_CLOCK_S = 10.0  # for which we remember the time of a file system
_clocks: dict[Path, tuple[float, float]] = {}  # folder → its time, and ours when it was that


def recent_clock_of(folder: Path) -> float:
    """Return the time of a folder's file system as `clock_of`, which is asked now and then."""
    known, at = _clocks.get(folder, (0.0, -_CLOCK_S))
    now = time.monotonic()
    if now - at < _CLOCK_S:
        return known + now - at
    found = clock_of(folder)
    _clocks[folder] = found, now
    return found


def clock_of(folder: Path) -> float:
    """Return the time of a folder's file system, seconds since 1970; ours where it is read-only."""
    probe = folder / f"tmp-{os.urandom(6).hex()}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        discard(probe)


def discard(path: Path) -> None:
    """Remove a file if it is there."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def age(path: Path, now: float) -> float:
    """Return the seconds for which a file has been where it is; 0 if it is gone.

    A copy keeps the time of what was copied, but not the time at which its name came to be.
    """
    try:
        status = path.stat()
    except OSError:
        return 0.0
    return now - max(status.st_mtime, status.st_ctime)
