"""The live log: what a writer that still runs has logged, safe from the death of its process.

A segment `live/<run_id>.<writer>.<seq>.wal` is a run of 32-byte slots, preallocated with zeros:

    point   crc u32 | key number u32 < 2**31 | step i64 | time µs i64 | value f64
    patch   crc u32 | 2**31 + length u32     | JSON, padded with spaces to whole slots
    series  crc u32 | 3 * 2**30 + length u32 | key u32, 0 u32, n u64, steps, times, values

All numbers are little-endian; a crc is CRC-32 of the rest of the frame without its padding. The
first frame is a patch frame with the segment's header; a frame `{"key": [number, name]}` names a
key before its first point. Reading stops at the first frame that is empty or not whole. Writing
is a copy into mapped memory, so a point that was logged outlives the process at once, and the
disk a second later (`sync`). Where nothing can be mapped (full or read-only disk) the same frames
are kept in memory until `settle` can put them into a file.
"""

from __future__ import annotations

import contextlib
import errno
import json
import mmap
import os
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zlib import crc32

from tracksite.errors import DamageError
from tracksite.schema import FORMAT
from tracksite.store.patches import merge
from tracksite.store.points import Points

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

SEGMENT_NAME = re.compile(
    r"(?P<run_id>[0-9a-f]{32})\.(?P<writer>[0-9a-f]{12})\.(?P<seq>[0-9]{1,18})\.wal"
)
SLOT = 32
PATCH, SERIES = 1 << 31, 3 << 30
LENGTH = (1 << 30) - 1
SERIES_CHUNK = 1 << 20  # points a frame
MEMORY_BYTES = 1 << 28  # kept in memory at most while the disk refuses
_FIRST_BYTES, _MOST_GROWTH = 1 << 15, 1 << 23
_pack_body = struct.Struct("<Iqqd").pack
_pack_point_into = struct.Struct("<IIqqd").pack_into
_HEAD = struct.Struct("<II")
_SERIES_HEAD = struct.Struct("<IIQ")
_pack_crc = struct.Struct("<I").pack


def point_frame(key: int, step: int, time_us: int, value: float) -> bytes:
    """Return the 32 bytes of one point."""
    body = _pack_body(key, step, time_us, value)
    return _pack_crc(crc32(body)) + body


def patch_frame(patch: dict[str, Any]) -> bytes:
    """Return the frame of one patch (its JSON form)."""
    content = json.dumps(patch, ensure_ascii=True, separators=(",", ":")).encode()
    return _long_frame(PATCH, content, b" ")


def series_frames(
    key: int, steps: NDArray[np.int64], times: NDArray[np.int64], values: NDArray[np.float64]
) -> Iterator[bytes]:
    """Yield the frames of many points of one key: contiguous little-endian columns."""
    for start in range(0, len(values), SERIES_CHUNK):
        rows = slice(start, start + SERIES_CHUNK)
        columns = [column[rows].tobytes() for column in (steps, times, values)]
        head = _SERIES_HEAD.pack(key, 0, len(values[rows]))
        yield _long_frame(SERIES, head + b"".join(columns), b"\0")


def _long_frame(mark: int, content: bytes, padding: bytes) -> bytes:
    head = (mark | len(content)).to_bytes(4, "little")
    frame = _pack_crc(crc32(content, crc32(head))) + head + content
    return frame + padding * (-len(frame) % SLOT)


