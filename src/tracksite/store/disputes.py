"""Disputes: files of one name with other content, in two stores that are merged.

Only artifacts can differ so: those that format 1 or another program wrote over an older one of
their name. What the runs say of them decides which content lies there. The other one is kept under
a name with its digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracksite.store import artifacts, disk_names, edits, parts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    import polars as pl

    from tracksite.store.local import LocalStore


def settle(source: Path, target: LocalStore, places: Collection[str]) -> Iterator[str]:
    """Put the content that a run means where two stores differ; yield the places that none is of.

    Args:
        source: the folder of the store that is merged into `target`.
        target: holds by now what both say.
        places: `artifacts/<run_id>/<file>`.
    """
    wanted = _wanted(target.snapshot({place.split("/")[1] for place in places}).patches)
    for place in sorted(places):
        theirs, ours = source / place, target.root / place
        if artifacts.sha256(ours) == wanted.get(place):
            continue
        if artifacts.sha256(theirs) != wanted.get(place):
            yield place
            continue
        _keep(ours)
        temporary = artifacts.temporary_in(target.root / "artifacts")
        with theirs.open("rb") as file:
            artifacts.write(temporary, artifacts.chunks(file))
        temporary.replace(ours)
        parts.sync_folder(ours.parent)


def _wanted(patches: pl.DataFrame) -> dict[str, str]:
    """Return the SHA-256 that the last row of each artifact says, by its place."""
    rows = edits.split(patches).sort("seq", "writer").select("run_id", "artifacts")
    return {
        f"artifacts/{run_id}/{artifacts.disk_name(row)}": row["sha256"]
        for run_id, found in rows.iter_rows()
        for row in found or ()
    }


def _keep(place: Path) -> None:
    """Move a file aside, to a name with its digest."""
    mark = artifacts.sha256(place)[: disk_names.SHORT_DIGEST]
    place.rename(place.with_name(disk_names.with_digest(place.name, mark)))
