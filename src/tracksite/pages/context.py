"""What every page is made from: built once for each build, never changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from tracksite import paths
from tracksite.analysis import links, reproduce
from tracksite.config import ExperimentSettings
from tracksite.pages.series import Series
from tracksite.query import goal, lookup, registry
from tracksite.query import runs as query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import polars as pl

    from tracksite.config import Settings
    from tracksite.query.goal import Goal
    from tracksite.query.lookup import Absences
    from tracksite.query.registry import Alias
    from tracksite.schema import Problem, Snapshot

T = TypeVar("T")

_ENCODER = json.JSONEncoder(sort_keys=True, default=str)  # one for the digests of all runs


@dataclass(frozen=True)
class Context:
    """The folded state of a store and the settings: the only input of `pages`.

    Attributes:
        snapshot: what the store held when the build began.
        folded: one row for each entity, as `query.lifecycle.settled` returns them.
        settings: of `tracksite.toml`.
        artifacts: the store's folder `artifacts`; a run's files are in `<run_id>/` below it.
    """

    snapshot: Snapshot
    folded: pl.DataFrame
    settings: Settings
    artifacts: Path
    _made: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Return what `make` returned when this name was first asked for, by any kind of page."""
        if name not in self._made:
            self._made[name] = make()
        made: T = self._made[name]
        return made

    @cached_property
    def runs(self) -> pl.DataFrame:
        """Every run that is not deleted, newest first: the columns of `query.runs.runs`."""
        return query.runs(self.folded)

    @cached_property
    def experiments(self) -> pl.DataFrame:
        """Every experiment: the columns of `query.runs.experiments`."""
        return query.experiments(self.folded)

    @cached_property
    def models(self) -> pl.DataFrame:
        """Every registered model: the columns of `query.registry.models`."""
        return registry.models(self.folded)

    @cached_property
    def versions(self) -> pl.DataFrame:
        """Every model version: the columns of `query.registry.model_versions`."""
        return registry.model_versions(self.folded)

    @cached_property
    def aliases(self) -> Mapping[str, list[Alias]]:
        """Name of a registered model → its aliases."""
        return registry.aliases(self.folded)

    @cached_property
    def absent(self) -> Absences:
        """Which runs have no page, of those that something names."""
        return lookup.absences(self.folded, self.snapshot.purged)

    @cached_property
    def missing_of_models(self) -> Mapping[str, list[str]]:
        """Name of a registered model → what it names and the store lacks."""
        return links.missing(self.folded, self.absent, self.artifacts)

    @cached_property
    def by_experiment(self) -> Mapping[str, pl.DataFrame]:
        """Name of an experiment → its runs, newest first; experiments without runs are absent."""
        parts = self.runs.partition_by("experiment", as_dict=True, maintain_order=True)
        return {str(key[0]): frame for key, frame in parts.items()}

    @cached_property
    def goals(self) -> Mapping[str, Goal | None]:
        """Name of an experiment → its primary metric; None where no metric was logged."""
        return {
            name: goal.primary_metric(frame, self.settings_of(name))
            for name, frame in self.by_experiment.items()
        }

    @cached_property
    def problems_of(self) -> Mapping[str, tuple[Problem, ...]]:
        """Run id → what is damaged in its part of the store."""
        found: dict[str, tuple[Problem, ...]] = {}
        for problem in self.snapshot.problems:
            if problem.run_id is not None:
                found[problem.run_id] = (*found.get(problem.run_id, ()), problem)
        return found

    @cached_property
    def series(self) -> Series:
        """The curves for run pages, read for many runs at once."""
        return Series(self.snapshot)

    def expect(self, stale: Iterable[str]) -> None:
        """Say which site paths will be built, in this order, so that their runs share queries."""
        self.series.expect([it for path in stale if (it := paths.run_id_of(path)) is not None])

    @cached_property
    def _missing(self) -> Mapping[str, list[str]]:
        told = reproduce.verdicts(self.runs).select("run_id", "missing")
        return dict(told.iter_rows())

    def missing_for(self, run_id: str) -> list[str]:
        """Return what stands in the way of making a run again; empty when nothing does."""
        return self._missing.get(run_id, [])

    def settings_of(self, experiment: str) -> ExperimentSettings:
        """Return the settings of one experiment; the defaults where there are none."""
        return self.settings.experiments.get(experiment, ExperimentSettings())

    def stamps(self, run_ids: Iterable[str]) -> list[str]:
        """Return the stamps of these entities, in order of id: they change when an entity does."""
        return [self.snapshot.stamps.get(run_id, "") for run_id in sorted(run_ids)]


def digest(*values: Any) -> str:
    """Return the digest of plain values (texts, numbers, lists, dicts): the `inputs` of a Page."""
    return hashlib.blake2b(_ENCODER.encode(values).encode(), digest_size=16).hexdigest()
