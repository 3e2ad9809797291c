"""Saving: a segment of a live log becomes parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracksite.store import parts, points
from tracksite.store.patches import to_table
from tracksite.store.replay import read_segment

if TYPE_CHECKING:
    from pathlib import Path


def save_segment(root: Path, content: bytes) -> int:
    """Write a segment's parts: its points, then the patch that commits them.

    The parts are a function of the content alone, so saving one segment twice writes the same
    files twice.

    Returns:
        How many places of the log were damaged, so that what they held is not in the parts.

    Raises:
        OSError: the disk refused.
    """
    segment = read_segment(content)
    header, patch = segment.header, segment.patch
    if not patch and not len(segment.points):
        return segment.damaged
    commit = (header["run_id"], header["writer"], header["seq"])
    if len(segment.points):
        ordered = points.to_sorted(segment.points)
        parts.write_part(root / "log", commit, "points", points.to_table(commit[0], ordered))
        patch = {**patch, "metrics": points.summarise(ordered)}
    row = to_table(
        {"kind": header["kind"], **patch},
        run_id=commit[0],
        writer=commit[1],
        seq=commit[2],
        timestamp=header["opened_at"],
    )
    parts.write_part(root / "log", commit, "runs", row)
    return segment.damaged
