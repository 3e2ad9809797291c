"""The life of runs: started, nested, resumed, ended; and which one is active in a thread.

As in MLflow, each thread has its own stack of active runs (a new thread has none), the store and
the experiment belong to the process, and a verb without an active run starts one, which ends with
the process.
"""

from __future__ import annotations

import atexit
import threading
import traceback
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError, StateError, StoreError
from tracksite.store.ids import check_run_id
from tracksite.tracking import (
    capture,
    check,
    exits,
    experiments,
    handles,
    mlflow_tags,
    search,
    target,
)
from tracksite.tracking.active import ActiveRun, exit_status
from tracksite.tracking.capture import configure
from tracksite.tracking.refusing import refusing
from tracksite.tracking.target import (
    get_registry_uri,
    get_tracking_uri,
    is_tracking_uri_set,
    set_registry_uri,
    set_tracking_uri,
)
from tracksite.tracking.warning import warn

if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = [
    "ActiveRun",
    "active_run",
    "configure",
    "delete_run",
    "end_run",
    "get_registry_uri",
    "get_tracking_uri",
    "is_tracking_uri_set",
    "last_active_run",
    "restore_run",
    "set_registry_uri",
    "set_tracking_uri",
    "start_run",
]


class _Thread(threading.local):
    """The active runs of one thread, outermost first."""

    def __init__(self) -> None:
        self.stack: list[ActiveRun] = []
        self.last: ActiveRun | None = None


thread = _Thread()


@refusing
def start_run(
    run_id: str | None = None,
    *,
    experiment_id: str | None = None,
    run_name: str | None = None,
    nested: bool = False,
    parent_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,
    experiment: str | None = None,
    strict: bool = False,
) -> ActiveRun:
    """Start a run, or resume one, and make it the active run of this thread.

    Args:
        run_id: of a run to resume; None starts a new one.
        experiment_id: of the experiment to put it in.
        run_name: 1 to 500 characters; a readable one is made up when None.
        nested: allow a run inside the active one, which becomes its parent. A nested run is in
            its parent's experiment unless another is named.
        parent_run_id: the parent, where it is not the active run.
        tags: {key: text}.
        description: Markdown.
        log_system_metrics: log CPU, memory, disk, network and GPU as points; None: as configured.
        experiment: name of the experiment; default: the active one.
        strict: raise StoreError as soon as the disk refuses something. Otherwise a disk that is
            full or read-only never stops a training: what was logged waits in memory, with one
            warning, and is saved once there is room.

    Returns:
        The run's handle, which is also a context manager that ends the run.

    Raises:
        ArgumentError: a bad name, tag or id.
        StateError: a run is active in this thread and `nested` is false, the run to resume is
            active or deleted, or the experiment is deleted.
        NotFoundError: no such run, parent or experiment.
        StoreError: the store cannot be opened.
    """
    parent = _parent(run_id, parent_run_id, nested=nested)
    fields = mlflow_tags.fields(check.tags(tags or {}))
    if description is not None:
        fields["description"] = check.text("description", "", description, check.MAX_NOTES)
    if run_name is not None:
        fields["name"] = check.name("run", run_name)
    exits.watch()
    settings = capture.settings(system_metrics=log_system_metrics)
    if run_id is None:
        experiment = _experiment_of(experiment, experiment_id, parent)
        fields = {**capture.fields(settings), **fields}
        run = handles.begin(experiment, parent, fields, on_end=_forget, strict=strict)
    else:
        run = _resume(check_run_id(run_id), fields, experiment, experiment_id, strict=strict)
    thread.stack.append(run)
    thread.last = run
    handles.active[run.run_id] = (run, thread.stack)
    capture.while_running(run, settings)
    return run


def _parent(run_id: str | None, parent_run_id: str | None, *, nested: bool) -> str | None:
    """Return the id of the run that the new run is nested in, if any."""
    active = active_run()
    if run_id in handles.active:
        raise StateError(f"run {run_id} is active already: log to it, or end it first.")
    if active is not None and not nested:
        raise StateError(
            f"run {active.run_id} ({active.name!r}) is active already: "
            "end it with end_run(), or pass nested=True for a run inside it."
        )
    if parent_run_id is not None:
        if handles.handle(parent_run_id) is None:
            search.get_run(parent_run_id)
        return parent_run_id
    return active.run_id if active is not None else None


def _experiment_of(name: str | None, identity: str | None, parent: str | None) -> str:
    if name is not None and identity is not None:
        raise ArgumentError("start_run() takes experiment= or experiment_id=, not both: drop one.")
    if identity is not None:
        return experiments.name_of(identity)
    known = handles.handle(parent) if parent and name is None else None
    if known is not None:  # it goes on, so a run inside it does
        return known.info.experiment
    chosen = target.active_experiment() if name is None else check.name("experiment", name)
    experiments.refuse_deleted(chosen)
    return chosen


def _resume(
    run_id: str,
    fields: Mapping[str, Any],
    experiment: str | None,
    experiment_id: str | None,
    *,
    strict: bool,
) -> ActiveRun:
    if run_id in handles.kept:
        handles.kept[run_id].release()
    known = search.get_run(run_id)
    home = known.info
    if experiment not in {None, home.experiment} or experiment_id not in {None, home.experiment_id}:
        raise ArgumentError(
            f"run {run_id} is in experiment {known.info.experiment!r}: "
            "resume it there, without another experiment."
        )
    return handles.resume(known, fields, on_end=_forget, strict=strict)


def _forget(run: ActiveRun, status: str) -> None:
    """Take a run that ends off its thread's stack, after those that are nested in it there."""
    _, stack = handles.active.pop(run.run_id, (run, []))
    while run in stack:
        last = stack[-1]
        if last is run:
            stack.pop()
        else:
            last.end(status)


def end_run(status: str = "finished") -> None:
    """End the active run of this thread; nothing happens when there is none.

    Args:
        status: finished, failed or killed, in any case.

    Raises:
        StoreError: something of it could not be saved.
    """
    run = active_run()
    if run is not None:
        run.end(status)


def active_run() -> ActiveRun | None:
    """Return the innermost active run of this thread, or None."""
    return thread.stack[-1] if thread.stack else None


def last_active_run() -> ActiveRun | None:
    """Return the run that was started last in this thread, ended or not, or None."""
    return thread.last


def current_run() -> ActiveRun:
    """Return the active run of this thread; start one where there is none, as MLflow does."""
    return thread.stack[-1] if thread.stack else start_run()


@refusing
def delete_run(run_id: str) -> None:
    """Mark a run as deleted: it is hidden everywhere until `restore_run`.

    Raises:
        NotFoundError: no such run.
        StateError: it is active in this process.
    """
    if run_id in handles.active:
        raise StateError(f"run {run_id} is active: end it before it is deleted.")
    search.get_run(check_run_id(run_id))
    if run_id in handles.kept:
        handles.kept[run_id].release()
    target.store().write_patch(run_id, "run", {"deleted": True})


@refusing
def restore_run(run_id: str) -> None:
    """Bring a deleted run back.

    Raises:
        NotFoundError: no such run.
    """
    search.get_run(check_run_id(run_id))
    target.store().write_patch(run_id, "run", {"deleted": False})


def _end_all() -> None:
    """End what still runs when the process ends: failed if an exception ended the process."""
    error = exits.how()
    status = exit_status(error)
    text = "".join(traceback.format_exception(error)) if status == "failed" else None
    for run, _ in reversed(list(handles.active.values())):
        try:
            run.end(status, error=text)
        except StoreError as trouble:
            warn(str(trouble))


atexit.register(_end_all)
