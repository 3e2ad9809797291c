"""The fluent API: the same verbs as a run's handle, for the run that is active in this thread.

As in MLflow, each thread has its own stack of active runs (a new thread has none), the store and
the experiment belong to the process, and a verb without an active run starts one, which ends with
the process.
"""

from __future__ import annotations

import atexit
import functools
import inspect
import sys
import threading
import traceback
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from tracksite.errors import ArgumentError, StateError, StoreError
from tracksite.store.ids import check_run_id, new_run_id
from tracksite.tracking import capture, check, search, target
from tracksite.tracking.active import ActiveRun, exit_status
from tracksite.tracking.capture import configure
from tracksite.tracking.entities import Experiment, RunInfo
from tracksite.tracking.names import run_name as readable_name
from tracksite.tracking.target import get_tracking_uri, is_tracking_uri_set, set_tracking_uri

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tracksite.tracking.kinds import Value

P = ParamSpec("P")
R = TypeVar("R")

__all__ = [
    "ActiveRun",
    "active_run",
    "configure",
    "create_experiment",
    "delete_run",
    "delete_tag",
    "end_run",
    "flush",
    "get_artifact_uri",
    "get_tracking_uri",
    "is_tracking_uri_set",
    "last_active_run",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_metric",
    "log_metrics",
    "log_model",
    "log_param",
    "log_params",
    "log_series",
    "log_table",
    "log_text",
    "restore_run",
    "set_description",
    "set_experiment",
    "set_experiment_tag",
    "set_experiment_tags",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "start_run",
]


class _Thread(threading.local):
    """The active runs of one thread, outermost first."""

    def __init__(self) -> None:
        self.stack: list[ActiveRun] = []
        self.last: ActiveRun | None = None


_thread = _Thread()
_open: dict[str, tuple[ActiveRun, list[ActiveRun]]] = {}  # every run in progress, and its stack


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

    Returns:
        The run's handle, which is also a context manager that ends the run.

    Raises:
        ArgumentError: a bad name, tag or id.
        StateError: a run is active in this thread and `nested` is false, or the run to resume is
            active or deleted.
        NotFoundError: no such run, parent or experiment.
        StoreError: the store cannot be opened.
    """
    parent = _parent(run_id, parent_run_id, nested=nested)
    fields: dict[str, Any] = {"tags": check.tags(tags or {})}
    if description is not None:
        fields["description"] = check.text("description", "", description, check.MAX_NOTES)
    if run_name is not None:
        fields["name"] = check.name("run", run_name)
    settings = capture.settings(system_metrics=log_system_metrics)
    if run_id is None:
        experiment = _experiment_of(experiment, experiment_id, parent)
        run = _begin(experiment, parent, fields, settings)
    else:
        run = _resume(check_run_id(run_id), fields)
    _thread.stack.append(run)
    _thread.last = run
    _open[run.run_id] = (run, _thread.stack)
    capture.while_running(run, settings)
    return run


def _parent(run_id: str | None, parent_run_id: str | None, *, nested: bool) -> str | None:
    """Return the id of the run that the new run is nested in, if any."""
    active = active_run()
    if run_id in _open:
        raise StateError(f"run {run_id} is active already: log to it, or end it first.")
    if active is not None and not nested:
        raise StateError(
            f"run {active.run_id} ({active.name!r}) is active already: "
            "end it with end_run(), or pass nested=True for a run inside it."
        )
    if parent_run_id is not None:
        if check_run_id(parent_run_id) not in _open:
            search.get_run(parent_run_id)
        return parent_run_id
    return active.run_id if active is not None else None


def _experiment_of(name: str | None, identity: str | None, parent: str | None) -> str:
    if name is not None and identity is not None:
        raise ArgumentError("start_run() takes experiment= or experiment_id=, not both: drop one.")
    if identity is not None:
        return search.get_experiment(identity).name
    if name is not None:
        return check.name("experiment", name)
    return _open[parent][0].info.experiment if parent in _open else target.active_experiment()


def _begin(
    experiment: str, parent: str | None, fields: Mapping[str, Any], settings: capture.Capture
) -> ActiveRun:
    identity, started_at = new_run_id(), datetime.now(UTC)
    name = fields.get("name") or readable_name(identity)
    store = target.store(create=True)
    captured = capture.fields(settings)
    writer = store.open_writer(identity)
    writer.patch(
        **{
            **captured,
            **fields,
            "experiment": experiment,
            "name": name,
            "status": "running",
            "started_at": started_at,
            "parent_run_id": parent,
        }
    )
    info = RunInfo(
        identity,
        name,
        experiment,
        "running",
        started_at,
        parent_run_id=parent,
        user=captured.get("user"),
        artifact_uri=str(store.artifact_dir(identity)),
        description=fields.get("description"),
    )
    return ActiveRun(store, writer, info, params={}, on_end=_forget)


def _resume(run_id: str, fields: Mapping[str, Any]) -> ActiveRun:
    store = target.store()
    known = search.get_run(run_id)
    if known.info.lifecycle_stage == "deleted":
        raise StateError(f"run {run_id} is deleted: restore_run({run_id!r}) brings it back.")
    writer = store.open_writer(run_id, resume=True)
    writer.patch(**{**fields, "status": "running", "error": ""})
    return ActiveRun(store, writer, known.info, params=known.data.params, on_end=_forget)


def _forget(run: ActiveRun, status: str) -> None:
    """Take a run that ends off its thread's stack, after those that are nested in it there."""
    _, stack = _open.pop(run.run_id, (run, []))
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
    return _thread.stack[-1] if _thread.stack else None


