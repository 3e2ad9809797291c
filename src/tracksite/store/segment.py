"""A segment of a live log while it is written; its layout is that of `livelog`.

Writing is a copy into mapped memory, so a point that was logged outlives the process at once, and
the disk a second later (`sync`). Where the file system cannot map, each frame is a `pwrite`; where
a file cannot be read while it is written (rclone without a cache of writes) the frames stay in
memory, too. Where the disk refuses (full, read-only) they are in memory alone, until `settle` can
put them into a file. What other programs do to the file meanwhile is undone as far as that can be:
it keeps its name (`put_back`) and its size (`mend`).
"""

from __future__ import annotations

import contextlib
import copy
import errno
import mmap
import os
from typing import TYPE_CHECKING

from tracksite.store import system
from tracksite.store.livelog import SLOT, patch_frame

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MEMORY_BYTES = 1 << 28  # kept in memory at most, while the disk refuses or cannot be read
FULL_BYTES = 1 << 29  # at most, however fast a run logs: far below what a reader refuses
_FIRST_BYTES, _MOST_GROWTH = 1 << 15, 1 << 23
_KNOWN_BYTES = 64 * SLOT  # of the end of a log tell whether another program wrote over it


class Segment:
    """One segment being written: mapped to a file, or in memory while the disk refuses.

    One thread, the `owner`, may append points at any time and needs no lock for it; all else is
    for whoever holds the writer's lock. Each frame takes its slots first and is written then, so
    that a signal handler may log in between. A thread that lost its segment meanwhile finds the
    mapping closed (a TypeError of `put_point`): it has written nothing, and logs anew.

    Attributes:
        path: of the file.
        used: bytes taken by frames so far.
        size: bytes there is room for.
        owner: ident of the thread that may append points; 0: none.
        keys: metric key -> its number in this segment.
        sealed: nothing is appended any more.
        unsaid: no patch was appended yet but its header.
        next: the number of the segment in which its writer goes on; None when it does not.
        follows: it is not the first segment of its writer.
        head: its header's frame, which is written again where another program wrote over it.
        trouble: why the disk refused, if it did.
    """

    def __init__(self, path: Path, head: bytes, owner: int = 0) -> None:
        """Open `path` for writing; no error: `in_memory` says whether the disk refused."""
        self.path = path
        self.head = head
        self.used = len(head)
        self.size = _FIRST_BYTES
        self.owner = 0
        self.keys: dict[str, int] = {}
        self.sealed = False
        self.unsaid = True
        self.next: int | None = None
        self.follows = False
        self._right_to_seal = [True]
        self.trouble: OSError | None = None
        self._file: int | None = None
        self._entered = False  # durably, in its folder
        self._looked = 0  # `used` when `mend` looked last
        self._known = (0, b"")  # a place in the file, and what is there unless it was written over
        self._former: list[int] = []  # files that lost their name
        self._beat: system.Beat | None = None
        self.buffer: mmap.mmap | bytearray | None  # None: all is in the file alone
        self.buffer = bytearray(head.ljust(_FIRST_BYTES, b"\0"))
        if self.settle():
            self.own(owner)

    @property
    def in_memory(self) -> bool:
        """Whether the frames are in memory alone."""
        return self._file is None

    @property
    def is_hidden(self) -> bool:
        """Whether nobody can read the file before it is closed, so that the frames are kept."""
        return self._file is not None and isinstance(self.buffer, bytearray)

    @property
    def is_full(self) -> bool:
        """Whether its writer has to go on in another one."""
        return self.used > (MEMORY_BYTES // 2 if self.is_hidden else FULL_BYTES)

    def own(self, thread: int) -> None:
        """Let a thread append points without a lock, where the file is mapped."""
        self.owner = thread if isinstance(self.buffer, mmap.mmap) else 0

    def shared(self) -> Segment:
        """Return this segment mapped anew and without an owner; the former owner's is closed."""
        fresh = copy.copy(self)
        fresh.owner, self.sealed = 0, True
        if isinstance(self.buffer, mmap.mmap) and self._file is not None:
            self.buffer.close()
            fresh.used = self.used
            fresh.buffer = system.mapped(self._file, self.size)
        return fresh

    def append(self, frame: bytes) -> None:
        """Add one frame; it outlives the process when this returns, unless `in_memory`.

        Raises:
            OSError: the disk has no room for it; all earlier frames are as safe as before.
            ValueError: the segment is sealed.
        """
        length = len(frame)
        while self.used + length > self.size:
            self._grow(self.used + length)
        if self.sealed:
            message = f"{self.path} is sealed"
            raise ValueError(message)
        at = self.used  # no signal is handled from here to the next line but one
        end = at + length
        self.used = end
        if self._file is not None and not isinstance(self.buffer, mmap.mmap):
            system.write_at(self._file, frame, at)
        if self.buffer is not None:
            self.buffer[at:end] = frame

    def number(self, key: str) -> int:
        """Return the number of a metric key, which is named first if it is new; as `append`."""
        number = self.keys.get(key)
        if number is None:
            number = self.keys[key] = len(self.keys)
            try:
                self.append(patch_frame({"key": [number, key]}))
            except (OSError, ValueError):
                del self.keys[key]
                raise
        return number

    def settle(self) -> bool:
        """Put the frames into a file if they are in memory; return whether they are in a file."""
        if self._file is not None:
            return True
        try:
            file, buffer = _made(self.path, self.size, bytes((self.buffer or b"")[: self.used]))
        except OSError as error:
            self.trouble = error
            return False
        self._file, self.buffer, self.trouble = file, buffer, None
        return True

    def sync(self) -> None:
        """Write mapped pages to disk, and give a sign of life."""
        if self._file is None:
            return
        getattr(os, "fdatasync", os.fsync)(self._file)
        if not self._entered:
            system.sync_folder(self.path.parent)
            self._entered = True
        self._beat = system.beat(self._file, self._beat, readable=not self.is_hidden)

    def is_named(self) -> bool:
        """Return whether the file still has its name; one that cannot be looked at has."""
        if self._file is None:
            return True
        try:
            there = self.path.stat()
            if self.is_hidden or os.path.samestat(os.fstat(self._file), there):
                return True
            with self.path.open("rb") as other:  # some mounts number a file anew at each look
                other.seek(self._known[0])
                return other.read(len(self._known[1])) == self._known[1]
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def put_back(self) -> None:
        """Put all frames into a new file under the name; only while it is `shared` and not owned.

        Where the disk refuses, `trouble` says so, and the frames stay where they are.
        """
        temporary = self.path.with_name(f"tmp-{os.urandom(6).hex()}")
        if self._file is None:
            return
        try:
            file, buffer = _made(temporary, self.size, self._frames())
            temporary.replace(self.path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            self.trouble = error
            return
        if isinstance(self.buffer, mmap.mmap):
            self.buffer.close()
        self._former = [*self._former, self._file]  # another thread may be syncing it just now
        self._file, self.buffer, self.trouble, self._entered = file, buffer, None, False

    def mend(self) -> int:
        """Give a file that another program cut, or wrote over, its room back; return bytes lost.

        What they held cannot be had again, but for the header and the names of metrics: all that
        is logged from now on is whole. Where the file cannot be read nothing is known to be lost.

        Raises:
            OSError: the disk refuses.
        """
        if self._file is None or self.is_hidden:
            return 0
        if isinstance(self.buffer, mmap.mmap) and os.fstat(self._file).st_size < self.size:
            system.reserve(self._file, self.size)  # or a touch beyond its end is a signal
        (at, known), looked, self._looked = self._known, self._looked, self.used
        start = max(0, looked - _KNOWN_BYTES)  # by now all that was logged up to there is written
        try:
            if system.read_at(self._file, len(known), at) == known:
                self._known = start, system.read_at(self._file, looked - start, start)
                return 0
        except OSError:
            return 0
        end = at + len(known)
        left = len(system.read_at(self._file, end, 0).rstrip(b"\0"))
        system.write_at(self._file, self.head, 0)
        with contextlib.suppress(ValueError):  # sealed by a signal handler just now
            for key, number in list(self.keys.items()):
                self.append(patch_frame({"key": [number, key]}))
        self._known = 0, self.head
        return max(0, end - left)

    def seal(self) -> bool:
        """Let nobody append any more; return whether it was this call that sealed it."""
        try:
            self._right_to_seal.pop()  # no signal is handled within
        except IndexError:
            return False
        self.sealed, self.owner = True, 0
        if isinstance(self.buffer, mmap.mmap):
            self.buffer.close()
        return True

    def content(self) -> bytes:
        """Return the frames of a sealed segment."""
        return self._frames()

    def _frames(self) -> bytes:
        if isinstance(self.buffer, bytearray) or self._file is None:
            return bytes((self.buffer or b"")[: self.used])
        return system.read_at(self._file, self.used, 0)

    def close(self, *, remove: bool) -> None:
        """Seal it and let go of the file; `remove` it where nothing was logged."""
        self.seal()
        if self._file is not None:
            self._let_go()
            if remove:
                self.path.unlink(missing_ok=True)

    def leave(self, end: Callable[[int, int], object]) -> None:
        """Seal it, let `end` write the last frame (of a file, at a place), let go of the file.

        Raises:
            OSError: the disk has no room for the frame; the file is as it was, and still held.
        """
        self.seal()
        if self._file is not None:
            if isinstance(self.buffer, mmap.mmap):  # it came into the file after it was sealed
                self.buffer.close()
            end(self._file, self.used)
            system.permit(self._file, writing=True)
            self._let_go()

    def _let_go(self) -> None:
        while self._former:
            os.close(self._former.pop())
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _grow(self, least: int) -> None:
        size = max(least, self.size + min(self.size, _MOST_GROWTH))
        size += -size % mmap.ALLOCATIONGRANULARITY
        if isinstance(self.buffer, bytearray):
            if size > MEMORY_BYTES:
                raise OSError(errno.ENOBUFS, "the buffer in memory is full")
            self.buffer.extend(bytes(max(0, size - len(self.buffer))))
        elif self._file is not None and self.buffer is not None:
            system.reserve(self._file, size)  # also where another program has cut it meanwhile
            if size > self.size:
                self.buffer = system.mapped_anew(self.buffer, self._file, size)
                self.owner = self.owner if self.buffer is not None else 0
        self.size = max(size, self.size)


def _made(path: Path, size: int, frames: bytes) -> tuple[int, mmap.mmap | bytearray | None]:
    """Return a new file that holds some frames, and its mapping.

    Where it cannot be mapped that is None, and where it cannot even be read the frames in memory.

    Raises:
        OSError: the disk refuses, or there is such a file; no new one is left behind.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        mapping = system.mapped(file, size) if system.reserve(file, size) else None
        if mapping is None:
            system.write_at(file, frames, 0)
        else:
            mapping[: len(frames)] = frames
    except OSError:
        os.close(file)
        path.unlink(missing_ok=True)
        raise
    system.permit(file, writing=False)
    if mapping is None and not system.can_read(file):
        return file, bytearray(frames.ljust(size, b"\0"))
    return file, mapping
