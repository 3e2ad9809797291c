"""Recovery: what dead writers left in their live logs becomes parts; sealed logs go in time."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from tracksite.errors import DamageError
from tracksite.store import ages, life, parts, reading
from tracksite.store.process import is_running
from tracksite.store.saving import Saved, save_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from tracksite.schema import Problem
    from tracksite.store.reading import SegmentName

SEALED_S = 3600.0  # a sealed log stays for an hour, for those who have not seen its parts


def recover(
    root: Path,
    *,
    now: float,
    grace_s: float = SEALED_S,
    packed: Callable[[], Collection[str]] = tuple,
    others: bool = True,
) -> list[str]:
    """Turn the live logs of dead writers into parts; return the ids of runs of which this is new.

    A writer of this machine is dead if its process is gone: its log is saved, sealed, and stays
    for the grace, as if the writer had done it. One of another machine is given up when it was
    silent for a day, by our clock, by that of the file system and by our own looks: what it logged
    is saved, but its log stays, for it may live. Saving a log writes files that are named by its
    content, so any number of processes may recover one log at once. A damaged log stays as it is:
    what is whole in it is read where it is, and the damage is named.

    A sealed log whose parts are there is removed when it is older than the grace by the clock of
    the file system.

    Args:
        root: the store's folder.
        now: seconds since 1970.
        grace_s: how long sealed logs stay, seconds.
        packed: gives the hashes of the parts in packs; asked only where that matters.
        others: save the logs of other machines too.

    Raises:
        OSError: the disk refuses; nothing is lost.
    """
    live, known = root / "live", cache(packed)
    found = reading.list_segments(live, None, most_bytes=reading.HEADER_BYTES)
    if not found:
        return []
    clock = ages.recent_clock_of(live)
    over = [one for one in found if _is_over(one, min(now, clock), others=others)]
    new = [one.run_id for one in over if _save(root, one, known)]
    if over:
        found = reading.list_segments(live, None, most_bytes=reading.HEADER_BYTES)
    _remove_sealed([one for one in found if _is_old(one, clock, grace_s)], root, known)
    return sorted(set(new))


def _is_over(segment: SegmentName, now: float, *, others: bool) -> bool:
    """Return whether the parts of a log are to be made: nobody appends to it any more."""
    if segment.seal is not None:
        return not segment.seal.saved
    abandoned = life.is_abandoned(segment.path, segment.heartbeat, now)
    if segment.blank:  # killed before it said who it is
        return abandoned
    try:
        header = reading.decode(segment, reading.HEADER_BYTES).header
    except DamageError:
        return False
    running = is_running(header)
    return not running and (running is False or (others and abandoned))


def _save(root: Path, segment: SegmentName, packed: Callable[[], Collection[str]]) -> bool:
    """Save a log that is sound, seal it if its writer is surely gone; return if that is new."""
    if segment.blank:
        segment.path.unlink(missing_ok=True)
        return False
    try:
        whole = replace(segment, content=segment.path.read_bytes())
    except FileNotFoundError:  # somebody else was faster
        return False
    problems: list[Problem] = []
    if not reading.read_live([whole], problems) or problems:
        return False
    before = {part.hash for part in reading.list_parts(root / "log", {segment.run_id})}
    saved = save_segment(root, whole.content, packed())
    header = reading.decode(whole, reading.HEADER_BYTES).header
    if segment.seal is not None or is_running(header) is False:
        _seal(segment.path, whole.content, saved)
    return saved.seal.runs is not None and saved.seal.runs not in before


def _seal(path: Path, content: bytes, saved: Saved) -> None:
    """Put a sealed copy of a log in its place: whoever reads the log meanwhile is not disturbed."""
    if saved.seal.runs is None:
        path.unlink(missing_ok=True)
    else:
        parts.write_durably(path, content[: saved.length] + saved.seal.frame())


def _is_old(segment: SegmentName, clock: float, grace_s: float) -> bool:
    return segment.seal is not None and (grace_s <= 0 or ages.age(segment.path, clock) >= grace_s)


def _remove_sealed(
    segments: list[SegmentName], root: Path, packed: Callable[[], Collection[str]]
) -> None:
    """Remove sealed logs whose parts are there."""
    if not segments:
        return
    loose = {part.hash for part in reading.list_parts(root / "log", None)}
    for one in segments:
        if one.seal and (one.seal.is_in(loose) or one.seal.is_in({*loose, *packed()})):
            one.path.unlink(missing_ok=True)
    parts.sync_folder(root / "live")
