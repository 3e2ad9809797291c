"""The live log: what a writer that still runs has logged, safe from the death of its process.

A segment `live/<run_id>.<writer>.<seq>.wal` is a run of 32-byte slots, preallocated with zeros:

    point   crc u32 | key number u32 < 2**31 | step i64 | time µs i64 | value f64
    patch   crc u32 | 2**31 + length u32     | JSON, padded with spaces to whole slots
    series  crc u32 | 3 * 2**30 + length u32 | key u32, 0 u32, n u64, steps, times, values

All numbers are little-endian; a crc is CRC-32 of the rest of the frame without its padding. The
first frame is a patch frame with the segment's header; a frame `{"key": [number, name]}` names a
key before its first point. Reading skips empty slots and goes on at the next slot after a frame
that is not whole: it was torn, or, where whole frames follow, damaged. `segment` writes them.
"""

from __future__ import annotations

import contextlib
import json
import re
import struct
from typing import TYPE_CHECKING, Any
from zlib import crc32

from tracksite.schema import FORMAT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
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
pack_point = struct.Struct("<Iqqd").pack  # key number, step, time µs, value
put_point = struct.Struct("<I28s").pack_into  # crc, what pack_point gave
SERIES_HEAD = struct.Struct("<IIQ")
pack_crc = struct.Struct("<I").pack


def header(run_id: str, kind: str, writer: str, seq: int, opened_at: int) -> dict[str, Any]:
    """Return what a live log's first frame says, but for who writes it."""
    return {
        "format": FORMAT,
        "run_id": run_id,
        "kind": kind,
        "writer": writer,
        "seq": seq,
        "opened_at": opened_at,
    }


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


def series_frames(
    values: Sequence[float], steps: Sequence[int], times_us: Sequence[int]
) -> Iterator[tuple[int, Callable[[int], bytes]]]:
    """Yield how many points there are in each frame of a series, and what makes it for a key."""
    import numpy as np

    columns = (
        np.ascontiguousarray(steps, dtype="<i8"),
        np.ascontiguousarray(times_us, dtype="<i8"),
        np.ascontiguousarray(values, dtype="<f8"),
    )
    for start in range(0, len(columns[0]), SERIES_CHUNK):
        end = start + SERIES_CHUNK
        chunk = (columns[0][start:end], columns[1][start:end], columns[2][start:end])
        yield len(chunk[0]), lambda key, chunk=chunk: series_frame(key, *chunk)  # type: ignore[misc]


def _long_frame(mark: int, content: bytes, padding: bytes) -> bytes:
    head = (mark | len(content)).to_bytes(4, "little")
    frame = pack_crc(crc32(content, crc32(head))) + head + content
    return frame + padding * (-len(frame) % SLOT)


def used_bytes(path: Path) -> int:
    """Return how many bytes of a segment are not trailing zeros: it grows with each frame."""
    with contextlib.suppress(OSError):
        return len(path.read_bytes().rstrip(b"\0"))
    return 0
