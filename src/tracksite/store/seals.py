"""The seal: the last frame of a live log that nobody appends to any more.

A log is sealed when its parts are written, and stays for a while: whoever has listed `log/` before
they came reads it still. The seal says which parts these are, so that a reader who has them passes
the log over having read its last bytes alone.

    {"sealed": {"runs": hash, "points": hash or null}}   its parts
    {"sealed": {"runs": null, "points": null}}           nothing was logged: there are none
    {"sealed": {}}                                       it has ended; its parts are not made yet
    … "next": number                                     its writer goes on in that log
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any
from zlib import crc32

from tracksite.store import clock, system
from tracksite.store.livelog import LENGTH, PATCH, SERIES, SLOT, patch_frame

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

TAIL_BYTES = 16 * SLOT  # more than any seal
_HASH = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Seal:
    """What a seal says.

    Attributes:
        saved: whether its parts were written.
        runs: the hash of its `runs` part; None where nothing was logged.
        points: the hash of its `points` part; None where it has no points.
        next: the number of the log in which its writer goes on; None when it does not.
    """

    saved: bool
    runs: str | None = None
    points: str | None = None
    next: int | None = None

    def is_in(self, have: Collection[str]) -> bool:
        """Return whether all that the log says is in parts with these hashes."""
        return self.saved and all(one is None or one in have for one in (self.runs, self.points))

    def frame(self) -> bytes:
        """Return the frame that says this."""
        said: dict[str, Any] = {"runs": self.runs, "points": self.points} if self.saved else {}
        return patch_frame(
            {"sealed": {**said, **({} if self.next is None else {"next": self.next})}}
        )


def parse(said: Mapping[str, Any]) -> Seal | None:
    """Return the seal that a frame says; None where it says what no seal does."""
    runs, points, following = (said.get(name) for name in ("runs", "points", "next"))
    hashes = all(
        one is None or (isinstance(one, str) and _HASH.fullmatch(one)) for one in (runs, points)
    )
    counted = following is None or (type(following) is int and 0 <= following <= clock.MOST)
    sensible = points is None or runs is not None
    return (
        Seal("runs" in said, runs, points, following) if hashes and counted and sensible else None
    )


def find(tail: bytes) -> Seal | None:
    """Return the seal that the last bytes of a log end with; None where it is not sealed."""
    if len(tail) % SLOT:
        return None
    for start in range(len(tail) - SLOT, -1, -SLOT):
        word = int.from_bytes(tail[start + 4 : start + 8], "little")
        end = start + 8 + (word & LENGTH)
        if PATCH <= word < SERIES and end <= len(tail) < end + SLOT:
            body = tail[start + 8 : end]
            crc = int.from_bytes(tail[start : start + 4], "little")
            return _read(body) if crc32(tail[start + 4 : end]) == crc else None
    return None


def at_end(log: IO[bytes]) -> Seal | None:
    """Return the seal that an open log ends with; of a log that is not sealed none."""
    log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES))
    return find(log.read(TAIL_BYTES))


def put(file: int, at: int, seal: Seal) -> None:
    """End an open log with a seal behind its frames, and cut off the room that it did not need.

    Raises:
        OSError: the disk refuses.
    """
    frame = seal.frame()
    system.write_at(file, frame, at)
    system.cut(file, at + len(frame))


def _read(body: bytes) -> Seal | None:
    try:
        said = json.loads(body)["sealed"]
        return parse(said) if isinstance(said, dict) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
