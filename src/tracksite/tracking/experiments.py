"""Experiments: made active, created, described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError, StateError
from tracksite.tracking import check, search, target
from tracksite.tracking.entities import Experiment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracksite.tracking.kinds import Value

__all__ = [
    "create_experiment",
    "set_experiment",
    "set_experiment_tag",
    "set_experiment_tags",
]


def set_experiment(
    experiment_name: str | None = None,
    experiment_id: str | None = None,
    *,
    description: str | None = None,
    tags: Mapping[str, Any] | None = None,
) -> Experiment:
    """Make an experiment active, creating it if need be: runs that start now belong to it.

    Args:
        experiment_name: 1 to 500 characters.
        experiment_id: instead, the id of one that exists.
        description: Markdown, replaces what was there.
        tags: added to those that it has.

    Raises:
        ArgumentError: neither or both of name and id, or a bad name.
        NotFoundError: no experiment has this id.
        StoreError: the store cannot be written.
    """
    if (experiment_name is None) == (experiment_id is None):
        raise ArgumentError("set_experiment() needs a name or an experiment_id=, and not both.")
    if experiment_name is None:
        experiment_name = search.get_experiment(str(experiment_id)).name
    name = check.name("experiment", experiment_name)
    texts = check.tags(tags or {})
    identity = target.declare_experiment(name, description=description, tags=texts)
    target.set_active_experiment(name)
    return Experiment(identity, name, description, texts)


def create_experiment(
    name: str, *, description: str | None = None, tags: Mapping[str, Any] | None = None
) -> str:
    """Create an experiment without making it active; return its id.

    Args:
        name: 1 to 500 characters.
        description: Markdown.
        tags: {key: text}.

    Raises:
        StateError: there is one of this name.
    """
    check.name("experiment", name)
    if search.get_experiment_by_name(name) is not None:
        raise StateError(f"experiment {name!r} exists already: use set_experiment({name!r}).")
    return target.declare_experiment(name, description=description, tags=check.tags(tags or {}))


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Set tags of the active experiment."""
    target.declare_experiment(target.active_experiment(), tags=check.tags(tags))


def set_experiment_tag(key: str, value: Value) -> None:
    """Set one tag of the active experiment."""
    set_experiment_tags({key: value})
