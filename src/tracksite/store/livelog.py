"""The live log: what a writer that still runs has logged, safe from the death of its process.

A segment `live/<run_id>.<writer>.<seq>.wal` is a run of 32-byte slots, preallocated with zeros:

    point   crc u32 | key number u32 < 2**31 | step i64 | time µs i64 | value f64
    patch   crc u32 | 2**31 + length u32     | JSON, padded with spaces to whole slots
    series  crc u32 | 3 * 2**30 + length u32 | key u32, 0 u32, n u64, steps, times, values

All numbers are little-endian; a crc is CRC-32 of the rest of the frame without its padding. The
first frame is a patch frame with the segment's header; a frame `{"key": [number, name]}` names a
key before its first point. Reading skips empty slots and goes on at the next slot after a frame
that is not whole: it was torn, or, where whole frames follow, damaged. Writing is a copy into
mapped memory, so a point that was logged outlives the process at once, and the disk a second later
(`sync`). Where the file system cannot map, each frame is a `pwrite`. Where the disk refuses (full,
read-only) the same frames are kept in memory until `settle` can put them into a file.
"""

from __future__ import annotations

import contextlib
import copy
import errno
import json
import mmap
import os
import re
import stat
import struct
from typing import TYPE_CHECKING, Any
from zlib import crc32

from tracksite.store.parts import sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

SEGMENT_NAME = re.compile(
    r"(?P<run_id>[0-9a-f]{32})\.(?P<writer>[0-9a-f]{12})\.(?P<seq>0|[1-9][0-9]{0,17})\.wal"
)
SLOT = 32
PATCH, SERIES = 1 << 31, 3 << 30
LENGTH = (1 << 30) - 1
MOST_KEYS = 1 << 20
SERIES_CHUNK = 1 << 20  # points a frame
MEMORY_BYTES = 1 << 28  # kept in memory at most while the disk refuses
_FIRST_BYTES, _MOST_GROWTH = 1 << 15, 1 << 23
_CANNOT_RESERVE = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
pack_point = struct.Struct("<Iqqd").pack  # key number, step, time µs, value
put_point = struct.Struct("<I28s").pack_into  # crc, what pack_point gave
_HEAD = struct.Struct("<II")
SERIES_HEAD = struct.Struct("<IIQ")
pack_crc = struct.Struct("<I").pack


def point_frame(key: int, step: int, time_us: int, value: float) -> bytes:
    """Return the 32 bytes of one point."""
    body = pack_point(key, step, time_us, value)
    return pack_crc(crc32(body)) + body


def patch_frame(patch: Mapping[str, Any]) -> bytes:
    """Return the frame of one patch (its JSON form)."""
    content = json.dumps(patch, ensure_ascii=True, separators=(",", ":")).encode()
    return _long_frame(PATCH, content, b" ")


def series_frame(
    key: int, steps: NDArray[np.int64], times: NDArray[np.int64], values: NDArray[np.float64]
) -> bytes:
    """Return the frame of many points of one key: columns of at most SERIES_CHUNK values."""
    columns = b"".join(column.tobytes() for column in (steps, times, values))
    return _long_frame(SERIES, SERIES_HEAD.pack(key, 0, len(values)) + columns, b"\0")


