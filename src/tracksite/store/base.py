"""The Store protocol: a backend moves tables and names; it never answers questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from tracksite.schema import Snapshot
    from tracksite.store.parts import PartName
    from tracksite.store.writer import RunWriter


class Store(Protocol):
    """What every backend offers."""

    root: Path

    def state(self) -> str:
        """Return a digest that changes whenever a snapshot would: from names and live logs."""

    def snapshot(self, run_ids: Collection[str] | None = None) -> Snapshot:
        """Return what the store holds now, of all runs and entities or of these alone."""

    def artifact_dir(self, run_id: str) -> Path:
        """Return the folder of a run's artifacts; it need not exist."""

    def write_patch(self, run_id: str, kind: str, fields: Mapping[str, Any]) -> PartName:
        """Write one patch of a run or another entity as a part, at once; return its name."""

    def open_writer(self, run_id: str, *, kind: str = "run", resume: bool = False) -> RunWriter:
        """Return a writer for a new run, or for one that exists when `resume`."""
