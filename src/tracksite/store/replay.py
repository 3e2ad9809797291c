"""Replay: what the bytes of a live log say; their layout is that of `livelog`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from zlib import crc32

from tracksite.budgets import PATCH_BYTES
from tracksite.errors import DamageError
from tracksite.schema import FORMAT, FORMATS, SCALAR_FIELDS
from tracksite.store import clock
from tracksite.store.livelog import LENGTH, MOST_KEYS, PATCH, SERIES, SERIES_HEAD, SLOT
from tracksite.store.patches import merge
from tracksite.store.points import Points

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

_PATIENCE = 4  # times the size of a damaged log are looked at for frames that are whole
_CHECKED_SLOTS = 1 << 14  # at once: what a processor's cache holds
EDITED_LISTS = ("tags", "aliases", "artifacts", "inputs", "outputs")  # items that change later


@dataclass(frozen=True)
class LiveSegment:
    """What a segment's bytes say.

    Attributes:
        header: run_id, writer, seq, format, and the identity of the process.
        patch: all its patches merged, in the JSON form.
        points: in order of logging.
        damaged: places that are not whole before the last whole frame.
        edits: (field, key of the item or "") → the number at which it was said, of what was said
            later than the header: scalars, and items of `EDITED_LISTS`.
        length: where the last whole frame ends that is not the seal.
        sealed: what the seal says, the frame that ends a log whose parts are written.
    """

    header: dict[str, Any]
    patch: dict[str, Any]
    points: Points
    damaged: int = 0
    edits: Mapping[tuple[str, str], int] = field(default_factory=dict)
    length: int = 0
    sealed: dict[str, Any] | None = None


def read_segment(content: bytes, *, name: str = "a live log") -> LiveSegment:
    """Return every whole frame.

    Raises:
        DamageError: there is no header, or it is of a newer format.
    """
    said = _Said()
    columns: list[tuple[NDArray[Any], ...]] = []
    damaged = length = 0
    sealed = None
    for item, end in _frames(content):
        if item is None:
            damaged += 1
        elif isinstance(item, dict) and "sealed" in item:
            sealed = item["sealed"]
        else:
            length, sealed = end, None
            if isinstance(item, dict):
                said.take(item, name)
            else:
                columns.append(item)
    header = _header(said.patches, name)
    named = _points(said.names, columns)
    damaged += len(named) < sum(len(run[0]) for run in columns)
    return LiveSegment(header, merge(said.patches[1:]), named, damaged, said.edits, length, sealed)


class _Said:
    """What the patch frames of a log say, frame by frame."""

    def __init__(self) -> None:
        self.patches: list[dict[str, Any]] = []
        self.names: dict[int, str] = {}
        self.edits: dict[tuple[str, str], int] = {}

    def take(self, item: dict[str, Any], name: str) -> None:
        """Take one patch frame of the log of this name; raise DamageError where none can be so."""
        if "key" in item:
            number, key = item["key"]
            if not (isinstance(key, str) and number in range(MOST_KEYS)):
                raise DamageError(f"{name} names a metric as none can be: remove it.")
            self.names[number] = key
            return
        if self.patches and "seq" in item:  # that of the header is its own
            number = item.pop("seq")
            if type(number) is not int or not 0 <= number <= clock.MOST:
                raise DamageError(
                    f"{name} was said at {number!r}, which no clock gives: remove it."
                )
            self.edits |= dict.fromkeys(edited(item), number)
        self.patches.append(item)


def edited(patch: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (field, key of the item or "") of what a patch says that may be said again later."""
    for name, value in patch.items():
        if name in SCALAR_FIELDS and value is not None:
            yield name, ""
        elif name in EDITED_LISTS and isinstance(value, dict):
            for key in value:
                yield name, key


