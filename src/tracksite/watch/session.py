"""`watch`: wake, settle, build, tell the pages; until it is told to stop."""

from __future__ import annotations

import os
import threading
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

from polars.exceptions import PanicException  # no Exception: a fault inside Polars

from tracksite import config, site
from tracksite.errors import TracksiteError
from tracksite.store.local import open_store
from tracksite.watch.feed import Feed
from tracksite.watch.server import open_server
from tracksite.watch.settle import Settle

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import BaseObserver

    from tracksite.config import Settings
    from tracksite.site import BuildReport
    from tracksite.store.local import LocalStore

LIVE_POLL_S = 0.1  # points that are logged through mapped memory wake nobody
YOUNG_S = 10.0  # a living writer sets the time of its log each second
IDLE_POLL_S = 2.0  # for file systems that report no changes
RETRY_S, MOST_RETRY_S = 2.0, 60.0  # until a build that failed is tried again, doubled each time
_POLL_SHARE = 10  # looking at the store takes at most a tenth of the time


@dataclass(frozen=True)
class Tell:
    """Whom a watch tells how it goes; by default nobody.

    Attributes:
        started: gets the URL as soon as it answers.
        built: gets the report of each build that changed something, and its seconds.
        failed: gets why a build failed; the old site stays.
    """

    started: Callable[[str], object] = lambda _url: None
    built: Callable[[BuildReport, float], object] = lambda _report, _seconds: None
    failed: Callable[[str], object] = lambda _reason: None


def watch(
    store_uri: str,
    site_folder: Path,
    *,
    settings: Callable[[Path], Settings],
    settings_file: Path | None = None,
    port: int | None = None,
    stop: threading.Event | None = None,
    tell: Tell | None = None,
) -> None:
    """Serve the site of a store and keep it up to date; return when `stop` is set.

    Args:
        store_uri: the store's folder, as for `open_store`.
        site_folder: where the site is built, exactly as `tracksite build` would.
        settings: gives the settings for the store's folder; asked before each build.
        settings_file: the file that they come from; by default found as `config.find` does.
        port: the loopback port; by default the first free one from 8777 on.
        stop: ends the watch when it is set, within about two seconds.
        tell: told how it goes.

    Raises:
        NotFoundError: there is no store.
        StateError: the port is taken.
    """
    store, feed = open_store(store_uri), Feed()
    server = open_server(site_folder.absolute(), feed, port)
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    wake = _Wake(store)
    try:
        tell = tell or Tell()
        tell.started(server.url)
        builder = _Builder(store, site_folder, settings, feed, tell)
        _keep_up(store, settings_file, builder, wake, stop or threading.Event())
    finally:
        wake.stop()
        feed.close()
        server.shutdown()
        server.server_close()


def _keep_up(
    store: LocalStore,
    settings_file: Path | None,
    builder: _Builder,
    wake: _Wake,
    stop: threading.Event,
) -> None:
    """Build now, and again whenever what the site is made from has changed and settled."""
    seen = _state(store, settings_file, builder.troubled)
    builder.build()  # the first one writes everything: no measure of how long to rest
    settle = Settle()
    while not stop.is_set():
        looked_at = time.monotonic()
        state = _state(store, settings_file, builder.troubled)
        now = time.monotonic()
        if state != seen:
            settle, seen = settle.changed(now), state
        due_at = builder.retry_at if settle.due_at() is None else settle.due_at()
        if due_at is not None and due_at <= now:
            builder.build()
            settle = settle.built(now, time.monotonic())
            continue
        pause = max(_poll_s(store), _POLL_SHARE * (now - looked_at))
        wake.wait(pause if due_at is None else min(pause, due_at - now))


def _state(
    store: LocalStore, settings_file: Path | None, troubled: Collection[str]
) -> tuple[object, ...]:
    """Return what changes whenever the site may.

    Args:
        store: what the site is made from.
        settings_file: how.
        troubled: runs of which files were missing or damaged, and may be mended without a patch.
    """
    try:
        state = store.state()
        files = [_below(store.artifact_dir(run_id)) for run_id in sorted(troubled)]
    except (OSError, TracksiteError) as error:
        state, files = f"unreadable: {error}", []
    file = settings_file or config.find(store.root)
    try:
        stat = file.stat() if file else None
    except OSError:
        stat = None
    return state, files, stat and (str(file), stat.st_mtime_ns, stat.st_size)


