"""Noting in the store which artifacts MLflow's own repositories wrote into a run's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracksite.errors import ArgumentError
from tracksite.tracking import check
from tracksite.tracking.artifacts import files_below, sha256

if TYPE_CHECKING:
    from tracksite.mlflow_plugin.entity import Entity
    from tracksite.mlflow_plugin.ledger import Ledger


def note(ledger: Ledger, entity: Entity) -> None:
    """Write the path, size and digest of every artifact of a run that is new or was changed."""
    folder = ledger.store.artifact_dir(entity.entity_id)
    if not folder.is_dir():
        return
    rows = []
    for path, file in files_below(folder)[0]:
        known, status = entity.artifacts.get(path), file.stat()
        if (
            known
            and known["bytes"] == status.st_size
            and status.st_mtime_ns < entity.last_us * 1000
        ):
            continue
        try:
            check.artifact_path(path)
        except ArgumentError:
            continue  # a name that no site could show
        row = {"path": path, "bytes": status.st_size, "sha256": sha256(file)}
        if row != known:
            rows.append(row)
    if rows:
        ledger.patch(entity, {"artifacts": rows})