class Segment:
    """One segment being written: mapped to a file, or in memory while the disk refuses."""

    def __init__(self, path: Path) -> None:
        """Open `path` for writing; no error: `in_memory` says whether the disk refused."""
        self.path = path
        self.used = 0
        self._file: int | None = None
        self.buffer: mmap.mmap | bytearray = bytearray(_FIRST_BYTES)
        self.size = _FIRST_BYTES
        self.trouble: OSError | None = None
        self.settle()

    @property
    def in_memory(self) -> bool:
        """Whether the frames are in memory alone."""
        return self._file is None

    def append(self, frame: bytes) -> None:
        """Add one frame; it outlives the process when this returns, unless `in_memory`.

        Raises:
            OSError: the disk has no room for it; all earlier frames are as safe as before.
        """
        end = self.used + len(frame)
        if end > self.size:
            self._grow(end)
        self.buffer[self.used : end] = frame
        self.used = end

    def append_point(self, key: int, step: int, time_us: int, value: float) -> None:
        """Add the frame of one point; as `append(point_frame(...))`, in half the time."""
        at = self.used
        end = at + SLOT
        if end > self.size:
            self._grow(end)
        crc = crc32(_pack_body(key, step, time_us, value))
        _pack_point_into(self.buffer, at, crc, key, step, time_us, value)
        self.used = end

    def settle(self) -> bool:
        """Put the frames into a file if they are in memory; return whether they are in a file."""
        if self._file is not None:
            return True
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        except OSError as error:
            self.trouble = error
            return False
        try:
            _reserve(file, self.size)
            mapped = mmap.mmap(file, self.size)
            mapped[: self.used] = bytes(self.buffer[: self.used])
        except (OSError, ValueError) as error:
            os.close(file)
            self.path.unlink(missing_ok=True)
            self.trouble = error if isinstance(error, OSError) else OSError(str(error))
            return False
        self._file, self.buffer, self.trouble = file, mapped, None
        return True

    def sync(self) -> None:
        """Write mapped pages to disk and set the file's time: the writer's heartbeat."""
        if self._file is not None:
            getattr(os, "fdatasync", os.fsync)(self._file)
            os.utime(self._file)

    def content(self) -> bytes:
        """Return the frames written so far."""
        return bytes(self.buffer[: self.used])

    def close(self, *, remove: bool) -> None:
        """Let go of the file; `remove` it once its parts are written."""
        if isinstance(self.buffer, mmap.mmap):
            self.buffer.close()
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if remove:
            self.path.unlink(missing_ok=True)

    def abandon(self) -> None:
        """Let go of a segment that belongs to the parent of this forked process."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self.buffer = bytearray()

    def _grow(self, least: int) -> None:
        size = max(least, self.size + min(self.size, _MOST_GROWTH))
        size += -size % mmap.ALLOCATIONGRANULARITY
        if isinstance(self.buffer, bytearray):
            if size > MEMORY_BYTES:
                raise OSError(errno.ENOBUFS, "the buffer in memory is full")
            self.buffer.extend(bytes(size - len(self.buffer)))
        elif self._file is not None:
            _reserve(self._file, size)
            self.buffer.resize(size)
        self.size = size


def _reserve(file: int, size: int) -> None:
    """Allocate real blocks, so that a full disk is an error here and not a signal later."""
    allocate = getattr(os, "posix_fallocate", None)
    if allocate is not None:
        allocate(file, 0, size)
    else:
        os.truncate(file, size)


@dataclass(frozen=True)
class LiveSegment:
    """What a segment's bytes say.

    Attributes:
        header: run_id, writer, seq, format, and the identity of the process.
        patch: all its patches merged, in the JSON form.
        points: in order of logging.
    """

    header: dict[str, Any]
    patch: dict[str, Any]
    points: Points


def read_segment(content: bytes, *, name: str = "a live log") -> LiveSegment:
    """Return every whole frame before the first torn or empty one.

    Raises:
        DamageError: there is no header, or it is of a newer format.
    """
    patches: list[dict[str, Any]] = []
    names: dict[int, str] = {}
    columns: list[tuple[NDArray[Any], ...]] = []
    for item in _frames(content):
        if isinstance(item, dict):
            if "key" in item:
                names[item["key"][0]] = item["key"][1]
            else:
                patches.append(item)
        else:
            columns.append(item)
    if not patches or "format" not in patches[0]:
        message = f"{name} has no header: it was cut before its first frame, nothing was logged"
        raise DamageError(message)
    if patches[0]["format"] != FORMAT:
        found = patches[0]["format"]
        message = f"{name} has format {found}, this tracksite reads {FORMAT}: upgrade it"
        raise DamageError(message)
    return LiveSegment(patches[0], merge(patches[1:]), _points(names, columns))


def _points(names: dict[int, str], columns: Sequence[tuple[NDArray[Any], ...]]) -> Points:
    import numpy as np

    if not columns:
        columns = [tuple(np.empty(0, dtype) for dtype in ("<i8", "<i8", "<i8", "<f8"))]
    keys, steps, times, values = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    count = max(names, default=-1) + 1
    known = tuple(names.get(number, f"unnamed metric {number}") for number in range(count))
    return Points(known, keys, steps, times, values)


def _frames(content: bytes) -> Iterator[dict[str, Any] | tuple[NDArray[Any], ...]]:
    """Yield patches as dicts and points as columns (keys, steps, times, values)."""
    import numpy as np

    layout = np.dtype(
        [("crc", "<u4"), ("word", "<u4"), ("step", "<i8"), ("time", "<i8"), ("value", "<f8")]
    )
    slots = np.frombuffer(content, layout, len(content) // SLOT)
    marked = np.flatnonzero(slots["word"] >= PATCH)
    at = 0
    while at < len(slots):
        word, crc = int(slots["word"][at]), int(slots["crc"][at])
        if word < PATCH:
            following = np.searchsorted(marked, at)
            end = int(marked[following]) if following < len(marked) else len(slots)
            whole = _whole_points(content, slots["crc"], at, end)
            run = slots[at:whole]
            if len(run):
                yield run["word"].astype(np.int64), run["step"], run["time"], run["value"]
            if whole < end:
                return
            at = end
            continue
        start = at * SLOT
        length = word & LENGTH
        body = content[start + 8 : start + 8 + length]
        if len(body) < length or crc32(body, crc32(content[start + 4 : start + 8])) != crc:
            return
        yield json.loads(body) if word < SERIES else _series(body)
        at += -(-(8 + length) // SLOT)


def _whole_points(content: bytes, crcs: NDArray[np.uint32], start: int, end: int) -> int:
    view = memoryview(content)
    for slot, crc in enumerate(crcs[start:end].tolist(), start):
        if crc32(view[slot * SLOT + 4 : slot * SLOT + SLOT]) != crc:
            return slot
    return end


def _series(body: bytes) -> tuple[NDArray[Any], ...]:
    import numpy as np

    key, _, count = _SERIES_HEAD.unpack_from(body)
    columns = np.frombuffer(body, "<i8", 3 * count, _SERIES_HEAD.size).reshape(3, count)
    keys = np.full(count, key, dtype=np.int64)
    return keys, columns[0], columns[1], columns[2].view("<f8")


def used_bytes(path: Path) -> int:
    """Return how many bytes of a segment are not trailing zeros: it grows with each frame."""
    with contextlib.suppress(OSError):
        return len(path.read_bytes().rstrip(b"\0"))
    return 0