def _below(folder: Path) -> list[tuple[str, int, int]]:
    """Return name, size and time of every file below a folder."""
    found = []
    for parent, _, names in os.walk(folder):
        for name in names:
            status = os.lstat(f"{parent}/{name}")
            found.append((f"{parent}/{name}", status.st_size, status.st_mtime_ns))
    return sorted(found)


def _poll_s(store: LocalStore) -> float:
    """Return how soon to look again: soon while the heartbeat of a live log is young."""
    try:
        beats = [log.stat().st_mtime for log in (store.root / "live").iterdir()]
    except OSError:  # one became a part just now, so there are some
        return LIVE_POLL_S
    return LIVE_POLL_S if max(beats, default=0.0) > time.time() - YOUNG_S else IDLE_POLL_S


class _Builder:
    """Builds the site and tells the pages and the terminal how it went."""

    def __init__(
        self,
        store: LocalStore,
        site_folder: Path,
        settings: Callable[[Path], Settings],
        feed: Feed,
        tell: Tell,
    ) -> None:
        self._store, self._site, self._settings = store, site_folder, settings
        self._feed, self._tell = feed, tell
        self.troubled: frozenset[str] = frozenset()  # runs of which the last build missed files
        self._known = False  # whether the open pages can know what a build changed
        self.retry_at: float | None = None  # when to try again, though nothing changed
        self._reason = ""  # why the last build failed; "" when it did not
        self._retry_s = RETRY_S

    def build(self) -> None:
        """Build once; a failure is told, never raised."""
        began = time.monotonic()
        try:
            settings = self._settings(self._store.root)
            report = site.build(self._store.root, self._site, settings=settings)
        except (Exception, PanicException) as error:  # noqa: BLE001 - the watch goes on
            self._tell_failure(error)
            return
        self.troubled = frozenset(it.run_id for it in report.problems if it.run_id is not None)
        changed = (*report.written, *report.removed)
        news = bool(changed or self._reason or not self._known)
        known = self._known and not self._reason  # a page may show why the last one failed
        self._feed.built(tuple(map(str, changed)) if known else None)
        if news:
            self._tell.built(report, time.monotonic() - began)
        self._known, self._reason = True, ""
        self.retry_at, self._retry_s = None, RETRY_S

    def _tell_failure(self, error: BaseException) -> None:
        """Tell why a build failed, once, and say when it is tried again: a disk may have room."""
        known = isinstance(error, TracksiteError)
        reason = str(error) if known else f"{type(error).__name__}: {error}"
        self._feed.failed(reason)
        if reason != self._reason:
            told = reason if known else "".join(traceback.format_exception(error))
            self._tell.failed(told)
        self._reason = reason
        self.retry_at = time.monotonic() + self._retry_s
        self._retry_s = min(2 * self._retry_s, MOST_RETRY_S)


class _Wake:
    """Wakes the watch when a file of the store's folders comes, goes or is written."""

    def __init__(self, store: LocalStore) -> None:
        self._event = threading.Event()
        self._observer = _observe(store, self._event)

    def wait(self, timeout_s: float) -> None:
        """Return when something happened since the last call, or at the timeout."""
        if self._event.wait(timeout_s):
            self._event.clear()

    def stop(self) -> None:
        """Stop watching."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()


def _tells(event: FileSystemEvent) -> bool:
    """Return whether something happened to a file of the store: not to one of a moment's use.

    A build makes such a file to ask for the file system's time, and must not wake itself.
    """
    path = os.fsdecode(event.dest_path or event.src_path)
    return not os.path.basename(path).startswith("tmp-")  # noqa: PTH119 - a name, not a file


def _observe(store: LocalStore, woken: threading.Event) -> BaseObserver | None:
    """Return an observer that sets `woken`; None where the system gives no more watches."""
    from watchdog.events import (
        FileCreatedEvent,
        FileDeletedEvent,
        FileModifiedEvent,
        FileMovedEvent,
        FileSystemEventHandler,
    )
    from watchdog.observers import Observer

    def _set(event: FileSystemEvent) -> None:
        if _tells(event):
            woken.set()

    handler = FileSystemEventHandler()
    handler.on_any_event = _set  # type: ignore[method-assign]
    kinds = [FileCreatedEvent, FileDeletedEvent, FileModifiedEvent, FileMovedEvent]
    observer = Observer()
    try:
        for folder in ("log", "live"):  # what a run logs is complete once its patch is there
            observer.schedule(handler, str(store.root / folder), event_filter=kinds)
        observer.start()
    except (OSError, RuntimeError):  # no inotify to be had, or no more threads
        return None  # then the poll alone finds changes
    return observer
