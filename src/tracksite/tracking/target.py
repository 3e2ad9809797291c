"""Where this process logs to and reads from: the store, and the active experiment."""

from __future__ import annotations

import contextlib
import os
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracksite.errors import ArgumentError, NotFoundError
from tracksite.store.ids import experiment_id
from tracksite.store.local import open_store, path_of
from tracksite.tracking.refusing import refusing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracksite.store.local import LocalStore

STORE_VARIABLE = "TRACKSITE_STORE"
EXPERIMENT_VARIABLE = "TRACKSITE_EXPERIMENT"
DEFAULT_STORE = "./runs"
DEFAULT_EXPERIMENT = "Default"


@dataclass
class _Chosen:
    uri: str | None = None  # as given
    place: Path | None = None  # the same, made absolute when it was given
    experiment: str | None = None


_chosen = _Chosen()
_passed: dict[str, tuple[str, str | None]] = {}  # variable → what we put there, what was there
_used: ContextVar[str | None] = ContextVar("tracksite_store", default=None)


@refusing
def set_tracking_uri(uri: str | os.PathLike[str] | None) -> None:
    """Choose the store of the runs that start from now on, and of all queries.

    Processes that this one starts use it too: TRACKSITE_STORE says so in their environment.

    Args:
        uri: a folder, relative to the present working folder or absolute, or a `file:` URI;
            it is created when the first run starts. None: back to the default, which is the
            environment variable TRACKSITE_STORE or else `./runs`.

    Raises:
        ArgumentError: it names no folder.
        StoreError: another scheme than `file:`.
    """
    if uri is None:
        _chosen.uri = _chosen.place = None
        _pass_on(STORE_VARIABLE, None)
        return
    text = os.fspath(uri)
    if not text.strip():
        raise ArgumentError(f"tracking URI {uri!r} names no folder: pass one, such as './runs'.")
    _chosen.uri, _chosen.place = text, path_of(text)
    _pass_on(STORE_VARIABLE, str(_chosen.place))


def _pass_on(variable: str, value: str | None) -> None:
    """Say a choice to the processes that are started; None: what was said from outside, again."""
    ours, outside = _passed.pop(variable, (None, None))
    now = os.environ.get(variable)
    if ours is None or now != ours:  # somebody else said something since
        outside = now
    if value is not None:
        _passed[variable] = value, outside
    said = outside if value is None else value
    with contextlib.suppress(UnicodeEncodeError):  # an environment that holds ASCII alone
        os.environ.pop(variable, None)
        if said is not None:
            os.environ[variable] = said


def get_tracking_uri() -> str:
    """Return the store in use, as it was given to `set_tracking_uri` or by TRACKSITE_STORE."""
    return _used.get() or _chosen.uri or os.environ.get(STORE_VARIABLE) or DEFAULT_STORE


def is_tracking_uri_set() -> bool:
    """Return whether the store was chosen, by `set_tracking_uri` or by TRACKSITE_STORE."""
    return bool(_chosen.uri or os.environ.get(STORE_VARIABLE))


@refusing
def set_registry_uri(uri: str | os.PathLike[str] | None) -> None:
    """Accept the store in use as the place of registered models, which it always is.

    Raises:
        ArgumentError: another place.
    """
    if uri and path_of(os.fspath(uri)) != path_of(
        _used.get() or _chosen.place or get_tracking_uri()
    ):
        raise ArgumentError(
            f"registry URI {os.fspath(uri)!r} is not the store {get_tracking_uri()!r}: models are "
            "registered in the store of their runs, so leave set_registry_uri() out."
        )


def get_registry_uri() -> str:
    """Return where registered models are: the store in use."""
    return get_tracking_uri()


def store(*, create: bool = False) -> LocalStore:
    """Open the store in use.

    Raises:
        NotFoundError: there is none yet, and `create` is false.
        StoreError: it cannot be read or created, or is of a newer format.
    """
    return open_store(place(), create=create)


def place() -> Path:
    """Return the folder of the store in use, which need not exist."""
    return path_of(_used.get() or _chosen.place or get_tracking_uri())


@contextlib.contextmanager
def using(uri: str | None) -> Iterator[None]:
    """Take another store than the one that was chosen, in this thread, while this lasts.

    Args:
        uri: as for `set_tracking_uri`; None: the chosen one.
    """
    if uri is None:
        yield
        return
    token = _used.set(str(path_of(uri)))
    try:
        yield
    finally:
        _used.reset(token)


def set_active_experiment(name: str | None) -> None:
    """Choose the experiment of the runs that start from now on; None: the default again.

    Processes that this one starts use it too, by TRACKSITE_EXPERIMENT in their environment.
    """
    _chosen.experiment = name
    _pass_on(EXPERIMENT_VARIABLE, name)


def active_experiment() -> str:
    """Return the active experiment's name: chosen, or TRACKSITE_EXPERIMENT, or "Default"."""
    return _chosen.experiment or os.environ.get(EXPERIMENT_VARIABLE) or DEFAULT_EXPERIMENT


def has_changed(identity: str) -> bool:
    """Return whether an entity may have been changed since it was made; cheap, no part is read."""
    try:
        root = store().root
    except NotFoundError:
        return False
    loose = sum(1 for _ in root.glob(f"log/{identity}.*.runs.parquet"))
    return loose > 1 or any(root.glob("manifest/*.json"))


def declare_experiment(
    name: str, *, description: str | None = None, tags: dict[str, str] | None = None
) -> str:
    """Write that an experiment exists, with what is known of it; return its id."""
    identity = experiment_id(name)
    target = store(create=True)
    # One tiny part per process would be too much for a store of many short runs.
    known = any(target.root.glob(f"log/{identity}.*.runs.parquet"))
    if not known or description is not None or tags:
        target.write_patch(
            identity,
            "experiment",
            {"name": name, "description": description, "tags": tags or {}},
        )
    return identity