def _long_frame(mark: int, content: bytes, padding: bytes) -> bytes:
    head = (mark | len(content)).to_bytes(4, "little")
    frame = pack_crc(crc32(content, crc32(head))) + head + content
    return frame + padding * (-len(frame) % SLOT)


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
        trouble: why the disk refused, if it did.
    """

    def __init__(self, path: Path, owner: int = 0) -> None:
        """Open `path` for writing; no error: `in_memory` says whether the disk refused."""
        self.path = path
        self.used = 0
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
        self.buffer: mmap.mmap | bytearray | None = bytearray(_FIRST_BYTES)  # None: by pwrite
        if self.settle():
            self.own(owner)

    @property
    def in_memory(self) -> bool:
        """Whether the frames are in memory alone."""
        return self._file is None

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
            fresh.buffer = _mapped(self._file, self.size)
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
        if self.buffer is not None:
            self.buffer[at:end] = frame
        elif self._file is not None:
            write_at(self._file, frame, at)

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
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        except OSError as error:
            self.trouble = error
            return False
        frames = bytes((self.buffer or b"")[: self.used])
        try:
            buffer = _mapped(file, self.size) if _reserve(file, self.size) else None
            if buffer is None:
                write_at(file, frames, 0)
            else:
                buffer[: self.used] = frames
        except OSError as error:
            os.close(file)
            self.path.unlink(missing_ok=True)
            self.trouble = error
            return False
        _permit(file, writing=False)
        self._file, self.buffer, self.trouble = file, buffer, None
        return True

    def sync(self) -> None:
        """Write mapped pages to disk and set the file's time: the writer's heartbeat."""
        if self._file is None:
            return
        getattr(os, "fdatasync", os.fsync)(self._file)
        if not self._entered:
            sync_folder(self.path.parent)
            self._entered = True
        os.utime(self._file)

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
        if self._file is None:
            return bytes((self.buffer or b"")[: self.used])
        os.lseek(self._file, 0, os.SEEK_SET)
        with open(self._file, "rb", closefd=False) as file:
            return file.read(self.used)

    def close(self, *, remove: bool) -> None:
        """Seal it and let go of the file; `remove` it where nothing was logged."""
        self.seal()
        if self._file is not None:
            os.close(self._file)
            self._file = None
            if remove:
                self.path.unlink(missing_ok=True)

    def leave(self, end: Callable[[int, int], object]) -> None:
        """Seal it, let `end` write the last frame (of a file, at a place), let go of the file.

        Raises:
            OSError: the disk has no room for the frame; the file is as it was, and still held.
        """
        self.seal()
        if self._file is not None:
            end(self._file, self.used)
            _permit(self._file, writing=True)
            os.close(self._file)
            self._file = None

    def _grow(self, least: int) -> None:
        size = max(least, self.size + min(self.size, _MOST_GROWTH))
        size += -size % mmap.ALLOCATIONGRANULARITY
        if isinstance(self.buffer, bytearray):
            if size > MEMORY_BYTES:
                raise OSError(errno.ENOBUFS, "the buffer in memory is full")
            self.buffer.extend(bytes(size - len(self.buffer)))
        elif self._file is not None:
            _reserve(self._file, size)
            if self.buffer is not None and size > self.size:
                self.buffer.resize(size)
        self.size = max(size, self.size)


def _permit(file: int, *, writing: bool) -> None:
    """Let its owner write to a file, or nobody: an older copy is not copied over an open log."""
    with contextlib.suppress(OSError, AttributeError):
        mode = stat.S_IMODE(os.fstat(file).st_mode)
        os.fchmod(file, mode | stat.S_IWUSR if writing else mode & ~0o222)


def _reserve(file: int, size: int) -> bool:
    """Allocate real blocks, so that a full disk is an error here and not a signal later.

    Returns:
        Whether it could: else the file must not be mapped.
    """
    try:
        os.posix_fallocate(file, 0, size)
    except AttributeError:  # not a system that gives signals
        os.truncate(file, size)
    except OSError as error:
        if error.errno not in _CANNOT_RESERVE:
            raise
        return False
    return True


def _mapped(file: int, size: int) -> mmap.mmap | None:
    """Return a file mapped for writing; None where the file system cannot do that."""
    try:
        return mmap.mmap(file, size)
    except (OSError, ValueError):
        return None


def write_at(file: int, frame: bytes, at: int) -> None:
    """Write a frame at a place of a file."""
    while frame:
        written = os.pwrite(file, frame, at)
        frame, at = frame[written:], at + written


def used_bytes(path: Path) -> int:
    """Return how many bytes of a segment are not trailing zeros: it grows with each frame."""
    with contextlib.suppress(OSError):
        return len(path.read_bytes().rstrip(b"\0"))
    return 0
