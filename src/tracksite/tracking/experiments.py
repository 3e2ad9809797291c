"""Experiments: made active, created, described."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError, NotFoundError, StateError
from tracksite.store.ids import experiment_id
from tracksite.tracking import check, search, target
from tracksite.tracking.entities import Experiment
from tracksite.tracking.refusing import refusing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracksite.tracking.kinds import Value

__all__ = [
    "create_experiment",
    "delete_experiment",
    "delete_experiment_tag",
    "restore_experiment",
    "set_experiment",
    "set_experiment_tag",
    "set_experiment_tags",
]

_open_at: dict[tuple[str, str], float] = {}  # store and experiment → when it was no deleted one


@refusing
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
        StateError: the experiment is deleted.
        StoreError: the store cannot be written.
    """
    if (experiment_name is None) == (experiment_id is None):
        raise ArgumentError("set_experiment() needs a name or an experiment_id=, and not both.")
    if experiment_name is None:
        experiment_name = search.get_experiment(str(experiment_id)).name
    name = check.name("experiment", experiment_name)
    refuse_deleted(name, within_s=0.0)
    texts = check.tags(tags or {})
    identity = target.declare_experiment(name, description=description, tags=texts)
    target.set_active_experiment(name)
    return Experiment(identity, name, description, texts)


def name_of(identity: str) -> str:
    """Return the name of the experiment with this id, which takes runs.

    Raises:
        StateError: it is deleted.
        NotFoundError: there is none.
    """
    try:
        return search.get_experiment(identity).name
    except NotFoundError:
        if search.was_deleted(identity):
            raise _is_deleted(f"with the id {identity!r}", identity) from None
        raise


def refuse_deleted(name: str, *, within_s: float = 1.0) -> None:
    """Raise StateError where an experiment is deleted and nothing was made in it since.

    Args:
        name: of the experiment.
        within_s: seconds for which a look counts, so that a process that starts many runs need
            not list the store for each. A deletion of this process's own is seen at once.
    """
    identity = experiment_id(name)
    place = (str(target.place()), identity)
    if time.monotonic() - _open_at.get(place, -math.inf) < within_s:
        return
    if not target.has_changed(identity) or not search.was_deleted(identity):
        _open_at[place] = time.monotonic()
        return
    if search.get_experiment_by_name(name) is None:  # nothing was made in it since
        raise _is_deleted(repr(name), identity)


def _is_deleted(what: str, identity: str) -> StateError:
    return StateError(
        f"experiment {what} is deleted: restore_experiment({identity!r}) brings it back, "
        "or use another name."
    )


@refusing
def create_experiment(
    name: str,
    artifact_location: str | None = None,
    *,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
) -> str:
    """Create an experiment without making it active; return its id.

    Args:
        name: 1 to 500 characters.
        artifact_location: None: artifacts are kept in the store, beside their runs.
        tags: {key: text}.
        description: Markdown.

    Raises:
        ArgumentError: an artifact location.
        StateError: there is one of this name.
    """
    if artifact_location is not None:
        raise ArgumentError(
            f"artifact_location {artifact_location!r} cannot be chosen: artifacts are kept in the "
            "store, beside their runs; leave it out."
        )
    check.name("experiment", name)
    if search.get_experiment_by_name(name) is not None:
        raise StateError(f"experiment {name!r} exists already: use set_experiment({name!r}).")
    return target.declare_experiment(name, description=description, tags=check.tags(tags or {}))


@refusing
def set_experiment_tags(tags: Mapping[str, Any], *, experiment_id: str | None = None) -> None:
    """Set tags of the active experiment, or of the one with this id.

    Raises:
        NotFoundError: no experiment has this id.
    """
    target.declare_experiment(_named(experiment_id), tags=check.tags(tags))


@refusing
def set_experiment_tag(key: str, value: Value, *, experiment_id: str | None = None) -> None:
    """Set one tag; see `set_experiment_tags`."""
    set_experiment_tags({key: value}, experiment_id=experiment_id)


@refusing
def delete_experiment_tag(key: str, *, experiment_id: str | None = None) -> None:
    """Remove a tag of the active experiment, or of the one with this id; there need be none."""
    tags = {check.key("tag", key): None}
    identity = target.declare_experiment(_named(experiment_id))
    target.store().write_patch(identity, "experiment", {"tags": tags})


def _named(identity: str | None) -> str:
    return target.active_experiment() if identity is None else search.get_experiment(identity).name


@refusing
def delete_experiment(experiment_id: str) -> None:
    """Hide an experiment and all its runs until `restore_experiment`.

    A run that is written to later, in another copy of the store, is shown again, and its experiment
    with it.

    Raises:
        NotFoundError: no such experiment, or it is deleted.
    """
    _mark(search.get_experiment(experiment_id), "active", deleted=True)


@refusing
def restore_experiment(experiment_id: str) -> None:
    """Bring a deleted experiment back, with all its runs.

    Raises:
        NotFoundError: there is no deleted experiment with this id.
    """
    for experiment in search.search_experiments(view_type="all"):
        if experiment.experiment_id == experiment_id and search.was_deleted(experiment_id):
            _mark(experiment, "deleted", deleted=False)
            return
    raise NotFoundError(
        f"no deleted experiment has the id {experiment_id!r}: "
        'search_experiments(view_type="deleted") lists those that can be restored.'
    )


def _mark(experiment: Experiment, view: str, *, deleted: bool) -> None:
    """Say of an experiment first, which hides all at once, and then of its runs."""
    _open_at.clear()
    store, names = target.store(), [experiment.name]
    runs = search.search_runs(experiment_names=names, run_view_type=view, output_format="list")
    target.declare_experiment(experiment.name)  # that it has changed is seen by its second part
    patch = {"name": experiment.name, "deleted": deleted}
    store.write_patch(experiment.experiment_id, "experiment", patch)
    for run in runs:
        store.write_patch(run.info.run_id, "run", {"deleted": deleted})
