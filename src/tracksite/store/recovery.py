"""Recovery: what dead writers left in their live logs becomes parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracksite.errors import DamageError
from tracksite.store import packing, packs, parts, reading
from tracksite.store.livelog import read_segment
from tracksite.store.process import is_local
from tracksite.store.saving import save_segment

if TYPE_CHECKING:
    from pathlib import Path

ABANDONED_S = 86_400.0  # a log of another host is left alone for a day after its last heartbeat


def recover(root: Path, *, now: float) -> list[str]:
    """Turn the live logs of dead writers into parts and remove them; return their run ids.

    Saving a log writes files that are named by its content, so any number of processes may
    recover one log at once. A log that cannot be read stays for `verify` to name.

    Args:
        root: the store's folder.
        now: seconds since 1970.

    Raises:
        OSError: the disk refuses; nothing is lost.
    """
    dead = [one for one in reading.list_segments(root / "live", None) if _is_dead(one, now)]
    if not dead:
        return []
    ids = {one.run_id for one in dead}
    committed = {
        part.commit for part in reading.list_parts(root / "log", ids) if part.table == "runs"
    }
    committed |= packing.packed_commits(root, packs.newest_manifest(root))
    for one in dead:
        if (one.run_id, one.writer, one.seq) not in committed:
            save_segment(root, one.content)
        (root / "live" / one.file).unlink(missing_ok=True)
    parts.sync_folder(root / "live")
    return sorted(ids)


def _is_dead(segment: reading.SegmentName, now: float) -> bool:
    try:
        header = read_segment(segment.content).header
    except (DamageError, ValueError, KeyError, TypeError, IndexError):
        return False
    if is_local(header):
        return not reading.has_writer(segment)
    return now - segment.heartbeat > ABANDONED_S
