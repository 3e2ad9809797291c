"""Recovery: what dead writers left in their live logs becomes parts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tracksite.errors import DamageError
from tracksite.store import parts, reading
from tracksite.store.process import is_local
from tracksite.store.saving import save_segment

if TYPE_CHECKING:
    from pathlib import Path

    from tracksite.schema import Problem

ABANDONED_S = 86_400.0  # a log of another host is left alone for a day after its last heartbeat


def recover(root: Path, *, now: float) -> list[str]:
    """Turn the live logs of dead writers into parts and remove them; return their run ids.

    A log is dead if its process is gone, or, on another host, if it was not written to for a day.
    Both our clock and that of the file system have to say so, so a clock that is wrong by a year
    takes no log away from a living writer. Saving a log writes files that are named by its
    content, so any number of processes may recover one log at once. A damaged log
    stays: what is whole in it is read where it is, and the damage is named.

    Args:
        root: the store's folder.
        now: seconds since 1970.

    Raises:
        OSError: the disk refuses; nothing is lost.
    """
    segments = reading.list_segments(root / "live", None)
    if not segments:
        return []
    earliest = min(now, _clock_of(root / "live"))
    dead = [one for one in segments if _is_dead(one, earliest)]
    for one in dead:
        if not _saved(root, one):
            continue
        (root / "live" / one.file).unlink(missing_ok=True)
    parts.sync_folder(root / "live")
    return sorted({one.run_id for one in dead})


def _saved(root: Path, segment: reading.SegmentName) -> bool:
    """Save a log that is sound; a damaged one stays, so that it goes on being named."""
    problems: list[Problem] = []
    sound = bool(reading.read_live([segment], problems)) and not problems
    if sound:
        save_segment(root, segment.content)
    return sound


def _clock_of(folder: Path) -> float:
    """Return the time of the file system that a folder is on: of its server, where it has one."""
    probe = folder / f"tmp-{os.urandom(6).hex()}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def _is_dead(segment: reading.SegmentName, now: float) -> bool:
    if segment.blank:  # killed before it said who it is
        return now - segment.heartbeat > ABANDONED_S
    try:
        header = reading.decode(segment).header
    except DamageError:
        return False
    if is_local(header):
        return not reading.has_writer(segment)
    return now - segment.heartbeat > ABANDONED_S
