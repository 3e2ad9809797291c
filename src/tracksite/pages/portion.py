"""What the pages of some runs are made from: small enough to send to another process."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from tracksite.pages.context import Context
from tracksite.query.branches import several_writers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Portions:
    """Cuts a context into small ones; what it looks things up in is made once."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def of(self, run_ids: Sequence[str]) -> Context:
        """Return a context from which the pages of these runs come out the same.

        It holds them, their parents, children and model versions, and where their points are, but
        no patches, except those that tell when a run was resumed. It can be pickled; points are
        read again from the store's folder.
        """
        whole, snapshot = self._context, self._context.snapshot
        known = set(run_ids)
        mine, points = pl.col("run_id").is_in(run_ids), snapshot.points_parts
        parents = {self._parents[it] for it in known if it in self._parents}
        problems = tuple(it for it in snapshot.problems if it.run_id in known)
        part = replace(
            snapshot,
            patches=self._several.filter(mine),
            point_files={
                it: snapshot.point_files[it] for it in run_ids if it in snapshot.point_files
            },
            points_parts=None if points is None else points.filter(mine),
            live_points=snapshot.live_points.filter(mine),
            stamps={},
            alive=snapshot.alive & known,
            problems=problems,
            purged={it: snapshot.purged[it] for it in parents if it in snapshot.purged},
        )
        return Context(part, self._folded(known), whole.settings, whole.artifacts)

    def _folded(self, run_ids: set[str]) -> pl.DataFrame:
        parents = {self._parents[it] for it in run_ids if it in self._parents}
        children = {child for it in run_ids for child in self._children.get(it, ())}
        wanted = run_ids | parents | children | set(self._beside(run_ids))
        return self._context.folded[sorted(self._places[it] for it in wanted & self._places.keys())]

    def _beside(self, run_ids: set[str]) -> Iterable[str]:
        """Return every version of the models that these runs made versions of.

        All of them, because which number a version has may hang on the others.
        """
        models = {name for it in run_ids for name in self._models.get(it, ())}
        versions = self._versions
        return versions.filter(pl.col("name").is_in(sorted(models)))["run_id"] if models else ()

    @cached_property
    def _several(self) -> pl.DataFrame:
        return several_writers(self._context.snapshot.patches)

    @cached_property
    def _places(self) -> Mapping[str, int]:
        ids = self._context.folded["run_id"].to_list()
        return {run_id: place for place, run_id in enumerate(ids)}

    @cached_property
    def _parents(self) -> Mapping[str, str]:
        pairs = self._context.folded.select("run_id", "parent_run_id").drop_nulls()
        return dict(pairs.iter_rows())

    @cached_property
    def _children(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for child, parent in self._parents.items():
            found.setdefault(parent, []).append(child)
        return found

    @cached_property
    def _versions(self) -> pl.DataFrame:
        versions = self._context.folded.filter(pl.col("kind") == "model_version")
        return versions.select("run_id", "name", "source_run_id")

    @cached_property
    def _models(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, run_id in self._versions.select("name", "source_run_id").drop_nulls().iter_rows():
            found.setdefault(run_id, []).append(name)
        return found
