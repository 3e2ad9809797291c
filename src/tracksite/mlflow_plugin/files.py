"""Noting in the store which artifacts MLflow's own repositories wrote into a run's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracksite.errors import ArgumentError
from tracksite.store.artifacts import sha256
from tracksite.store.disk_names import is_marked
from tracksite.store.syncing import warn_once
from tracksite.tracking import check
from tracksite.tracking.artifacts import files_below

if TYPE_CHECKING:
    from tracksite.mlflow_plugin.entity import Entity
    from tracksite.mlflow_plugin.ledger import Ledger


def note(ledger: Ledger, entity: Entity) -> None:
    """Write the path, size and digest of every artifact of a run that is new or was changed.

    Left out is what tracksite put there beside a path's newer content: files with their digest in
    their names, and the older content of a path whose newer one has such a file.
    """
    folder = ledger.store.artifact_dir(entity.entity_id)
    if not folder.is_dir():
        return
    rows, earlier = [], None
    for path, file in files_below(folder)[0]:
        known, status = entity.artifacts.get(path), file.stat()
        beside = known is not None and known.get("file") is not None
        if (
            known
            and not beside
            and known["bytes"] == status.st_size
            and status.st_mtime_ns < entity.last_us * 1000
        ):
            continue
        try:
            check.artifact_path(path)
        except ArgumentError as error:  # a name that no site could show
            warn_once(f"an artifact of run {entity.entity_id} is not noted: {error}")
            continue
        digest = sha256(file)
        if beside and earlier is None:
            earlier = _earlier(ledger, entity)
        if is_marked(path, digest) or (beside and (path, digest) in (earlier or ())):
            continue
        row = {"path": path, "bytes": status.st_size, "sha256": digest, "file": None}
        if known is None or any(known.get(name) != value for name, value in row.items()):
            rows.append(row)
    if rows:
        ledger.patch(entity, {"artifacts": rows})


def _earlier(ledger: Ledger, entity: Entity) -> set[tuple[str, str]]:
    """Return path and digest of everything that was ever logged to a run."""
    told = ledger.store.snapshot([entity.entity_id]).patches["artifacts"].drop_nulls()
    return {(row["path"], row["sha256"]) for rows in told.to_list() for row in rows}