def last_active_run() -> ActiveRun | None:
    """Return the run that was started last in this thread, ended or not, or None."""
    return _thread.last


def _current() -> ActiveRun:
    return _thread.stack[-1] if _thread.stack else start_run()


def log_metric(
    key: str, value: float, step: int | None = None, timestamp: int | datetime | None = None
) -> None:
    """Log one value of a metric to the active run; see `ActiveRun.log_metric`."""
    stack = _thread.stack  # written out, because this is what training loops call
    (stack[-1] if stack else start_run()).log_metric(key, value, step, timestamp)


def _verb(method: Callable[Concatenate[ActiveRun, P], R]) -> Callable[P, R]:
    """Return the function that does to the active run what a method does to its run."""

    @functools.wraps(method)
    def verb(*args: P.args, **kwargs: P.kwargs) -> R:
        return method(_current(), *args, **kwargs)

    signature = inspect.signature(method)
    without_self = list(signature.parameters.values())[1:]
    verb.__signature__ = signature.replace(parameters=without_self)  # type: ignore[attr-defined]
    verb.__module__, verb.__qualname__ = __name__, method.__name__
    return verb


log_metrics = _verb(ActiveRun.log_metrics)
log_series = _verb(ActiveRun.log_series)
log_param = _verb(ActiveRun.log_param)
log_params = _verb(ActiveRun.log_params)
set_tag = _verb(ActiveRun.set_tag)
set_tags = _verb(ActiveRun.set_tags)
delete_tag = _verb(ActiveRun.delete_tag)
set_description = _verb(ActiveRun.set_description)
flush = _verb(ActiveRun.flush)
log_artifact = _verb(ActiveRun.log_artifact)
log_artifacts = _verb(ActiveRun.log_artifacts)
log_text = _verb(ActiveRun.log_text)
log_dict = _verb(ActiveRun.log_dict)
log_table = _verb(ActiveRun.log_table)
log_figure = _verb(ActiveRun.log_figure)
log_image = _verb(ActiveRun.log_image)
log_input = _verb(ActiveRun.log_input)
log_model = _verb(ActiveRun.log_model)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """Return the folder of the active run's artifacts, or the place of one of them in it."""
    folder = _current().artifact_dir
    return str(folder if artifact_path is None else folder / check.artifact_path(artifact_path))


def delete_run(run_id: str) -> None:
    """Mark a run as deleted: it is hidden everywhere until `restore_run`.

    Raises:
        NotFoundError: no such run.
        StateError: it is active in this process.
    """
    if run_id in _open:
        raise StateError(f"run {run_id} is active: end it before it is deleted.")
    search.get_run(check_run_id(run_id))
    target.store().write_patch(run_id, "run", {"deleted": True})


def restore_run(run_id: str) -> None:
    """Bring a deleted run back.

    Raises:
        NotFoundError: no such run.
    """
    search.get_run(check_run_id(run_id))
    target.store().write_patch(run_id, "run", {"deleted": False})


def _end_all() -> None:
    """End what still runs when the process ends: failed if an exception ended the process."""
    error = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)
    status = exit_status(error)
    text = "".join(traceback.format_exception(error)) if status == "failed" else None
    for run, _ in reversed(list(_open.values())):
        try:
            run.end(status, error=text)
        except StoreError as trouble:
            warnings.warn(f"tracksite: {trouble}", RuntimeWarning, stacklevel=1)


atexit.register(_end_all)
