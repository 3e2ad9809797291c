"""What a store holds before an import: so that nothing is written twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tracksite.mlflow_plugin.entity import Entity, from_row, to_us
from tracksite.query.runs import fold
from tracksite.store.histories import read_points

if TYPE_CHECKING:
    from collections.abc import Collection

    import polars as pl

    from tracksite.schema import Snapshot
    from tracksite.store.local import LocalStore

Fingerprint = tuple[Any, ...]


class Known(NamedTuple):
    """An entity as it stands, and a fingerprint of each of its series."""

    entity: Entity
    series: dict[str, Fingerprint]


class Present:
    """Everything in a store at the moment of its making."""

    def __init__(self, store: LocalStore) -> None:
        """Read the patches of a store, not its points."""
        self._snapshot: Snapshot = store.snapshot()
        rows = fold(self._snapshot).iter_rows(named=True)
        self._known = {row["run_id"]: _known(row) for row in rows if row["kind"] is not None}

    def get(self, entity_id: str) -> Known | None:
        """Return an entity, or None."""
        return self._known.get(entity_id)

    def was_removed(self, entity_id: str) -> bool:
        """Return whether an entity was here and was removed for good."""
        return entity_id in self._snapshot.purged

    def of_kind(self, kind: str) -> list[Entity]:
        """Return the entities of a kind."""
        return [one.entity for one in self._known.values() if one.entity.kind == kind]

    all = of_kind

    def peek(self, entity_id: str) -> Entity | None:
        """Return an entity, or None; with `all`, what `mlflow_plugin.lifecycle` asks for."""
        known = self._known.get(entity_id)
        return known and known.entity

    def points(self, entity_id: str, keys: Collection[str]) -> pl.DataFrame:
        """Return the points of some series; columns as `points_schema()`."""
        import polars as pl

        live = self._snapshot.live_points.filter(
            pl.col("run_id") == entity_id, pl.col("key").is_in(list(keys))
        )
        return pl.concat([read_points(self._snapshot, [entity_id], keys), live])


def fingerprint(summary: dict[str, Any]) -> Fingerprint:
    """Return what two equal series have in common, from their summaries.

    Args:
        summary: an item of the `metrics` list, its time in microseconds since 1970 or a datetime.
    """
    at = summary["last_at"]
    names = ("count", "nan_count", "last_step", "min", "max")
    return (*(summary.get(name) for name in names), at if isinstance(at, int) else to_us(at))


def _known(row: dict[str, Any]) -> Known:
    return Known(from_row(row), {item["key"]: fingerprint(item) for item in row["metrics"] or ()})
