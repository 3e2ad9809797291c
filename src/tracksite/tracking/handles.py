"""Handles of runs: made for a new run, for one that goes on, and found by a run's id."""

from __future__ import annotations

import atexit
import contextlib
import copyreg
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tracksite.errors import StateError, StoreError
from tracksite.store.ids import check_run_id, new_run_id
from tracksite.store.system import on_fork
from tracksite.tracking import search, target
from tracksite.tracking.active import ActiveRun
from tracksite.tracking.entities import RunInfo
from tracksite.tracking.names import run_name as readable_name
from tracksite.tracking.warning import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tracksite.tracking.entities import Run

# Every run that `start_run` began and that goes on, and the stack of its thread.
active: dict[str, tuple[ActiveRun, list[ActiveRun]]] = {}
kept: dict[str, ActiveRun] = {}  # every run that a client created and has not terminated


def begin(
    experiment: str,
    parent: str | None,
    fields: Mapping[str, Any],
    *,
    on_end: Callable[[ActiveRun, str], None],
    strict: bool = False,
) -> ActiveRun:
    """Return the handle of a new run.

    Args:
        experiment: its name.
        parent: id of the run that it is nested in.
        fields: of its first patch; `started_at` is now unless it is among them.
        on_end: called with the handle and the status as it ends.
        strict: as for `start_run`.
    """
    identity = new_run_id()
    store = target.store(create=True)
    settled = {
        "name": readable_name(identity),
        "started_at": datetime.now(UTC),
        **fields,
        "experiment": experiment,
        "status": "running",
        "parent_run_id": parent or fields.get("parent_run_id"),
    }
    writer = store.open_writer(identity, strict=strict)
    writer.patch(**settled)
    info = RunInfo(
        identity,
        settled["name"],
        experiment,
        "running",
        settled["started_at"],
        parent_run_id=settled["parent_run_id"],
        user=fields.get("user"),
        artifact_uri=str(store.artifact_dir(identity)),
        description=fields.get("description"),
    )
    return ActiveRun(store, writer, info, params={}, on_end=on_end, began=True, strict=strict)


def reopen(
    known: Run, *, on_end: Callable[[ActiveRun, str], None], strict: bool = False
) -> ActiveRun:
    """Return a handle of a run that is in the store; its status stays as it is.

    Raises:
        StateError: the run is deleted.
    """
    store, info = target.store(), known.info
    if info.lifecycle_stage == "deleted":
        raise StateError(
            f"run {info.run_id} is deleted: restore_run({info.run_id!r}) brings it back."
        )
    writer = store.open_writer(info.run_id, resume=True, strict=strict)
    return ActiveRun(store, writer, info, params=known.data.params, on_end=on_end, strict=strict)


def resume(
    known: Run,
    fields: Mapping[str, Any],
    *,
    on_end: Callable[[ActiveRun, str], None],
    strict: bool = False,
) -> ActiveRun:
    """Return a handle of a run that goes on from now; raises as `reopen`."""
    run = reopen(known, on_end=on_end, strict=strict)
    run.resumed(fields)
    return run


def keep(run: ActiveRun) -> ActiveRun:
    """Keep a handle until its run ends or this process does."""
    kept[run.run_id] = run
    return run


def dropped(run: ActiveRun, _: str) -> None:
    """Forget a handle whose run ends; what `on_end` is for runs that belong to no thread."""
    kept.pop(run.run_id, None)


def attached(store: str, run_id: str, strict: bool = False) -> ActiveRun:  # noqa: FBT001, FBT002
    """Return this process's handle of a run in a store: what a pickled handle becomes.

    What is logged to it is saved when the process ends; how the run ends is for others to say.

    Args:
        store: its folder.
        run_id: 32 hex digits.
        strict: as for `start_run`.

    Raises:
        NotFoundError: no such store or run.
        StateError: the run is deleted.
    """
    known = handle(run_id)
    if known is not None:
        return known
    with target.using(store):
        run = keep(reopen(search.get_run(run_id), on_end=dropped, strict=strict))
    if "multiprocessing.util" in sys.modules:  # its workers leave without running atexit
        from multiprocessing.util import Finalize

        Finalize(run, _release, (run,), exitpriority=0)
    return run


copyreg.pickle(ActiveRun, lambda run: (attached, run.place()))


def handle(run_id: str) -> ActiveRun | None:
    """Return the handle that this process has of a run, or None."""
    entry = active.get(check_run_id(run_id))
    return kept.get(run_id) if entry is None else entry[0]


@contextlib.contextmanager
def logging_to(run_id: str) -> Iterator[ActiveRun]:
    """Yield a handle of any run, and save what was logged where the handle was made for that.

    Raises:
        NotFoundError: no such run.
        StateError: the run is deleted.
    """
    run = handle(run_id)
    if run is not None:
        yield run
        return
    run = reopen(search.get_run(run_id), on_end=dropped)
    try:
        yield run
    finally:
        run.release()


def _release_all() -> None:
    """Save what clients logged to runs that they have not terminated: those are interrupted."""
    for run in list(kept.values()):
        _release(run)


def _release(run: ActiveRun) -> None:
    try:
        run.release()
    except StoreError as trouble:
        warn(str(trouble))


atexit.register(_release_all)
on_fork(kept.clear)
