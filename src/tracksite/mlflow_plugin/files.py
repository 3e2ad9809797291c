"""Noting in the store which artifacts MLflow's own repositories wrote into a run's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracksite.errors import ArgumentError
from tracksite.store import disk_names
from tracksite.store.artifacts import disk_name, sha256
from tracksite.tracking import check
from tracksite.tracking.artifacts import files_below

if TYPE_CHECKING:
    from tracksite.mlflow_plugin.entity import Entity
    from tracksite.mlflow_plugin.ledger import Ledger


def note(ledger: Ledger, entity: Entity) -> None:
    """Write the path, size and digest of every artifact of a run that is new or was changed.

    A name that has the digest of its content in it is one that tracksite has given, and so it is
    no path that anybody logged.
    """
    folder = ledger.store.artifact_dir(entity.entity_id)
    if not folder.is_dir():
        return
    rows, ours = [], {disk_name(row) for row in entity.artifacts.values() if row.get("file")}
    for path, file in files_below(folder)[0]:
        known, status = entity.artifacts.get(path), file.stat()
        old = status.st_mtime_ns < entity.last_us * 1000
        if path in ours or (
            known and old and (known.get("file") or known["bytes"] == status.st_size)
        ):
            continue
        try:
            check.artifact_path(path)
        except ArgumentError:
            continue  # a name that no site could show
        digest = sha256(file)
        if disk_names.is_marked(path, digest):
            continue
        row = {"path": path, "bytes": status.st_size, "sha256": digest, "file": None}
        if known is None or any(known.get(name) != value for name, value in row.items()):
            rows.append(row)
    if rows:
        ledger.patch(entity, {"artifacts": rows})
