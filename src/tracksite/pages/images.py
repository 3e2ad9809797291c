"""The size of an image from its first bytes, so that a page keeps its place before it is loaded.

Sources: PNG (RFC 2083, 11.2.2), GIF89a (18), JPEG (ITU T.81, B.2.2), WebP (RFC 9649, 2.5 to 2.7).
"""

from __future__ import annotations

import re
import struct

from tracksite.budgets import IMAGE_PIXELS, IMAGE_SEGMENTS, OverBudgetError

# Extension → media type of what a page shows in place.
SHOWN = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "svg": "image/svg+xml",
}
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG markers that hold a size
_LARGEST = 50_000
_SVG_HEAD = 4096  # bytes that its first tag ends in
_SVG_VIEW = re.compile(rb"\sviewBox=([\"'])([^\"']*)\1")

Size = tuple[int, int]


def dimensions(content: bytes) -> Size | None:
    """Return (width, height) in pixels of a PNG, GIF, JPEG, WebP or SVG; None for anything else."""
    try:
        size = _dimensions(content)
    except (struct.error, IndexError, ValueError, OverflowError):
        return None
    return size if size and all(0 < it <= _LARGEST for it in size) else None


def check(size: Size) -> None:
    """Raise OverBudgetError for an image that a browser could only hold in too much memory."""
    if size[0] * size[1] > IMAGE_PIXELS:
        raise OverBudgetError(f"an image of {size[0] * size[1]:,} pixels is not shown")


def _dimensions(content: bytes) -> Size | None:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _pair(">II", content, 16)
    if content[:6] in (b"GIF87a", b"GIF89a"):
        return _pair("<HH", content, 6)
    if content.startswith(b"\xff\xd8"):
        return _jpeg(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _webp(content)
    return _svg(content[:_SVG_HEAD])


def _svg(head: bytes) -> Size | None:
    _, _, rest = head.partition(b"<svg")
    view = _SVG_VIEW.search(rest.partition(b">")[0])
    if view is None:
        return None
    _, _, width, height = view[2].replace(b",", b" ").split()
    return round(float(width)), round(float(height))


def _pair(form: str, content: bytes, at: int) -> Size:
    first, second = struct.unpack_from(form, content, at)
    return int(first), int(second)


def _jpeg(content: bytes) -> Size | None:
    at = 2
    for _ in range(IMAGE_SEGMENTS):
        if at >= len(content) - 9:
            break
        if content[at] != 0xFF:  # noqa: PLR2004 - every marker begins with it
            return None
        if content[at + 1] in _FRAMES:
            height, width = _pair(">HH", content, at + 5)
            return width, height
        at += 2 + int(struct.unpack_from(">H", content, at + 2)[0])
    return None


def _webp(content: bytes) -> Size | None:
    kind = content[12:16]
    if kind == b"VP8 ":
        width, height = _pair("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        return (
            int.from_bytes(content[24:27], "little") + 1,
            int.from_bytes(content[27:30], "little") + 1,
        )
    return None
