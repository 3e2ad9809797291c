"""Leaving: a sealed segment is saved as parts, and its log stays for a while, with its seal."""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from tracksite.errors import StoreError
from tracksite.store import seals
from tracksite.store.parts import write_durably
from tracksite.store.saving import Saved, save_segment
from tracksite.store.seals import Seal
from tracksite.store.syncing import warn_once

if TYPE_CHECKING:
    from pathlib import Path

    from tracksite.store.segment import Segment


class Leaving:
    """The sealed segments of one writer, until they are parts.

    Attributes:
        segments: those that are not saved yet, the oldest first.
        turn: held by who saves them, or brings a live log to disk.
    """

    def __init__(self, root: Path, run_id: str) -> None:
        """Begin with none, of a run of the store at `root`."""
        self.segments: list[Segment] = []
        self.turn = threading.RLock()  # re-entrant, because a signal handler may save
        self._root, self._run_id = root, run_id

    def save(self) -> None:
        """Make parts of all.

        Raises:
            StoreError: the disk refuses; what is left is kept.
        """
        with self.turn:
            while self.segments:
                segment = self.segments[0]
                try:
                    saved = saved_or_kept(self._root, segment)
                except (OSError, ValueError) as error:
                    if segment not in self.segments:
                        continue  # a signal handler has saved it meanwhile
                    message = f"run {self._run_id} is not saved in {self._root / 'log'} ({error})"
                    where = "only in memory" if segment.in_memory else "in its live log"
                    message += f": make room or mend permissions; it is kept {where}"
                    raise StoreError(message) from error
                if segment in self.segments:
                    self.segments.remove(segment)
                leave(segment, saved)


def saved_or_kept(root: Path, segment: Segment) -> Saved | None:
    """Make parts of a sealed segment; None where what that needs is not installed.

    Then what was logged is in a file and durable when this returns.

    Raises:
        OSError: the disk refuses.
    """
    try:
        return save_segment(root, segment.content())
    except ImportError as error:
        if not segment.settle():
            raise segment.trouble or error from error
        segment.sync()
        warn_once(
            f"runs are only logged here ({error}): what was logged is complete in {root / 'live'}, "
            f"and becomes parts where tracksite is installed with all that it needs",
            about=f"{root} without libraries",
        )
    return None


def leave(segment: Segment, saved: Saved | None) -> None:
    """Leave a segment whose parts are written to those who have not seen them yet."""
    if saved is None:
        with contextlib.suppress(OSError):  # without a seal its writer has to be dead first
            segment.leave(lambda file, at: _end(file, at, Seal(saved=False, next=segment.next)))
        segment.close(remove=False)
        return
    if saved.damaged:
        name = segment.path.name
        warn_once(f"{name} was damaged in {saved.damaged} places, which are lost: check the disk")
    seal = replace(saved.seal, next=segment.next)
    if seal.runs is None and not segment.follows:  # nothing was logged
        segment.close(remove=True)
        return
    try:
        segment.leave(lambda file, at: seals.put(file, at, seal))
    except OSError:
        _leave_copy(segment, seal)
    segment.close(remove=False)


def _leave_copy(segment: Segment, seal: Seal) -> None:
    """Put a sealed copy in the place of a log that takes no seal; none where there is no room.

    A stream ends when a child process closes what it inherited: nothing can be added to it then.
    """
    frames = b""
    with contextlib.suppress(OSError):
        frames = segment.content()
    segment.close(remove=True)  # its parts are there
    with contextlib.suppress(OSError):
        if frames:
            write_durably(segment.path, frames + seal.frame())


def _end(file: int, at: int, seal: Seal) -> None:
    """End a log without parts: it is all that there is, so its end is durable, too."""
    seals.put(file, at, seal)
    os.fsync(file)
