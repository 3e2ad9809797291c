"""Saving: a segment of a live log becomes parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracksite.store import edits, parts, points
from tracksite.store.patches import to_table
from tracksite.store.replay import read_segment
from tracksite.store.seals import Seal

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


@dataclass(frozen=True)
class Saved:
    """What saving a segment made.

    Attributes:
        seal: which parts its content became.
        length: where its last whole frame ends, without a seal: where one goes.
        damaged: places of the log that were damaged, so that what they held is not in the parts.
    """

    seal: Seal
    length: int
    damaged: int


def save_segment(root: Path, content: bytes, have: Collection[str] = ()) -> Saved:
    """Write a segment's parts: its points, then the patch that commits them.

    The parts are a function of the content alone, so saving one segment twice writes the same
    files twice.

    Args:
        root: the store's folder.
        content: the segment's bytes.
        have: hashes of parts that need not be written, because they are in packs.

    Raises:
        OSError: the disk refused.
    """
    segment = read_segment(content)
    header, patch = segment.header, segment.patch
    hashes: dict[str, str] = {}
    if patch or len(segment.points):
        commit = (header["run_id"], header["writer"], header["seq"])
        if len(segment.points):
            ordered = points.to_sorted(segment.points)
            table = points.to_table(commit[0], ordered)
            hashes["points"] = parts.write_part(root / "log", commit, "points", table, have).hash
            patch = {**patch, "metrics": points.summarise(ordered)}
        row = to_table(
            {"kind": header["kind"], **patch},
            run_id=commit[0],
            writer=commit[1],
            seq=commit[2],
            timestamp=header["opened_at"],
            length=segment.length,
            edits=edits.listed(segment.edits, header["seq"]),
        )
        hashes["runs"] = parts.write_part(root / "log", commit, "runs", row, have).hash
    return Saved(
        Seal(saved=True, runs=hashes.get("runs"), points=hashes.get("points")),
        segment.length,
        segment.damaged,
    )