def _header(patches: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the header of a log; raise DamageError where it has none, or one of a newer format."""
    if not patches or "format" not in patches[0]:
        message = f"{name} has no header: it was cut before its first frame, nothing was logged"
        raise DamageError(message)
    found = patches[0]["format"]
    if found not in FORMATS:
        message = f"{name} has format {found}, this tracksite reads {FORMAT}: upgrade it"
        raise DamageError(message)
    return patches[0]


def _points(names: dict[int, str], columns: Sequence[tuple[NDArray[Any], ...]]) -> Points:
    """Return the points whose key has a name: the frame that gave it one may be damaged."""
    import numpy as np

    if not columns:
        columns = [tuple(np.empty(0, dtype) for dtype in ("<i8", "<i8", "<i8", "<f8"))]
    joined = [np.concatenate(parts) for parts in zip(*columns, strict=True)]
    if len(joined[0]) and (len(names) <= joined[0].max() or max(names) >= len(names)):
        named = np.isin(joined[0], list(names))
        joined = [column[named] for column in joined]
    known = tuple(names.get(number, "") for number in range(max(names, default=-1) + 1))
    return Points(known, *joined)


def _frames(
    content: bytes,
) -> Iterator[tuple[dict[str, Any] | tuple[NDArray[Any], ...] | None, int]]:
    """Yield patches as dicts, points as columns (keys, steps, times, values), damage as None.

    With each comes where it ends.
    """
    import numpy as np

    layout = np.dtype(
        [("crc", "<u4"), ("word", "<u4"), ("step", "<i8"), ("time", "<i8"), ("value", "<f8")]
    )
    slots = np.frombuffer(content, layout, len(content) // SLOT)
    empty = (slots.view("<u8").reshape(-1, SLOT // 8) == 0).all(axis=1)
    slots = slots[: np.flatnonzero(~empty).max(initial=-1) + 1]
    breaks = np.flatnonzero(empty[: len(slots)] | (slots["word"] >= PATCH))
    found: dict[str, Any] | tuple[NDArray[Any], ...] | None
    at, torn, patience = 0, False, _PATIENCE * len(content)
    while at < len(slots) and patience >= 0:
        word = int(slots["word"][at])
        if empty[at]:
            at += 1
            continue
        if word < PATCH:
            following = np.searchsorted(breaks, at)
            end = int(breaks[following]) if following < len(breaks) else len(slots)
            whole = _whole_points(slots, at, end)
            run = slots[at:whole]
            item = (run["word"].astype(np.int64), run["step"], run["time"], run["value"])
            found, at, is_whole = (item if len(run) else None), whole, whole == end
        else:
            found, length = _long(content, at * SLOT, word, int(slots["crc"][at]))
            is_whole = found is not None
            at += -(-(8 + length) // SLOT) if is_whole else 0
            patience -= 0 if is_whole else length
        if found is not None:
            if torn:
                yield None, 0
            yield found, at * SLOT
            torn = False
        if not is_whole:
            at, torn = at + 1, True


def _long(
    content: bytes, start: int, word: int, crc: int
) -> tuple[dict[str, Any] | tuple[NDArray[Any], ...] | None, int]:
    """Return what the patch or series at a place says (None: it is not whole), and its length."""
    length = word & LENGTH
    body = memoryview(content)[start + 8 : start + 8 + length]
    too_long = len(body) < length or (word < SERIES and length > PATCH_BYTES)
    if too_long or crc32(body, crc32(content[start + 4 : start + 8])) != crc:
        return None, 0 if too_long else length
    return (json.loads(bytes(body)) if word < SERIES else _series(body)), length


def _whole_points(slots: NDArray[Any], start: int, end: int) -> int:
    """Return the first of some slots whose CRC is wrong, else `end`."""
    import numpy as np

    for at in range(start, end, _CHECKED_SLOTS):
        some = slots[at : min(at + _CHECKED_SLOTS, end)]
        wrong = np.flatnonzero(_crcs(some) != some["crc"])
        if len(wrong):
            return at + int(wrong[0])
    return end


def _crcs(slots: NDArray[Any]) -> NDArray[np.uint32]:
    """Return the CRC-32 of what follows it in each slot.

    Of messages of one length, the CRC of a XOR is the XOR of the CRCs but for a constant, so it
    is put together from those of their single bytes: no call for each slot.
    """
    import numpy as np

    table = _crc_table()
    content = slots.view(np.uint8).reshape(-1, SLOT)
    found = np.full(len(slots), crc32(bytes(SLOT - 4)), np.uint32)
    for place in range(SLOT - 4):
        found ^= table[place][content[:, place + 4]]
    return found


@cache
def _crc_table() -> NDArray[np.uint32]:
    """Return, by place and byte, what that byte there changes in the CRC of zeros."""
    import numpy as np

    last = np.array([crc32(bytes([byte])) ^ crc32(b"\0") for byte in range(256)], np.uint32)
    table = np.empty((SLOT - 4, 256), np.uint32)
    table[-1] = last
    for place in range(SLOT - 6, -1, -1):
        later = table[place + 1]
        table[place] = (later >> 8) ^ last[later & 255]
    return table


def _series(body: memoryview) -> tuple[NDArray[Any], ...]:
    import numpy as np

    key, _, count = SERIES_HEAD.unpack_from(body)
    columns = np.frombuffer(body, "<i8", 3 * count, SERIES_HEAD.size).reshape(3, count)
    keys = np.full(count, key, dtype=np.int64)
    return keys, columns[0], columns[1], columns[2].view("<f8")
